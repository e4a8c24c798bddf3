"""Texts that go on from delta to delta, whatever the pieces are cut at: a pair of surrogates, too."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

Channel: TypeAlias = tuple[Json, ...]
"""Names one text that goes on from delta to delta: where it stands in a delta of its kind."""

_COUNT = regex(r"[0-9]{1,9}")
_HALF = regex("[\ud800-\udfff]")
_HIGH_AT_END = regex("[\ud800-\udbff]\\Z")


class DeltaError(ValueError):
    """A delta has not the shape that its stream adds up; the message says which, without its data."""


class Passing(Protocol):
    """What one text passes through."""

    def feed(self, text: str) -> str:
        """What can be passed on now that the next piece is there."""
        ...

    def feed_each(self, texts: Sequence[str]) -> list[str]:
        """What `feed` gives for each of some pieces without half of a character."""
        ...


class Texts(Protocol):
    """What each text passes through, piece by piece, before it is added up and passed on."""

    def begin(self, channel: Channel) -> Passing:
        """A text begins."""
        ...

    def end(self, channel: Channel, *, cut: bool = False) -> str:
        """What was held back of a text that does not go on; cut: although more was to follow."""
        ...


class PlainTexts:
    """Texts that are passed on as they come."""

    def begin(self, channel: Channel) -> "PlainTexts":
        return self

    def feed(self, text: str) -> str:
        return text

    def feed_each(self, texts: Sequence[str]) -> list[str]:
        return [*texts]

    def end(self, channel: Channel, *, cut: bool = False) -> str:
        return ""


class JoinedTexts:
    """Joins the halves of a character that two pieces of a text hold. A half without its other is U+FFFD."""

    def __init__(self, inner: Texts) -> None:
        self._inner = inner
        self._halves: dict[Channel, str] = {}
        self._open: dict[Channel, Passing] = {}

    def feed(self, channel: Channel, text: str) -> str:
        passing = self._open.get(channel)
        if passing is None:
            passing = self._open[channel] = self._inner.begin(channel)
        if self._halves:
            text = self._halves.pop(channel, "") + text
        if not text.isascii() and _HALF.search(text):
            if _HIGH_AT_END.search(text):
                text, self._halves[channel] = text[:-1], text[-1]
            text = whole_text(text)
        return passing.feed(text)

    def feed_each(self, channel: Channel, texts: Sequence[str]) -> list[str]:
        """What `feed` gives for each of some texts without half of a character."""
        passing = self._open.get(channel)
        if passing is None or self._halves:
            return [self.feed(channel, text) for text in texts]
        return passing.feed_each(texts)

    def end(self, channel: Channel, *, cut: bool = False) -> str:
        passing = self._open.pop(channel, None)
        half = self._halves.pop(channel, None)
        text = passing.feed("\ufffd") if passing is not None and half else ""
        return text + self._inner.end(channel, cut=cut)

    def open(self) -> list[Channel]:
        """The texts that may go on."""
        return list(self._open)


def whole_text(text: str) -> str:
    """The text with its pairs of surrogates as characters."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def listed(key: str, value: Json) -> list[Json]:
    """A delta's list. Raises DeltaError."""
    if not isinstance(value, list):
        raise DeltaError(f"a delta's {key} must be a list")
    return value


def hashable(value: Json) -> Json:
    """The value as a key; a count in a text is that count, since some write now one, now the other."""
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    return str(value) if isinstance(value, (list, dict)) else value
