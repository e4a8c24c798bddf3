"""Where secrets stand in a text, in whatever encoding: the text is decoded, not compared with a list of forms.

A secret is found as it is, with any of its characters escaped in any mixture and nesting (`escapes`), and in
hexadecimal or base64 (both alphabets, any alignment, broken into lines), one inside the other up to `DEPTH` deep,
each of which may be escaped again. The cost is linear. What cannot hold a secret is told apart first: a form is
never shorter than the secret, and consists of few different bytes.
"""

import re
from binascii import a2b_base64, unhexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.security.credentials.automaton import EscapedWords
from agentos_runtime.security.credentials.escapes import (
    INTRODUCERS,
    View,
    plain_view,
    unescaped,
    unescaped_texts,
    unfinished,
    without,
)

DEPTH = 3
"""Encodings inside each other."""
SHORTEST_LINE = 60
"""Characters of base64 that is broken into lines: tools write 64 or 76."""
MOST_REMEMBERED = 2048
MOST_BEGINNINGS = 8192
"""Of words, and of beginnings of words: what models write has some thousands of them."""
LONGEST_REMEMBERED = 24
"""Bytes."""


class Place(NamedTuple):
    """A secret in a text, from byte to byte."""

    start: int
    end: int
    encoded: bool
    """In hexadecimal or base64."""


@dataclass(slots=True)
class Found:
    """What a text holds."""

    open_from: int
    """Where begins what could go on to be a secret, when the text goes on; its length when nothing could."""
    places: list[Place] = field(default_factory=list)

    def add(self, other: "Found", by: int = 0) -> None:
        """Add what a part of the text holds that begins at `by`."""
        if other.places:
            self.places += [Place(start + by, end + by, encoded) for start, end, encoded in other.places]
        self.open_from = min(self.open_from, other.open_from + by)


class _Runs:
    """Where at least so many bytes of an alphabet stand in a row."""

    def __init__(self, alphabet: bytes, length: int) -> None:
        self.alphabet = alphabet
        self.classes = bytes(int(byte in alphabet) for byte in range(256))
        self._length = length
        self.long = b"\x01" * length
        self._pattern = re.compile(b"\x01{%d,}" % length)

    def are_in(self, text: bytes) -> bool:
        return len(text) >= self._length and self.long in text.translate(self.classes)

    def spans(self, text: bytes, end: int) -> Iterator[tuple[int, int]]:
        """Those before `end`."""
        classes = text[:end].translate(self.classes)
        at = classes.find(self.long)
        while at >= 0 and (run := self._pattern.match(classes, at)):
            yield run.span()
            at = classes.find(self.long, run.end())


class SecretSearch:
    """Searches for words: the secrets, in UTF-8. There is at least one word."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(sorted(words))
        shortest = min(map(len, self._words))
        used = {*b"".join(self._words), *INTRODUCERS, *b"#;", *_DIGITS}
        self.shortest = min(shortest, SHORTEST_LINE)
        """Bytes: fewer hold nothing."""
        self._runs = _Runs(bytes(used), self.shortest)
        self._line = _Runs(bytes(used), SHORTEST_LINE)
        self._lines = _lines_of(bytes(used))
        self._hexadecimal = _Runs(_HEXADECIMAL_DIGITS, 2 * shortest)
        self._base64 = _Runs(_DIGITS, shortest * 4 // 3)
        self._escaped = EscapedWords(self._words)
        self._beginnings: dict[bytes, int] = {}
        """Of the words that texts ended with while they went on, and that hold nothing, where in them opens what
        could go on: the same words end texts again and again."""
        self._innocent: set[bytes] = set()
        """Short texts in which nothing was found: the names of fields, mostly."""
        firsts = {word[0] for word in self._words} | {*INTRODUCERS}
        self._first_six_bits = frozenset(byte >> 2 for byte in firsts)
        self._first_digits = frozenset(byte >> 4 for byte in firsts)

    def may_hold(self, text: bytes) -> bool:
        """False: no secret is in the text. Quick, and mostly the last word."""
        return self._runs.are_in(text) and text not in self._innocent

    def opens_at(self, text: bytes) -> int:
        """Where begins what could go on to be a secret, when the text goes on: its length when nothing could.

        As is quickly known for most texts; -1 where it is not, or a secret may be in it.
        """
        opens = self.opens_at_each(text, (len(text),))
        return opens[0] if opens else -1

    def opens_at_each(self, text: bytes, ends: Sequence[int]) -> list[int]:
        """The same of the text until each of some ends, in order; of those that come first, where it is known."""
        runs = self._runs
        classes = text.translate(runs.classes)
        if runs.long in classes:
            return []
        opens: list[int] = []
        for end in ends:
            start = classes.rfind(b"\0", 0, end) + 1
            if start < end:  # with this run the text ends
                opens_in = self._beginnings.get(text[start:end])
                if opens_in is None:
                    break
                start += opens_in
            opens.append(start)
        return opens

    def stops_at(self, character: str) -> bool:
        """Whether this character, of ASCII, is in no form of a word: nothing is found across it."""
        return ord(character) not in self._runs.alphabet

    def find(self, text: bytes, *, goes_on: bool = False, depth: int = DEPTH) -> Found:
        """The secrets of a text; also what its end may begin, when more of it follows."""
        found = Found(len(text))
        last = len(text.rstrip(self._runs.alphabet)) if goes_on else len(text)
        if self._runs.are_in(text[:last]):
            self._find_closed(text[:last], depth, found)
        if last < len(text):
            run = text[last:]
            opens_in = self._beginnings.get(run) if depth == DEPTH else None
            if opens_in is None:
                ending = self._find_open(run, depth)
                found.add(ending, last)
                if depth == DEPTH and len(run) <= LONGEST_REMEMBERED and not ending.places:
                    _remember(self._beginnings, MOST_BEGINNINGS)
                    self._beginnings[run] = ending.open_from
            else:
                found.open_from = min(found.open_from, last + opens_in)
        if depth and self._has_lines(text):
            for lines in self._lines.finditer(text):
                open_lines = goes_on and lines.end() == len(text)
                for view in (plain_view(lines[0]), *unescaped(lines[0])):
                    found.add(self._decoded(view, open_lines, depth), lines.start())
        if depth == DEPTH and not goes_on and len(text) <= LONGEST_REMEMBERED and not found.places:
            _remember(self._innocent, MOST_REMEMBERED)
            self._innocent.add(text)
        return found

    def _has_lines(self, text: bytes) -> bool:
        """Whether what may be base64 goes on over a line's end."""
        if len(text) <= SHORTEST_LINE or not self._line.are_in(text):
            return False
        return any(text[end : end + 1].isspace() for _, end in self._line.spans(text, len(text)))

    def _find_closed(self, text: bytes, depth: int, found: Found) -> None:
        """The secrets of a text that does not go on."""
        for word in self._words:
            found.places += [Place(at, at + len(word), False) for at in _all(word, text)]
        if _has_escapes(text):
            for start, end in self._runs.spans(text, len(text)):
                if _has_escapes(text[start:end]):
                    self._find_escaped(text[start:end], depth, found, start)
        if depth and self._may_encode(text):
            found.add(self._decoded(plain_view(text), False, depth))

    def _find_escaped(self, run: bytes, depth: int, found: Found, at: int) -> None:
        spans, _ = self._escaped.find(run)
        found.add(Found(_NOWHERE, [Place(*span, False) for span in spans]), at)
        if depth and any(map(self._may_encode, unescaped_texts(run))):
            for view in unescaped(run):
                found.add(self._decoded(view, False, depth), at)

    def _find_open(self, run: bytes, depth: int) -> Found:
        """The secrets of the last run of bytes that one may consist of, and what it may begin."""
        spans, open_from = self._escaped.find(run)
        found = Found(open_from, [Place(*span, False) for span in spans])
        if depth:
            found.add(self._decoded(plain_view(run), True, depth))
            for view in unescaped(run) if _has_escapes(run) else ():
                found.add(self._decoded(view, True, depth))
        return found

    def _may_encode(self, text: bytes) -> bool:
        """Whether a text has hexadecimal or base64 in it that may hold a secret. Quick: all is decoded at once."""
        if self._hexadecimal.are_in(text) or _has_lines(text):
            return True
        if not self._base64.are_in(text):
            return False
        runs = [text[start:end] for start, end in self._base64.spans(text, len(text))]
        together = _FILLING.join([*runs, b""]).translate(_STANDARD)
        return any(self.may_hold(_from_base64(together, at)) for at in range(4))

    def _find_in_lines(self, view: View, goes_on: bool, depth: int, found: Found) -> None:
        """The secrets in base64 that is broken into lines."""
        for lines in _LINES.finditer(view.text):
            part = slice(*lines.span())
            joined = without(View(view.text[part], view.begins[part], view.ends[part]), _LINE_END)
            found.add(self._decoded(joined, goes_on and lines.end() == len(view.text), depth))

    def _decoded(self, view: View, goes_on: bool, depth: int) -> Found:
        """The secrets that are in hexadecimal or base64; in a text that goes on, an escape that its end may cut."""
        text = view.text
        while goes_on and (cut := unfinished(text)) < len(text):
            text = text[:cut]
        found = Found(len(text))
        for runs, decode in (
            (self._hexadecimal, self._in_hexadecimal),
            (self._base64, self._in_base64),
        ):
            last = len(text.rstrip(runs.alphabet)) if goes_on else len(text)
            for start, end in runs.spans(text, last):
                found.places += decode(text[start:end], False, depth - 1, start).places
            if last < len(text):
                found.add(decode(text[last:], True, depth - 1, last))
        found = _placed(found, view)
        if _has_lines(text):
            self._find_in_lines(view._replace(text=text), goes_on, depth, found)
        return found

    def _in_hexadecimal(self, run: bytes, goes_on: bool, depth: int, at: int) -> Found:
        found = Found(at + len(run))
        for begin in range(2):
            whole = (len(run) - begin) // 2
            inner = self._inside(unhexlify(run[begin : begin + 2 * whole]), goes_on, depth)
            for start, end, encoded in inner.places:
                found.places.append(Place(at + begin + 2 * start + encoded, at + begin + 2 * end, True))
            half = begin + 2 * whole < len(run) and int(run[-1:], 16) in self._first_digits
            if inner.open_from < whole or (goes_on and half):
                found.open_from = min(found.open_from, at + begin + 2 * inner.open_from)
        return found

    def _in_base64(self, run: bytes, goes_on: bool, depth: int, at: int) -> Found:
        """Of the first character only what holds nothing but the secret counts; of the last, whatever holds any."""
        found = Found(at + len(run))
        run = run.translate(_STANDARD)
        for begin in range(min(4, len(run))):
            data = _from_base64(run, begin)
            inner = self._inside(data, goes_on, depth)
            for start, end, encoded in inner.places:
                first = _digit_of(start) + (encoded and start % 3 == 0)
                found.places.append(Place(at + begin + first, at + begin + _digit_of(end), True))
            half = (len(run) - begin) % 4 == 1 and _SIX_BITS[run[-1]] in self._first_six_bits
            if inner.open_from < len(data) or (goes_on and half):
                found.open_from = min(found.open_from, at + begin + _digit_of(inner.open_from))
        return found

    def _inside(self, data: bytes, goes_on: bool, depth: int) -> Found:
        """What decoded data holds; mostly it is no text at all, and then this is quick."""
        if (goes_on and data and data[-1] in self._runs.alphabet) or self.may_hold(data):
            return self.find(data, goes_on=goes_on, depth=depth)
        return Found(len(data))


def _remember(remembered: dict[bytes, int] | set[bytes], most: int) -> None:
    """Make room for one more, so that what is remembered stays small."""
    if len(remembered) >= most:
        remembered.clear()


def _lines_of(alphabet: bytes) -> re.Pattern[bytes]:
    """What encoders break into lines, of these bytes; sentences make a space of a line's end."""
    byte = b"[%b]" % b"".join(re.escape(alphabet[at : at + 1]) for at in range(len(alphabet)))
    return re.compile(rb"(?<!%b)(?:%b{%d,}+\s+)+%b*" % (byte, byte, SHORTEST_LINE, byte))


def _has_escapes(text: bytes) -> bool:
    return b"%" in text or b"\\" in text or b"&" in text


def _has_lines(text: bytes) -> bool:
    """Whether base64 may go on over a line's end."""
    return any(text[end : end + 1].isspace() for _, end in _LINE.spans(text, len(text)))


def _placed(found: Found, view: View) -> Found:
    """What was found in a view, where it stands in the original."""
    places = [Place(view.begins[start], view.ends[end - 1], encoded) for start, end, encoded in found.places]
    return Found(view.begins[found.open_from] if found.open_from < len(view.text) else _NOWHERE, places)


def _from_base64(text: bytes, begin: int) -> bytes:
    """The whole bytes of base64 digits from `begin` on."""
    length = len(text) - begin
    return a2b_base64(text[begin:] + b"AAA"[: -length % 4])[: length * 6 // 8]


def _digit_of(byte: int) -> int:
    """The first base64 digit that holds nothing of the bytes before this one."""
    return -(-byte * 4 // 3)


def _all(word: bytes, text: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


_SIX_BITS: Mapping[int, int] = {
    ord(digit): bits for bits, digit in enumerate(ascii_uppercase + ascii_lowercase + digits + "+/")
}
_DIGITS = bytes([*_SIX_BITS, *b"-_"])
_HEXADECIMAL_DIGITS = b"0123456789abcdefABCDEF"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_FILLING = b"AAAA"
"""Between two runs that are decoded together; becomes NUL bytes."""
_LINES = _lines_of(_DIGITS)
_LINE = _Runs(_DIGITS, SHORTEST_LINE)
_LINE_END = regex(rb"\s+")
_NOWHERE = 1 << 62
