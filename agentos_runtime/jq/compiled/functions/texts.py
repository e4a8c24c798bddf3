"""What jq does with texts, for compiled code: each function charges the size that it touches."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from agentos_runtime.jq.compiled.errors import Beyond, JqError
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import DEEPEST, TINY, equal
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.regexes import regex

_SPACE = " \t\n\v\f\r"
_ODD = regex(r"-0(?![.0-9])|\\u[dD]")
"""A negative zero and surrogates."""
_LONG = regex(r"[0-9.]{16}")
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(65, 91)})
_UPPER = str.maketrans({chr(code + 32): chr(code) for code in range(65, 91)})


def written(meter: Meter, value: Json) -> str:
    """`tojson`; what jq writes in its own way is left to it: numbers that are not whole, DEL."""
    _measure(meter, value, 0)
    return dump(value).decode()


def _measure(meter: Meter, value: Json, depth: int) -> None:
    """Charge for all that will be written, before it is: a value may have one part in very many places."""
    if isinstance(value, str):
        meter.charge(5 + (len(value) >> 3))
        if "\x7f" in value:
            raise Beyond
    elif isinstance(value, float):
        raise Beyond
    elif isinstance(value, list | dict):
        if depth > DEEPEST:
            raise Beyond
        meter.charge(5 + len(value))
        for each in value if isinstance(value, list) else value.values():
            _measure(meter, each, depth + 1)
        for name in value if isinstance(value, dict) else ():
            _measure(meter, name, depth)
    else:
        meter.charge(5)


def as_text(meter: Meter, value: Any) -> str:
    """`tostring`, and what an interpolation shows."""
    if value.__class__ is str:
        return value
    if value.__class__ is int:
        meter.charge(5)
        return int.__repr__(value)
    return written(meter, value)


def uri(meter: Meter, value: Json) -> str:
    """`@uri`"""
    text = as_text(meter, value)
    meter.charge(len(text) >> 1)
    return quote(text, safe="")


def for_workers(meter: Meter, value: Json) -> str:
    """Decodings: rare, and jq has ideas of its own about what is badly encoded."""
    raise Beyond


def joined_parts(meter: Meter, *parts: str) -> str:
    """A text with interpolations."""
    meter.charge(sum(map(len, parts)) >> 5)
    return "".join(parts)


def read(meter: Meter, value: Json) -> Json:
    """`fromjson`; it has its own idea of what is JSON, so only what is so for everybody is read here."""
    if not isinstance(value, str):
        raise JqError
    meter.charge(10 + len(value))
    if _ODD.search(value) or TINY.search(value) or not value.strip(_SPACE):
        raise Beyond
    try:
        found = parse(value)
    except JsonTextError:
        raise Beyond from None
    if _LONG.search(value) or value.count("[") + value.count("{") > DEEPEST:
        _measure(meter, found, 0)
    return found


def join(meter: Meter, value: Json, separator: Json) -> Json:
    if not isinstance(value, list) or not isinstance(separator, str):
        raise Beyond
    meter.charge(len(value) * 2)
    parts = [_part(meter, each) for each in value]
    meter.charge((sum(map(len, parts)) + len(separator) * len(parts)) >> 5)
    return separator.join(parts)


def _part(meter: Meter, value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise JqError
    return written(meter, value)


def split(meter: Meter, value: Any, separator: Any) -> Json:
    if value.__class__ is not str or separator.__class__ is not str:
        raise JqError
    meter.charge(len(value) >> 5)
    if not value:
        return []
    if not separator:
        meter.charge(len(value))
        return list(value)
    meter.charge(value.count(separator) * 2)
    return [*value.split(separator)]


def first_at(meter: Meter, value: Json, part: Json) -> Json:
    """`index` of a text in a text, and of an item in an array."""
    if isinstance(value, list):
        return next(_places(meter, value, part, range(len(value))), None)
    return _at(meter, value, part, str.find)


def last_at(meter: Meter, value: Json, part: Json) -> Json:
    """`rindex` of a text in a text, and of an item in an array."""
    if isinstance(value, list):
        return next(_places(meter, value, part, reversed(range(len(value)))), None)
    return _at(meter, value, part, str.rfind)


def _places(meter: Meter, value: list[Json], item: Json, places: Iterable[int]) -> Iterator[int]:
    """Where an item stands; arrays in arrays are left to jq."""
    if item is None or isinstance(item, list):
        raise Beyond
    for place in places:
        if equal(meter, value[place], item):
            yield place


def _at(meter: Meter, value: Json, part: Json, find: Callable[[str, str], int]) -> Json:
    if not isinstance(part, str):
        raise Beyond
    if value is None or (value.__class__ is str and not part):
        return None
    if not isinstance(value, str):
        raise Beyond
    meter.charge((len(value) >> 5) + (len(value) * len(part) >> 7))
    found = find(value, part)
    return found if found >= 0 else None


def starts(meter: Meter, value: Json, start: Json) -> Json:
    text, other = _text(value), _text(start)
    meter.charge(len(other) >> 6)
    return text.startswith(other)


def ends(meter: Meter, value: Json, end: Json) -> Json:
    text, other = _text(value), _text(end)
    meter.charge(len(other) >> 6)
    return text.endswith(other)


def without_start(meter: Meter, value: Json, start: Json) -> Json:
    text, other = _text(value), _text(start)
    meter.charge(len(text) >> 5)
    return text.removeprefix(other)


def without_end(meter: Meter, value: Json, end: Json) -> Json:
    text, other = _text(value), _text(end)
    meter.charge(len(text) >> 5)
    return text.removesuffix(other)


def trim(meter: Meter, value: Json) -> Json:
    text = _text(value)
    meter.charge(len(text) >> 3)
    return _without_more_space(text.strip(_SPACE))


def ltrim(meter: Meter, value: Json) -> Json:
    text = _text(value)
    meter.charge(len(text) >> 3)
    return _without_more_space(text.lstrip(_SPACE))


def rtrim(meter: Meter, value: Json) -> Json:
    text = _text(value)
    meter.charge(len(text) >> 3)
    return _without_more_space(text.rstrip(_SPACE))


def _without_more_space(text: str) -> str:
    """The text, unless it begins or ends with a space of Unicode: which of them jq takes away is its own list."""
    for letter in (text[:1], text[-1:]):
        if letter.isspace() and not letter.isascii():
            raise Beyond
    return text


def lower(meter: Meter, value: Json) -> Json:
    text = _text(value)
    meter.charge(len(text) >> 2)
    return text.translate(_LOWER)


def upper(meter: Meter, value: Json) -> Json:
    text = _text(value)
    meter.charge(len(text) >> 2)
    return text.translate(_UPPER)


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise JqError
