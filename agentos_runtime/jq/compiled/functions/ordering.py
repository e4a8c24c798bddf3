"""What jq does in the order of values, for compiled code: each function charges the size that it touches."""

from collections.abc import Sequence
from functools import cmp_to_key
from itertools import chain, groupby
from typing import Any

from agentos_runtime.jq.compiled.errors import Beyond
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import LARGEST, are_simple, less
from agentos_runtime.jsontext import Json

_ARRAYS, _NUMBERS = frozenset({list}), frozenset({int})


def largest(meter: Meter, value: Json) -> Json:
    """`max`: of equal ones the last."""
    items = _items(meter, value)
    found = items[0] if items else None
    for each in items[1:]:
        if not less(meter, each, found):
            found = each
    return found


def smallest(meter: Meter, value: Json) -> Json:
    """`min`: of equal ones the first."""
    items = _items(meter, value)
    found = items[0] if items else None
    for each in items[1:]:
        if less(meter, each, found):
            found = each
    return found


def transpose(meter: Meter, value: Json) -> Json:
    """Rows become columns; what a shorter row does not have is null."""
    rows = [row for row in _items(meter, value) if isinstance(row, list)]
    if len(rows) != len(_items(meter, value)):
        raise Beyond
    width = max(map(len, rows), default=0)
    meter.charge(width * len(rows) * 2)
    return [[row[number] if number < len(row) else None for row in rows] for number in range(width)]


def sort_by(meter: Meter, value: Json, keys: Sequence[Json]) -> Json:
    return [each for _, each in _ordered(meter, value, keys)]


def group_by(meter: Meter, value: Json, keys: Sequence[Json]) -> Json:
    ordered = _ordered(meter, value, keys)
    return [[each for _, each in group] for _, group in groupby(ordered, key=lambda pair: pair[0])]


def unique_by(meter: Meter, value: Json, keys: Sequence[Json]) -> Json:
    """The first of each group."""
    ordered = _ordered(meter, value, keys)
    return [next(iter(group))[1] for _, group in groupby(ordered, key=lambda pair: pair[0])]


def _ordered(meter: Meter, value: Json, keys: Sequence[Json]) -> Sequence[tuple[Any, Json]]:
    """The items in the order of their keys, each with something that compares as its key does."""
    items = _items(meter, value)
    meter.charge(len(items) * (1 + len(items).bit_length()) * 2)
    names = [key for key in keys if isinstance(key, str)]
    if len(names) == len(items):
        meter.charge(sum(map(len, names)) >> 4)
        return sorted(zip(names, items, strict=True), key=lambda pair: pair[0])
    numbers = [key for key in keys if isinstance(key, int) and not isinstance(key, bool) and abs(key) < LARGEST]
    if len(numbers) == len(items):
        return sorted(zip(numbers, items, strict=True), key=lambda pair: pair[0])
    if len(keys) != len(items):
        raise Beyond
    if _are_places(keys):
        meter.charge(sum(map(len, keys)))  # type: ignore[arg-type]
        return sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])

    def compared(one: Json, other: Json) -> int:
        return -1 if less(meter, one, other) else 1 if less(meter, other, one) else 0

    return sorted(zip(map(cmp_to_key(compared), keys), items, strict=True), key=lambda pair: pair[0])


def _are_places(values: Sequence[Json]) -> bool:
    """Arrays of such numbers: what is less for Python is less for jq."""
    if set(map(type, values)) != _ARRAYS:
        return False
    inside = [*chain.from_iterable(values)]  # type: ignore[arg-type]
    return set(map(type, inside)) <= _NUMBERS and are_simple(inside)


def _items(meter: Meter, value: Json) -> list[Json]:
    if isinstance(value, list):
        meter.charge(len(value))
        return value
    raise Beyond
