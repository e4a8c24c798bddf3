"""Finds words in a text of which any character may be written as an escape, and an escape's own characters too."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.security.credentials.escapes import INTRODUCERS, PASSES, decode_escape, goes_on

Span: TypeAlias = tuple[int, int]
Reading: TypeAlias = tuple[tuple[bytes, ...], int]
"""One way to read a text up to a byte: the escapes that are not whole yet, each of which gives a part of the next,
and how far in the words it has come."""

LONGEST_CHARACTER = 256
"""Bytes that one byte of a word may take; what is longer (a thousand backslashes) is no word."""
MOST_STATES = 4096
"""States that are kept; a text that needs more pays for them again."""


@dataclass(slots=True)
class _State:
    """The readings that are possible up to a byte, those that began first in front."""

    readings: tuple[Reading, ...]
    steps: dict[int, "_Step"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one more byte makes of a state."""

    state: _State
    sources: tuple[int, ...]
    """For each reading of the new state the one that it goes on from; -1: it begins with this byte."""
    ends: int | None
    """The first reading with which a word is whole."""


class EscapedWords:
    """A deterministic automaton over words, its states made when a text first needs them."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(words)
        self._trie: list[dict[int, int]] = [{}]
        self._whole: set[int] = set()
        self._longest = LONGEST_CHARACTER * max(map(len, self._words))
        for word in self._words:
            self._add(word)
        firsts = {bytes([byte]) for byte in self._trie[0]} | {INTRODUCERS[at : at + 1] for at in range(3)}
        self._firsts = re.compile(b"[" + b"".join(map(re.escape, sorted(firsts))) + b"]")
        self._begin = _State(())
        self._states: dict[tuple[Reading, ...], _State] = {(): self._begin}

    def find(self, text: bytes) -> tuple[list[Span], int]:
        """Where words stand, and where begins what could go on to be one (the text's length: nowhere)."""
        spans: list[Span] = []
        starts: list[int] = []
        state, at, end = self._begin, 0, len(text)
        while at < end:
            if not starts:
                first = self._firsts.search(text, at)
                if first is None:
                    break
                at = first.start()
            step = state.steps.get(text[at]) or self._make_step(state, text[at])
            if step.ends is not None:
                spans.append((starts[step.ends], at + 1))
            state = step.state
            starts = [at if source < 0 else starts[source] for source in step.sources]
            at += 1
            if starts and at - starts[0] > self._longest:
                state, starts = self._state(state.readings[1:]), starts[1:]
        return spans, starts[0] if starts else end

    def _add(self, word: bytes) -> None:
        node = 0
        for byte in word:
            following = self._trie[node].get(byte)
            if following is None:
                following = self._trie[node][byte] = len(self._trie)
                self._trie.append({})
            node = following
        self._whole.add(node)

    def _make_step(self, state: _State, byte: int) -> _Step:
        found: dict[Reading, int] = {}
        ends = None
        for source, reading in (*enumerate(state.readings), (-1, _FRESH)):
            for following in self._read(*reading, byte):
                if following[1] in self._whole and not following[0] and ends is None:
                    ends = source
                if self._trie[following[1]]:
                    found.setdefault(following, source)
        step = _Step(self._state(tuple(found)), tuple(found.values()), ends)
        state.steps[byte] = step
        return step

    def _state(self, readings: tuple[Reading, ...]) -> _State:
        known = self._states.get(readings)
        if known is None:
            if len(self._states) >= MOST_STATES:
                self._begin.steps.clear()
                self._states = {(): self._begin}
            known = self._states[readings] = _State(readings)
        return known

    def _read(self, escapes: tuple[bytes, ...], node: int, byte: int) -> Iterator[Reading]:
        """The readings after one more byte."""
        if byte in INTRODUCERS and len(escapes) < PASSES:
            yield (bytes([byte]), *escapes), node
        if not escapes:
            for meaning in (byte, _SPACE) if byte == _PLUS else (byte,):
                if (following := self._trie[node].get(meaning)) is not None:
                    yield (), following
            return
        escape, outer = escapes[0] + bytes([byte]), escapes[1:]
        for text in decode_escape(escape):
            yield from self._read_all(outer, node, text)
        if goes_on(escape):
            yield (escape, *outer), node

    def _read_all(self, escapes: tuple[bytes, ...], node: int, text: bytes) -> Iterator[Reading]:
        if not text:
            yield escapes, node
            return
        for reading in self._read(escapes, node, text[0]):
            yield from self._read_all(*reading, text[1:])


_FRESH: Reading = ((), 0)
_PLUS, _SPACE = b"+ "
