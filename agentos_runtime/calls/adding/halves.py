"""Halves of characters get through jq, which would make U+FFFD of each, so that pieces can be joined after it.

JSON may cut a character of two escapes (`\\ud83d\\ude00`) between two events. Each half stands there as a character
of a private range, and so do the halves of a character of that range itself: what comes back is what went in.
"""

import re

from agentos_runtime.calls.adding.texts import whole_text
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_FIRST = 0x10F000
_SURROGATES = 0xD800
_LAST_SURROGATE = 0xDFFF
_MAY_HOLD = regex(rb"\\u[dD][89a-fA-F]|\xf4\x8f[\x80-\x9f]")
_WRITTEN = regex(
    rb"\\\\|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|(\xf4\x8f[\x80-\x9f][\x80-\xbf])"
)
_HIDDEN = regex(f"[{chr(_FIRST)}-{chr(_FIRST + _LAST_SURROGATE - _SURROGATES)}]")


def hide(text: bytes) -> bytes:
    """JSON text whose lone halves are characters; the same object when it has none."""
    if not _MAY_HOLD.search(text):
        return text
    hidden = _WRITTEN.sub(_hidden, text)
    return text if hidden == text else hidden


def reveal(value: Json) -> Json:
    """The value with the halves that `hide` has hidden in its texts."""
    if isinstance(value, str):
        return _HIDDEN.sub(lambda found: chr(ord(found[0]) - _FIRST + _SURROGATES), value)
    if isinstance(value, list):
        return [reveal(item) for item in value]
    if isinstance(value, dict):
        return {str(reveal(name)): reveal(item) for name, item in value.items()}
    return value


def rejoin(value: Json) -> Json:
    """The value with what `hide` has hidden as whole characters; a half without its other is U+FFFD."""
    if isinstance(value, str):
        return whole_text(str(reveal(value))) if _HIDDEN.search(value) else value
    if isinstance(value, list):
        return [rejoin(item) for item in value]
    if isinstance(value, dict):
        return {str(rejoin(name)): rejoin(item) for name, item in value.items()}
    return value


def _hidden(found: re.Match[bytes]) -> bytes:
    high, low, lone, private = found.groups()
    if lone is not None:
        return _character(int(lone, 16))
    if private is not None:
        return _halves(ord(private.decode()))
    if high is None:
        return found[0]
    point = 0x10000 + ((int(high, 16) - _SURROGATES) << 10) + (int(low, 16) - 0xDC00)
    return _halves(point) if _HIDDEN.match(chr(point)) else found[0]


def _halves(point: int) -> bytes:
    point -= 0x10000
    return _character(_SURROGATES + (point >> 10)) + _character(0xDC00 + (point & 0x3FF))


def _character(half: int) -> bytes:
    return chr(_FIRST + half - _SURROGATES).encode()
