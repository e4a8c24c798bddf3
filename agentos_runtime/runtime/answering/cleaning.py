"""Secrets stay out of streams too, also when an upstream echoes one cut in pieces."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from agentos_runtime.calls.accumulate import (
    APPENDED_TEXTS,
    AUDIO_TEXTS,
    DETAIL_TEXTS,
    Accumulator,
    ChatAccumulator,
    TextAccumulator,
)
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.results import Results
from agentos_runtime.security.credentials.redactor import StreamRedactor

Channel: TypeAlias = tuple[Json, ...]
"""Names one text that goes on from delta to delta: where it stands in a delta of its kind."""

TEXT: Channel = ("text",)
UNNUMBERED: Channel = ("tool_calls", None)
"""The tool call that parts without an index go on with."""


class CleanAccumulator:
    """Cleans the texts that go on from delta to delta before they are added up and passed on.

    Each has a redactor of its own, which may hold its end back; `flush` gives what was held as one more delta.
    Everything else can only hold a secret whole, and is cleaned with the event that it leaves in.
    """

    def __init__(self, inner: Accumulator, results: Results) -> None:
        self._inner = inner
        self._results = results
        self._texts: dict[Channel, StreamRedactor] = {}
        self._clean_texts = _TEXTS_OF.get(type(inner), _no_texts)

    def add(self, delta: Json) -> Json | None:
        return self._inner.add(self._clean_texts(self, delta))

    def total(self) -> Json:
        return self._inner.total()

    def flush(self, *, cut: bool = False) -> list[Json]:
        """What was held back, now that nothing follows; cut: although more was to follow."""
        news: list[Json] = []
        for channel, redactor in self._texts.items():
            text = redactor.flush(cut=cut)
            if text and (fresh := self._inner.add(_delta(channel, text))) is not None:
                news.append(fresh)
        return news

    def feed(self, channel: Channel, text: str) -> str:
        """What of a text's next piece can be passed on now."""
        redactor = self._texts.get(channel)
        if redactor is None:
            redactor = self._texts[channel] = self._results.stream()
        return redactor.feed(text)

    def feed_all(self, holder: dict[str, Json], keys: frozenset[str], *above: Json) -> None:
        """Feed those texts of an object that go on; `above` names the object."""
        for key in keys & holder.keys():
            text = holder[key]
            if isinstance(text, str):
                holder[key] = self.feed((*above, key), text)

    def release(self, channel: Channel) -> str:
        """What was held back of a text that does not go on."""
        redactor = self._texts.get(channel)
        return redactor.flush() if redactor else ""


def _clean_chat(cleaner: CleanAccumulator, delta: Json) -> Json:
    if not isinstance(delta, dict):
        return delta
    cleaner.feed_all(delta, APPENDED_TEXTS)
    if delta.get("tool_calls"):
        delta["tool_calls"] = _clean_calls(cleaner, delta["tool_calls"])
    details = delta.get("reasoning_details")
    for position, part in enumerate(details if isinstance(details, list) else ()):
        if isinstance(part, dict):
            index = part.get("index")
            place = position if index is None else _name(index)
            cleaner.feed_all(part, DETAIL_TEXTS, "reasoning_details", place, _name(part.get("type")))
    audio = delta.get("audio")
    if isinstance(audio, dict):
        cleaner.feed_all(audio, AUDIO_TEXTS, "audio")
    return delta


def _clean_calls(cleaner: CleanAccumulator, calls: Json) -> Json:
    if not isinstance(calls, list):
        return calls
    cleaned: list[Json] = []
    for part in calls:
        if isinstance(part, dict):
            index = part.get("index")
            channel = UNNUMBERED if type(index) is not int else ("tool_calls", index)
            if channel is UNNUMBERED and part.get("name") and (held := cleaner.release(channel)):
                cleaned.append({"input_json": held})
            if isinstance(text := part.get("input_json"), str):
                part["input_json"] = cleaner.feed(channel, text)
        cleaned.append(part)
    return cleaned


def _clean_text(cleaner: CleanAccumulator, delta: Json) -> Json:
    return cleaner.feed(TEXT, delta) if isinstance(delta, str) else delta


def _no_texts(cleaner: CleanAccumulator, delta: Json) -> Json:
    """Deltas that stand for themselves: no text of one goes on in the next."""
    return delta


_TEXTS_OF: Mapping[type[Accumulator], Callable[[CleanAccumulator, Json], Json]] = {
    ChatAccumulator: _clean_chat,
    TextAccumulator: _clean_text,
}


def _name(value: Json) -> Json:
    return str(value) if isinstance(value, list | dict) else value


def _delta(channel: Channel, text: str) -> Json:
    """The delta with which a text goes on."""
    match channel:
        case ("text",):
            return text
        case ("tool_calls", None):
            return {"tool_calls": [{"input_json": text}]}
        case ("tool_calls", index):
            return {"tool_calls": [{"index": index, "input_json": text}]}
        case ("reasoning_details", index, kind, str(key)):
            return {"reasoning_details": [{"index": index, "type": kind, key: text}]}
        case ("audio", str(key)):
            return {"audio": {key: text}}
    return {str(channel[0]): text}
