"""Halves of characters get through jq, which would make U+FFFD of each, so that pieces can be joined after it.

JSON may cut a character of two escapes (`\\ud83d\\ude00`) between two events. Each half stands there as a character
of a private range of which nothing else is in the input: neither as it is nor as escapes, which an expression may
read out of a text (`fromjson`). So what comes back is what went in.
"""

import re
from collections.abc import Callable

from agentos_runtime.calls.adding.texts import whole_text
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_PLANE = 0x100000
_SIZE = 0x800
"""Characters of a range: as many as there are halves."""
_RANGES = range(_PLANE + 30 * _SIZE, _PLANE - 1, -_SIZE)
"""Where ranges begin; the last one of the plane is left out, since two of its code points are no characters."""
_SURROGATES = 0xD800
_MAY_HOLD = regex(rb"\\u[dD][89a-fA-F]")
_WRITTEN = regex(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"
)
_OF_THE_PLANE = regex("[\U00100000-\U0010ffff]|u[dD][bB][c-fC-F][0-9a-fA-F]")
"""Characters, and the first halves of their escapes, however deep these stand."""


def hide(text: bytes, beside: Callable[[], bytes] = bytes) -> tuple[bytes, int]:
    """JSON text whose lone halves are characters, and the first of their range; the same object and 0 without any.

    beside: gives what else the program sees.
    """
    if not _MAY_HOLD.search(text) or not any(found[1] for found in _WRITTEN.finditer(text)):
        return text, 0
    first = _free_range(text, beside())
    if not first:  # who tells characters of all ranges in one text does not also cut one in two
        return text, 0
    return _WRITTEN.sub(lambda found: _character(found[1], first) if found[1] else found[0], text), first


def reveal(value: Json, first: int) -> Json:
    """The value with the halves that `hide` has hidden in its texts. first: what it gave."""
    if isinstance(value, str):
        range_of_halves = f"[{chr(first)}-{chr(first + _SIZE - 1)}]"
        return re.sub(range_of_halves, lambda found: chr(ord(found[0]) - first + _SURROGATES), value)
    if isinstance(value, list):
        return [reveal(item, first) for item in value]
    if isinstance(value, dict):
        return {str(reveal(name, first)): reveal(item, first) for name, item in value.items()}
    return value


def rejoin(value: Json, first: int) -> Json:
    """The value with what `hide` has hidden as whole characters; a half without its other is U+FFFD."""
    if isinstance(value, str):
        return whole_text(str(reveal(value, first)))
    if isinstance(value, list):
        return [rejoin(item, first) for item in value]
    if isinstance(value, dict):
        return {str(rejoin(name, first)): rejoin(item, first) for name, item in value.items()}
    return value


def _free_range(*texts: bytes) -> int:
    """Where a range begins of which no text has a character; 0 when there is none."""
    said = {found for text in texts for found in _OF_THE_PLANE.findall(text.decode("utf-8", "replace"))}
    points = {ord(each) if len(each) == 1 else 0x10000 + (int(each[1:], 16) - _SURROGATES << 10) for each in said}
    taken = {point - point % _SIZE for point in points}
    return next((first for first in _RANGES if first not in taken), 0)


def _character(half: bytes, first: int) -> bytes:
    return chr(first + int(half, 16) - _SURROGATES).encode()
