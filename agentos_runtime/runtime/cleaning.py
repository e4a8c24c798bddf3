"""Secrets stay out of streams too, also when an upstream echoes one cut in pieces."""

from agentos_runtime.calls.accumulate import APPENDED_TEXTS, Accumulator
from agentos_runtime.credentials.redactor import Redactor, StreamRedactor
from agentos_runtime.jsontext import Json


class CleanAccumulator:
    """Cleans deltas before they are added up and passed on.

    A text that goes on from delta to delta has a redactor of its own, which may hold its end back; `flush` gives
    what was held as one more delta.
    """

    def __init__(self, inner: Accumulator, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor
        self._texts: dict[str | int, StreamRedactor] = {}

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
        if not isinstance(delta, dict):
            return self._redactor.clean(delta)
        cleaned: dict[str, Json] = {}
        for key, value in delta.items():
            if key in APPENDED_TEXTS and isinstance(value, str):
                cleaned[key] = self._feed(key, value)
            elif key == "tool_calls" and isinstance(value, list):
                cleaned[key] = [self._clean_call(part, position) for position, part in enumerate(value)]
            else:
                cleaned[key] = self._redactor.clean(value)
        return cleaned

    def _clean_call(self, part: Json, position: int) -> Json:
        if not isinstance(part, dict):
            return part
        cleaned = {key: self._redactor.clean(value) for key, value in part.items() if key != "input_json"}
        text = part.get("input_json")
        if isinstance(text, str):
            index = part.get("index", position)
            cleaned["input_json"] = self._feed(index if isinstance(index, int) else position, text)
        return cleaned

    def _feed(self, channel: str | int, text: str) -> str:
        redactor = self._texts.get(channel)
        if redactor is None:
            redactor = self._texts[channel] = self._redactor.stream()
        return redactor.feed(text)


def _delta(channel: str | int, text: str) -> Json:
    if channel == "":
        return text
    if isinstance(channel, int):
        return {"tool_calls": [{"index": channel, "input_json": text}]}
    return {channel: text}
