"""Deltas add up to what the plain call would have returned.

`chat` follows the canonical chat: strings append, pieces of calls, reasoning and blocks find each other
(`calls.adding`), everything else is the last that was said. `text`, `list` and `last` serve every other stream.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

from agentos_runtime.calls.adding.blocks import Blocks
from agentos_runtime.calls.adding.reasoning import Details
from agentos_runtime.calls.adding.texts import Channel, DeltaError, JoinedTexts, PlainTexts, Texts, listed
from agentos_runtime.calls.adding.tool_calls import ToolCalls
from agentos_runtime.jsontext import Json, dump

TEXTS = frozenset({"content", "reasoning", "refusal"})
"""Of a chat's delta, what goes on from one to the next."""
_TOLD_AGAIN = frozenset({"annotations", "images"})
"""Lists of which some services tell in each chunk all that there are so far."""
_LISTS = frozenset({"annotations", "images", "parts", "logprobs", "logprobs_refusal", "debug"})
_AUDIO_TEXTS = frozenset({"data", "transcript"})
_PLAIN_TEXTS = PlainTexts()


class Accumulator(Protocol):
    """Adds deltas up."""

    def add(self, delta: Json) -> Json | None:
        """Take one delta; gives what of it is news for the caller, None when nothing is. Raises DeltaError."""
        ...

    def flush(self, *, cut: bool = False) -> list[Json]:
        """What was held back, as news, now that nothing follows; cut: although more was to follow."""
        ...

    def total(self) -> Json:
        """What the deltas so far add up to."""
        ...


class ChatAccumulator:
    """Canonical chat deltas. All texts that go on pass through `texts`."""

    def __init__(self, texts: Texts = _PLAIN_TEXTS) -> None:
        self._joined = JoinedTexts(texts)
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Json]] = {}
        self._said: set[bytes] = set()
        self._calls = ToolCalls(self._joined)
        self._details = Details(self._joined)
        self._blocks = Blocks()
        self._native: dict[str, Json] = {}
        self._audio: dict[str, Json] = {}
        self._usage: dict[str, Json] = {}
        self._empty_content = False
        self._last: dict[str, Json] = {}
        self._is_corrected = False
        """Whether callers were told that an end is one for tools: some services end all alike."""

    def add(self, delta: Json) -> Json | None:
        if not isinstance(delta, dict):
            raise DeltaError("a chat delta must be an object")
        news: dict[str, Json] = {}
        if delta.get("native_stop_reason") and delta.get("stop_reason", "") is None:
            self._last.pop("stop_reason", None)  # the last reason is one that nobody knows
        last = self._last
        for key, value in delta.items():
            if value is None or value == last.get(key):
                continue
            if value == "" or value == []:
                self._empty_content = self._empty_content or (key == "content" and value == "")
                continue
            fresh = self._take_text(key, value) if key in TEXTS else self._take(key, value)
            if fresh is not None:
                news[key] = fresh
        if last.get("stop_reason") == "end_turn" and self._calls.is_any_named and not self._is_corrected:
            news["stop_reason"] = "tool_use"
            self._is_corrected = True
        return news or None

    def add_texts(self, key: str, texts: Sequence[str]) -> list[str]:
        """Take deltas that hold one of the texts each, none of them empty or with half of a character, and nothing
        else; gives what of them is news.
        """
        fresh = self._joined.feed_each((key,), texts)
        self._texts.setdefault(key, []).extend(fresh)
        return [text for text in fresh if text]

    def flush(self, *, cut: bool = False) -> list[Json]:
        calls: list[Json] = self._calls.flush()
        news: list[Json] = [{"tool_calls": calls}] if calls else []
        for channel in self._joined.open():
            text = self._joined.end(channel, cut=cut)
            fresh = self._go_on(channel, text) if text or channel[-1] == "data" else None
            if fresh:
                news.append({str(channel[0]): fresh})
        return news

    def total(self) -> Json:
        total: dict[str, Json] = {"content": "" if self._empty_content else None}
        total |= {key: "".join(texts) for key, texts in self._texts.items()}
        if self._calls:
            total["tool_calls"] = self._calls.total()
        total |= {key: list(items) for key, items in self._lists.items()}
        if self._details:
            total["reasoning_details"] = self._details.total()
        if self._blocks:
            total["blocks"] = self._blocks.total()
        if self._native:
            total["native"] = dict(self._native)
        if self._audio:
            total["audio"] = dict(self._audio)
        if self._usage:
            total["usage"] = dict(self._usage)
        return total | self._last

    def _take(self, key: str, value: Json) -> Json | None:
        """What is news of one key's value that is no text, None when nothing is."""
        if key in _LISTS:
            items: list[Json] = [value] if key == "debug" and isinstance(value, dict) else [*listed(key, value)]
            items = self._unsaid(items) if key in _TOLD_AGAIN else items
            self._lists.setdefault(key, []).extend(items)
            return [*items] or None
        special = _SPECIAL.get(key)
        if special is not None:
            return special(self, value) or None
        self._last[key] = value
        return value

    def _unsaid(self, items: list[Json]) -> list[Json]:
        """Those that no delta before this one told."""
        marks = [blake2b(dump(item), digest_size=16).digest() for item in items]
        fresh = [item for item, mark in zip(items, marks, strict=True) if mark not in self._said]
        self._said.update(marks)
        return fresh

    def _take_text(self, key: str, value: Json) -> Json | None:
        if not isinstance(value, str):
            raise DeltaError(f"a delta's {key} must be a text")
        text = self._joined.feed((key,), value)
        self._texts.setdefault(key, []).append(text)
        return text or None

    def _take_calls(self, value: Json) -> Json:
        news: Json = self._calls.take(value)
        return news

    def _take_details(self, value: Json) -> Json:
        news: Json = self._details.take(value)
        return news

    def _take_blocks(self, value: Json) -> Json:
        self._blocks.take(value)
        return None

    def _take_native(self, value: Json) -> Json:
        """A provider's own numbers and words: the last told of each, for `stream.reply` only."""
        if not isinstance(value, dict):
            raise DeltaError("a delta's native must be an object")
        self._native |= {key: said for key, said in value.items() if _is_news(said, self._native.get(key))}
        return None

    def _take_usage(self, value: Json) -> Json:
        """Some services tell the tokens in at the start and those out at the end: each number is the last told, but
        for the 0 with which some end.
        """
        if not isinstance(value, dict):
            raise DeltaError("a delta's usage must be an object")
        before = dict(self._usage)
        self._usage |= {key: number for key, number in value.items() if _is_news(number, before.get(key))}
        return {key: self._usage.get(key) for key in value} if self._usage != before else None

    def _take_audio(self, value: Json) -> Json:
        if not isinstance(value, dict):
            raise DeltaError("a delta's audio must be an object")
        news = {
            key: self._joined.feed(("audio", key), part) if key in _AUDIO_TEXTS and isinstance(part, str) else part
            for key, part in value.items()
        }
        for key, part in news.items():
            before = self._audio.get(key)
            if key in _AUDIO_TEXTS and isinstance(before, str) and isinstance(part, str):
                self._audio[key] = before + part
            elif part is not None or key not in self._audio:
                self._audio[key] = part
        return news

    def _go_on(self, channel: Channel, text: str) -> Json | None:
        """Add what was held back of one text; gives the news."""
        match channel:
            case ("tool_calls", int(index), str(key)):
                return self._calls.go_on(index, key, text) or None
            case ("reasoning_details", str(key)):
                return self._details.go_on(key, text) or None
            case ("audio", str(key)):
                if not text:
                    return None
                self._audio[key] = f"{self._audio.get(key) or ''}{text}"
                return {key: text}
        self._texts.setdefault(str(channel[0]), []).append(text)
        return text


_SPECIAL: Mapping[str, Callable[[ChatAccumulator, Json], Json]] = {
    "tool_calls": ChatAccumulator._take_calls,
    "reasoning_details": ChatAccumulator._take_details,
    "blocks": ChatAccumulator._take_blocks,
    "native": ChatAccumulator._take_native,
    "usage": ChatAccumulator._take_usage,
    "audio": ChatAccumulator._take_audio,
}


def _is_news(said: Json, before: Json) -> bool:
    """Whether a number or a word takes the place of the one before."""
    return said is not None and not (type(said) in (int, float) and said == 0 and bool(before))


class TextAccumulator:
    """Texts, one after the other."""

    def __init__(self, texts: Texts = _PLAIN_TEXTS) -> None:
        self._joined = JoinedTexts(texts)
        self._texts: list[str] = []

    def add(self, delta: Json) -> Json | None:
        if delta is None or delta == "":
            return None
        if not isinstance(delta, str):
            raise DeltaError("a delta of a text stream must be a text")
        text = self._joined.feed(("text",), delta)
        self._texts.append(text)
        return text or None

    def flush(self, *, cut: bool = False) -> list[Json]:
        text = self._joined.end(("text",), cut=cut)
        self._texts.append(text)
        return [text] if text else []

    def total(self) -> Json:
        return "".join(self._texts)


class ListAccumulator:
    """Every delta is one item, which stands for itself."""

    def __init__(self, texts: Texts = _PLAIN_TEXTS) -> None:
        self._items: list[Json] = []

    def add(self, delta: Json) -> Json | None:
        self._items.append(delta)
        return delta

    def flush(self, *, cut: bool = False) -> list[Json]:
        return []

    def total(self) -> Json:
        return list(self._items)


class LastAccumulator:
    """Only the last delta that is not null counts."""

    def __init__(self, texts: Texts = _PLAIN_TEXTS) -> None:
        self._last: Json = None

    def add(self, delta: Json) -> Json | None:
        if delta is not None:
            self._last = delta
        return delta

    def flush(self, *, cut: bool = False) -> list[Json]:
        return []

    def total(self) -> Json:
        return self._last


ACCUMULATORS: Mapping[str, Callable[..., Accumulator]] = {
    "chat": ChatAccumulator,
    "text": TextAccumulator,
    "list": ListAccumulator,
    "last": LastAccumulator,
}
