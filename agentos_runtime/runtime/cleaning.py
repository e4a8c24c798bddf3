"""Secrets stay out of streams too, also when an upstream echoes one cut in pieces."""

from agentos_runtime.calls.accumulate import APPENDED_TEXTS, Accumulator
from agentos_runtime.credentials.redactor import Redactor, StreamRedactor
from agentos_runtime.jsontext import Json


UNNUMBERED = -1
"""The tool call that parts without an index go on with."""


class CleanAccumulator:
    """Cleans deltas before they are added up and passed on.

    A text that goes on from delta to delta has a redactor of its own, which may hold its end back; `flush` gives
    what was held as one more delta. Everything else can only hold a secret whole, and is searched for one only when
    `suspect` says that the batch it came in has one.
    """

    def __init__(self, inner: Accumulator, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor
        self._texts: dict[str | int, StreamRedactor] = {}
        self._suspicious = False

    def suspect(self, text: bytes) -> None:
        """Look at the JSON text of the deltas that come next."""
        self._suspicious = not text or self._redactor.found_in(text)

    def add(self, delta: Json) -> Json | None:
        return self._inner.add(self._clean(delta))

    def total(self) -> Json:
        return self._inner.total()

    def flush(self) -> list[Json]:
        """What was held back, now that nothing follows."""
        news: list[Json] = []
        for channel, redactor in self._texts.items():
            text = redactor.flush()
            if text and (fresh := self._inner.add(_delta(channel, text))) is not None:
                news.append(fresh)
        return news

    def _clean(self, delta: Json) -> Json:
        if isinstance(delta, str):
            return self._feed("", delta)
        if self._suspicious:
            delta = self._redactor.clean(delta)
        if not isinstance(delta, dict):
            return delta
        for key in APPENDED_TEXTS & delta.keys():
            text = delta[key]
            if isinstance(text, str):
                delta[key] = self._feed(key, text)
        calls = delta.get("tool_calls")
        for part in calls if isinstance(calls, list) else ():
            if isinstance(part, dict) and isinstance(text := part.get("input_json"), str):
                index = part.get("index")
                part["input_json"] = self._feed(index if isinstance(index, int) else UNNUMBERED, text)
        return delta

    def _feed(self, channel: str | int, text: str) -> str:
        redactor = self._texts.get(channel)
        if redactor is None:
            redactor = self._texts[channel] = self._redactor.stream()
        return redactor.feed(text)


def _delta(channel: str | int, text: str) -> Json:
    if channel == "":
        return text
    if channel == UNNUMBERED:
        return {"tool_calls": [{"input_json": text}]}
    if isinstance(channel, int):
        return {"tool_calls": [{"index": channel, "input_json": text}]}
    return {channel: text}
