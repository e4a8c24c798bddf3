"""Deltas add up to what the plain call would have returned.

`chat` follows the canonical chat: strings append, tool calls and reasoning details are kept apart by their index,
everything else is the last that was said. `text`, `list` and `last` serve every other stream.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from agentos_runtime.jsontext import Json

APPENDED_TEXTS = frozenset({"content", "reasoning", "refusal"})
APPENDED_LISTS = frozenset({"annotations", "images", "parts", "logprobs"})
DETAIL_TEXTS = frozenset({"text", "summary", "data"})
AUDIO_TEXTS = frozenset({"data", "transcript"})


class DeltaError(ValueError):
    """A delta has not the shape that its stream adds up; the message says which, without its data."""


class Accumulator(Protocol):
    """Adds deltas up."""

    def add(self, delta: Json) -> Json | None:
        """Take one delta; gives what of it is news for the caller, None when nothing is. Raises DeltaError."""
        ...

    def total(self) -> Json:
        """What the deltas so far add up to."""
        ...


class ChatAccumulator:
    """Canonical chat deltas."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Json]] = {}
        self._calls: dict[int, _Call] = {}
        self._details: dict[tuple[Json, Json], dict[str, Json]] = {}
        self._audio: dict[str, Json] = {}
        self._usage: dict[str, Json] = {}
        self._empty_content = False
        self._last: dict[str, Json] = {}

    def add(self, delta: Json) -> Json | None:
        if not isinstance(delta, dict):
            raise DeltaError("a chat delta must be an object")
        news: dict[str, Json] = {}
        for key, value in delta.items():
            if value is None or value == "" or value == []:
                self._empty_content = self._empty_content or (key == "content" and value == "")
                continue
            if self._take(key, value):
                news[key] = value
        return news or None

    def total(self) -> Json:
        total: dict[str, Json] = {"content": "" if self._empty_content else None}
        total |= {key: "".join(texts) for key, texts in self._texts.items()}
        if self._calls:
            total["tool_calls"] = [call.total() for _, call in sorted(self._calls.items())]
        total |= {key: list(items) for key, items in self._lists.items()}
        if self._details:
            total["reasoning_details"] = list(self._details.values())
        if self._audio:
            total["audio"] = dict(self._audio)
        if self._usage:
            total["usage"] = dict(self._usage)
        return total | self._last

    def _take(self, key: str, value: Json) -> bool:
        if key in APPENDED_TEXTS:
            return self._take_text(key, value)
        if key in APPENDED_LISTS:
            self._lists.setdefault(key, []).extend(_list(key, value))
            return True
        if key == "usage":
            return self._take_usage(value)
        special = _SPECIAL.get(key)
        if special is not None:
            special(self, value)
            return True
        if self._last.get(key) == value:
            return False
        self._last[key] = value
        return True

    def _take_text(self, key: str, value: Json) -> bool:
        if not isinstance(value, str):
            raise DeltaError(f"a delta's {key} must be a text")
        self._texts.setdefault(key, []).append(value)
        return True

    def _take_calls(self, value: Json) -> None:
        for part in _list("tool_calls", value):
            if not isinstance(part, dict):
                raise DeltaError("a delta's tool_calls must be objects")
            index = part.get("index")
            if index is None:
                index = self._place(part)
            if not isinstance(index, int) or isinstance(index, bool):
                raise DeltaError("a tool call's index must be a whole number")
            self._calls.setdefault(index, _Call()).add(part)

    def _place(self, part: Mapping[str, Json]) -> int:
        """Where a part without an index belongs: a name begins a call, others go on with the last."""
        last = max(self._calls, default=-1)
        return last + 1 if part.get("name") or last < 0 else last

    def _take_usage(self, value: Json) -> bool:
        """Some services tell the tokens in at the start and those out at the end: each number is the last told."""
        if not isinstance(value, dict):
            raise DeltaError("a delta's usage must be an object")
        before = dict(self._usage)
        self._usage |= {key: number for key, number in value.items() if number is not None}
        return self._usage != before

    def _take_details(self, value: Json) -> None:
        for position, part in enumerate(_list("reasoning_details", value)):
            if not isinstance(part, dict):
                raise DeltaError("a delta's reasoning_details must be objects")
            index = part.get("index")
            key = (position if index is None else _hashable(index), _hashable(part.get("type")))
            _merge(self._details.setdefault(key, {}), part, DETAIL_TEXTS)

    def _take_audio(self, value: Json) -> None:
        if not isinstance(value, dict):
            raise DeltaError("a delta's audio must be an object")
        _merge(self._audio, value, AUDIO_TEXTS)


_SPECIAL: Mapping[str, Callable[[ChatAccumulator, Json], None]] = {
    "tool_calls": ChatAccumulator._take_calls,
    "reasoning_details": ChatAccumulator._take_details,
    "audio": ChatAccumulator._take_audio,
}


class _Call:
    """One tool call: its first id and name count, since later chunks repeat them as null or ""."""

    __slots__ = ("_input", "_named")

    def __init__(self) -> None:
        self._named: dict[str, Json] = {}
        self._input: list[str] = []

    def add(self, part: dict[str, Json]) -> None:
        for key, value in part.items():
            if key == "input_json":
                if isinstance(value, str):
                    self._input.append(value)
                elif value is not None:
                    raise DeltaError("a tool call's input_json must be a text")
            elif key != "index" and value is not None and value != "":
                self._named.setdefault(key, value)

    def total(self) -> dict[str, Json]:
        return {"id": None, "name": None} | self._named | {"input_json": "".join(self._input)}


class TextAccumulator:
    """Texts, one after the other."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, delta: Json) -> Json | None:
        if delta is None or delta == "":
            return None
        if not isinstance(delta, str):
            raise DeltaError("a delta of a text stream must be a text")
        self._texts.append(delta)
        return delta

    def total(self) -> Json:
        return "".join(self._texts)


class ListAccumulator:
    """Every delta is one item."""

    def __init__(self) -> None:
        self._items: list[Json] = []

    def add(self, delta: Json) -> Json | None:
        self._items.append(delta)
        return delta

    def total(self) -> Json:
        return list(self._items)


class LastAccumulator:
    """Only the last delta that is not null counts."""

    def __init__(self) -> None:
        self._last: Json = None

    def add(self, delta: Json) -> Json | None:
        if delta is not None:
            self._last = delta
        return delta

    def total(self) -> Json:
        return self._last


ACCUMULATORS: Mapping[str, Callable[[], Accumulator]] = {
    "chat": ChatAccumulator,
    "text": TextAccumulator,
    "list": ListAccumulator,
    "last": LastAccumulator,
}


def _list(key: str, value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise DeltaError(f"a delta's {key} must be a list")
    return value


def _hashable(value: Json) -> Json:
    return str(value) if isinstance(value, list | dict) else value


def _merge(into: dict[str, Json], part: Mapping[str, Json], texts: frozenset[str]) -> None:
    """Texts append, everything else is the last that was said."""
    for key, value in part.items():
        before = into.get(key)
        if key in texts and isinstance(before, str) and isinstance(value, str):
            into[key] = before + value
        elif value is not None or key not in into:
            into[key] = value
