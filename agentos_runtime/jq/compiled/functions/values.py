"""What jq does with values, for compiled code: each function charges the size that it touches.

A function raises JqError where jq certainly fails, and Beyond where it is not certain what jq does. Values are
never changed; what is made may share parts with what it was made of.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from operator import is_
from typing import Any

from agentos_runtime.jq.compiled.errors import Beyond, JqError
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

LARGEST = 1 << 53
"""Doubles keep every integer below it."""
DEEPEST = 150
"""Arrays and objects inside each other; jq and Python have limits further up."""
TINY = regex(r"[eE]-[0-9]{3}")
"""In a text with a number that may be so small that a double keeps few of its digits, or none: jq compares numbers
as they were written."""
_LARGEST_WHOLE = 1e15
_ORDER: Mapping[type, int] = {type(None): 0, bool: 1, int: 3, float: 3, str: 4, list: 5, dict: 6}
_SIZED: Mapping[type, int] = {str: 5, list: 2, dict: 0}
"""What `+` puts together, and how many times two of them cost a unit (as a power of two)."""
_TEXT, _SIMPLE = frozenset({str}), frozenset({str, int})
_KINDS: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


# ---------------------------------------------------------------------- looking


def field(value: Json, name: str) -> Json:
    """`.name`"""
    if value.__class__ is dict:
        found: Json = value.get(name)
        return found
    if value is None:
        return None
    raise JqError


def index(meter: Meter, value: Json, key: Json) -> Json:
    """`.[key]`"""
    if value.__class__ is dict and key.__class__ is str:
        return value.get(key)
    if key.__class__ is int and value.__class__ is list:
        return value[key] if -len(value) <= key < len(value) else None
    if value is None and (isinstance(key, str) or key.__class__ is int):
        return None
    if key is None or isinstance(key, (list, float, dict)):
        raise Beyond
    raise JqError


def slice_of(meter: Meter, value: Json, low: Json, high: Json) -> Json:
    """`.[low:high]`"""
    for bound in (low, high):
        if bound is not None and bound.__class__ is not int:
            raise Beyond
    if value is None:
        return None
    if not isinstance(value, (str, list)):
        raise JqError
    meter.charge(len(value) if isinstance(value, list) else len(value) >> 3)
    assert low is None or isinstance(low, int)
    assert high is None or isinstance(high, int)
    return value[low:high]


def items(meter: Meter, value: Json, cost: int) -> Sequence[Json]:
    """`.[]`, of which each costs so much."""
    if value.__class__ is list:
        meter.left -= cost * len(value)
        if meter.left < 0:
            meter.more()
        return value
    if isinstance(value, dict):
        meter.left -= (cost + 1) * len(value)
        if meter.left < 0:
            meter.more()
        return list(value.values())
    raise JqError


def counted(meter: Meter, low: Json, high: Json, cost: int) -> Sequence[int]:
    """`range(low; high)`, of which each costs so much, whether it is taken or not."""
    if low.__class__ is not int or high.__class__ is not int:
        raise Beyond if isinstance(low, float) or isinstance(high, float) else JqError
    assert isinstance(low, int)
    assert isinstance(high, int)
    found = range(_small(low), _small(high))
    meter.charge(cost * len(found))
    return found


def pairs(meter: Meter, value: Json, cost: int) -> Sequence[tuple[str, Json]]:
    """The fields of an object, of which each costs so much; arrays have their own way."""
    if isinstance(value, dict):
        meter.left -= (cost + 2) * len(value)
        if meter.left < 0:
            meter.more()
        return list(value.items())
    raise Beyond if isinstance(value, list) else JqError


def inner(meter: Meter, value: Json, depth: int = 0) -> Iterator[Json]:
    """`..`"""
    meter.charge(3 + depth)  # each value goes up through so many generators
    if depth > DEEPEST:
        raise Beyond
    yield value
    if isinstance(value, (list, dict)):
        for each in value if isinstance(value, list) else value.values():
            yield from inner(meter, each, depth + 1)


def kind(meter: Meter, value: Json) -> Json:
    """`type`"""
    return _KINDS[value.__class__]


def negated(meter: Meter, value: Json) -> Json:
    """`not`"""
    return value is None or value is False


def length(meter: Meter, value: Any) -> Json:
    if value.__class__ in _SIZED:
        return len(value)
    if value is None:
        return 0
    if value.__class__ is int:
        return abs(_small(value))
    raise Beyond if isinstance(value, float) else JqError


def has(meter: Meter, value: Json, key: Json) -> Json:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and key.__class__ is int:
        return 0 <= _small(key) < len(value)
    if value is None or isinstance(key, float):
        raise Beyond
    raise JqError


def keys(meter: Meter, value: Json) -> Json:
    if isinstance(value, dict):
        meter.charge(len(value) * 4)
        meter.charge(sum(map(len, value)) >> 3)
        return [*sorted(value)]
    if isinstance(value, list):
        meter.charge(len(value))
        return list(range(len(value)))
    raise JqError


# ---------------------------------------------------------------------- comparing


def equal(meter: Meter, left: Any, right: Any, depth: int = 0) -> bool:
    """`==`"""
    meter.left -= 6
    if meter.left < 0:
        meter.more()
    if left.__class__ is not right.__class__:
        if left.__class__ in (int, float) and right.__class__ in (int, float):
            return _certain(meter, left) == _certain(meter, right)
        return False
    if left.__class__ is str:
        if len(left) != len(right):
            return False
        meter.left -= len(left) >> 6
        if meter.left < 0:
            meter.more()
        return bool(left == right)
    if isinstance(left, (list, dict)):
        return _equal_inside(meter, left, right, depth + 1)
    if left.__class__ is bool or left is None:
        return left is right
    return _certain(meter, left) == _certain(meter, right)


def _equal_inside(meter: Meter, left: Json, right: Json, depth: int) -> bool:
    if depth > DEEPEST:
        raise Beyond
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        meter.charge(len(left) >> 2)
        if all(map(is_, left, right)):  # what was put in order, and was in order before
            return True
        return all(equal(meter, one, other, depth) for one, other in zip(left, right, strict=True))
    assert isinstance(left, dict)
    assert isinstance(right, dict)
    if len(left) != len(right):
        return False
    return all(name in right and equal(meter, value, right[name], depth) for name, value in left.items())


def less(meter: Meter, left: Json, right: Json) -> bool:
    """`<`; objects among each other are left to jq."""
    if left.__class__ in (int, float) and right.__class__ in (int, float):
        return _certain(meter, left) < _certain(meter, right)
    if isinstance(left, str) and isinstance(right, str):
        meter.charge(1 + (min(len(left), len(right)) >> 6))
        return left < right
    if isinstance(left, list) and isinstance(right, list):
        for one, other in zip(left, right, strict=False):  # what differs first decides, then the length
            if not equal(meter, one, other):
                return less(meter, one, other)
        return len(left) < len(right)
    here, there = _rank(left), _rank(right)
    if here == there and here >= _ORDER[list]:
        raise Beyond
    return here < there


def _rank(value: Json) -> int:
    return 2 if value is True else _ORDER[value.__class__]


def _certain(meter: Meter, number: Json) -> int | float:
    """The number, where jq is certain to compare what Python compares."""
    if number.__class__ is int:
        return _small(number)
    assert isinstance(number, float)
    if meter.uncertain:
        raise Beyond
    return number


def _small(number: Json) -> int:
    if isinstance(number, int) and -LARGEST < number < LARGEST:
        return number
    raise Beyond


# ---------------------------------------------------------------------- computing


def _operand(meter: Meter, number: Json) -> int | float:
    found = _certain(meter, number)
    if found == 0 and found.__class__ is float:
        raise Beyond  # may be a negative zero
    return found


def _result(number: int | float) -> int | float:
    """A computed number as jq gives it: whole ones without a point."""
    if isinstance(number, int):
        return _small(number)
    if not math.isfinite(number) or abs(number) >= _LARGEST_WHOLE or number == 0:
        raise Beyond
    return int(number) if number.is_integer() else number


def _numbers(left: Json, right: Json) -> bool:
    return left.__class__ in (int, float) and right.__class__ in (int, float)


def plus(meter: Meter, left: Any, right: Any) -> Json:
    made: Json
    if left is None or right is None:
        made = right if left is None else left
        return made
    kind = left.__class__
    if kind is not right.__class__ or kind not in _SIZED:
        if _numbers(left, right):
            return _result(_operand(meter, left) + _operand(meter, right))
        raise JqError
    meter.left -= (len(left) + len(right)) >> _SIZED[kind]
    if meter.left < 0:
        meter.more()
    made = {**left, **right} if kind is dict else left + right
    return made


def merged(meter: Meter, left: dict[str, Json], right: dict[str, Json]) -> Json:
    """`+` of two objects."""
    meter.left -= len(left) + len(right)
    if meter.left < 0:
        meter.more()
    return {**left, **right}


def minus(meter: Meter, left: Json, right: Json) -> Json:
    if _numbers(left, right):
        return _result(_operand(meter, left) - _operand(meter, right))
    if isinstance(left, list) and isinstance(right, list):
        meter.charge(len(left) + len(right))
        if right and are_simple(left) and are_simple(right):
            names = frozenset(right)
            return [one for one in left if one not in names]
        return [one for one in left if not any(equal(meter, one, other) for other in right)]
    raise JqError


def are_simple(values: list[Json]) -> bool:
    """Texts, or whole numbers that jq keeps as they are: equal for Python is equal for jq."""
    kinds = set(map(type, values))
    if kinds == _TEXT:
        return True
    if not kinds <= _SIMPLE:
        return False
    numbers = [each for each in values if isinstance(each, int)]
    return not numbers or (min(numbers) > -LARGEST and max(numbers) < LARGEST)


def times(meter: Meter, left: Json, right: Json) -> Json:
    """Of numbers, and of objects, which are merged with all in them; repeated texts are left to jq."""
    if isinstance(left, dict) and isinstance(right, dict):
        return _merged_inside(meter, left, right, 0)
    if not _numbers(left, right):
        raise Beyond
    return _without_zero(_result(_operand(meter, left) * _operand(meter, right)))


def _merged_inside(meter: Meter, left: dict[str, Json], right: dict[str, Json], depth: int) -> dict[str, Json]:
    if depth > DEEPEST:
        raise Beyond
    meter.charge(len(left) + len(right))
    made = {**left, **right}
    for name, there in right.items():
        here = left.get(name)
        if isinstance(here, dict) and isinstance(there, dict):
            made[name] = _merged_inside(meter, here, there, depth + 1)
    return made


def divided(meter: Meter, left: Json, right: Json) -> Json:
    """Numbers only."""
    if not _numbers(left, right):
        raise Beyond
    divisor = _operand(meter, right)
    if divisor == 0:
        raise JqError
    return _result(_operand(meter, left) / divisor)


def remainder(meter: Meter, left: Json, right: Json) -> Json:
    """Whole numbers that are not negative only."""
    if left.__class__ is not int or right.__class__ is not int:
        raise Beyond
    one, other = _small(left), _small(right)
    if other <= 0 or one < 0:
        raise Beyond
    return one % other


def negative(meter: Meter, value: Json) -> Json:
    if value.__class__ is int:
        return _without_zero(-_small(value))
    raise Beyond if isinstance(value, float) else JqError


def _without_zero(number: int | float) -> int | float:
    """jq has a negative zero, and writes it."""
    if number == 0:
        raise Beyond
    return number


def floor(meter: Meter, value: Json) -> Json:
    if value.__class__ is int:
        return _small(value)
    if isinstance(value, float):
        return _result(float(math.floor(_certain(meter, value))))
    raise JqError


def ceil(meter: Meter, value: Json) -> Json:
    if value.__class__ is int:
        return _small(value)
    if isinstance(value, float):
        found = _result(float(math.ceil(_certain(meter, value))))
        return _without_zero(found) if value < 0 else found
    raise JqError


def never_of_a_number(meter: Meter, value: Json) -> Json:
    """`isnan`, `isinfinite`: no number that gets here is."""
    if value.__class__ in (int, float):
        return False
    raise Beyond
