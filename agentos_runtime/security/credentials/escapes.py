"""Characters written as escapes: `%41`, `%u0041`, `\\"`, `\\n`, `\\u0041`, `\\x41`, `&amp;`, `&#65;`, `&#x41;`.

Works on UTF-8 bytes, since a percent escape is a byte and not a character.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html.entities import html5
from typing import NamedTuple

from agentos_runtime.regexes import regex

INTRODUCERS = b"%\\&"
"""What every escape begins with."""
LONGEST = 34
"""Bytes of an escape that is not whole yet, at most."""
PASSES = 6
"""How often a text is unescaped: JSON inside JSON inside JSON, in three texts of other kinds."""


class View(NamedTuple):
    """A text with something undone, and where in the original each of its bytes begins and ends."""

    text: bytes
    begins: Sequence[int]
    ends: Sequence[int]


def decode_escape(escape: bytes) -> tuple[bytes, ...]:
    """What a whole escape may stand for; nothing when it is none, or not whole."""
    found = _ESCAPE.fullmatch(escape)
    return _decoded(found) if found else ()


def goes_on(escape: bytes) -> bool:
    """Whether an escape may begin with these bytes and has more to come."""
    return _BEGUN.fullmatch(escape) is not None or escape in _NAMES_BEGUN


def unfinished(text: bytes) -> int:
    """Where an escape begins that the end of the text cuts; the text's length when none does."""
    found = _UNFINISHED.search(text, max(0, len(text) - LONGEST))
    return found.start() if found else len(text)


def plain_view(text: bytes) -> View:
    """The text as it is."""
    return View(text, range(len(text)), range(1, len(text) + 1))


def unescaped(text: bytes) -> Iterator[View]:
    """The text with one layer of escapes undone, with two, and so on as long as that changes anything."""
    view = plain_view(text)
    for _ in range(PASSES):
        following = without(view, _SURE)
        if following.text == view.text:
            return
        view = following
        yield view


def unescaped_texts(text: bytes) -> Iterator[bytes]:
    """The texts of `unescaped`, in a fraction of the time."""
    for _ in range(PASSES):
        following = _SURE.sub(lambda found: (*_decoded(found), found[0])[0], text)
        if following == text:
            return
        text = following
        yield text


def without(view: View, pattern: re.Pattern[bytes]) -> View:
    """The view with what the pattern matches decoded; line ends are removed."""
    parts: list[bytes] = []
    begins: list[int] = []
    ends: list[int] = []
    at = 0
    for found in pattern.finditer(view.text):
        start, end = found.span()
        meanings = (b"",) if found[0].isspace() else _decoded(found)
        if meanings:
            parts += (view.text[at:start], meanings[0])
            begins += (*view.begins[at:start], *[view.begins[start]] * len(meanings[0]))
            ends += (*view.ends[at:start], *[view.ends[end - 1]] * len(meanings[0]))
            at = end
    text = b"".join([*parts, view.text[at:]])
    return View(text, [*begins, *view.begins[at:]], [*ends, *view.ends[at:]])


def _decoded(found: re.Match[bytes]) -> tuple[bytes, ...]:
    text = found[0].decode("ascii")
    match found.lastgroup:
        case "percent":
            return (bytes.fromhex(text[1:]),)
        case "wide" | "short":
            return _characters(text[2:])
        case "pair":
            return ((bytes.fromhex(text[2:6] + text[8:12])).decode("utf-16-be").encode(),)
        case "byte":
            code = int(text[2:], 16)
            return (bytes([code]),) if code < 0x80 else (bytes([code]), chr(code).encode())
        case "control":
            return (_CONTROLS[text[1]],)
        case "mark":
            return (text[1].encode(),)
        case "decimal":
            return _character(int(text[2:-1]))
        case "hexadecimal":
            return _character(int(text[3:-1], 16))
    named = _NAMED.get(text[1:])
    return (named.encode(),) if named else ()


def _characters(digits: str) -> tuple[bytes, ...]:
    return _character(int(digits, 16))


def _character(code: int) -> tuple[bytes, ...]:
    return () if code > 0x10FFFF or 0xD800 <= code < 0xE000 else (chr(code).encode(),)


_NAMED: Mapping[str, str] = {
    name: text for name, text in html5.items() if name[-1] == ";" and len(text) == 1 and text < "\u0250"
}
_NAMES_BEGUN = frozenset(f"&{name[:end]}".encode() for name in _NAMED for end in range(1, len(name)))
_CONTROLS: Mapping[str, bytes] = {"b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t"}
_ESCAPES = rb"""
    (?P<percent>%[0-9A-Fa-f]{2})
    | (?P<wide>%u[0-9A-Fa-f]{4})
    | (?P<pair>\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})
    | (?P<short>\\u[0-9A-Fa-f]{4})
    | (?P<byte>\\x[0-9A-Fa-f]{2})
    | (?P<control>\\[bfnrt])
    | (?P<mark>\\[!-/:-@\[-`{-~])
    | (?P<decimal>&\#[0-9]{1,9};)
    | (?P<hexadecimal>&\#[Xx][0-9A-Fa-f]{1,8};)
    | (?P<named>&[A-Za-z][A-Za-z0-9]{1,31};)
"""
_ESCAPE = regex(_ESCAPES, re.VERBOSE)
_SURE = regex(_ESCAPES.replace(rb"[!-/:-@\[-`{-~]", rb"[\"'/\\+_-]"), re.VERBOSE)
"""Without the backslash before what begins an escape: there it is a text's own more likely."""
_BEGINNINGS = rb"""
    %(?:[0-9A-Fa-f]|[Uu][0-9A-Fa-f]{0,3})?
    | \\(?:x[0-9A-Fa-f]?
        | u[0-9A-Fa-f]{0,3}
        | u[Dd][89ABab][0-9A-Fa-f]{2}(?:\\(?:u(?:[Dd](?:[C-Fc-f][0-9A-Fa-f]?)?)?)?)?)?
    | &(?:\#(?:[0-9]{0,9}|[Xx][0-9A-Fa-f]{0,8}))?
"""
_BEGUN = regex(_BEGINNINGS, re.VERBOSE)
_UNFINISHED = regex(rb"(?:" + _BEGINNINGS + rb" | &[A-Za-z][A-Za-z0-9]{0,31})\Z", re.VERBOSE)
