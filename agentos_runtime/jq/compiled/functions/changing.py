"""What jq makes of values, for compiled code: each function charges the size that it touches."""

from collections.abc import Iterator, Sequence

from agentos_runtime.jq.compiled.errors import Beyond, JqError
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import DEEPEST, items, plus
from agentos_runtime.jsontext import Json

_MANY = 8
"""Names, of which looking at each one in turn costs more than to make a set of them."""


def with_key(meter: Meter, value: Json, key: Json, new: Json) -> Json:
    """The value with another one at the key."""
    if isinstance(key, str) and isinstance(value, dict):
        meter.charge(len(value))
        return {**value, key: new}
    if isinstance(key, str) and value is None:
        return {key: new}
    if key.__class__ is int and isinstance(value, list):
        assert isinstance(key, int)
        if not -len(value) <= key < len(value):
            raise Beyond
        meter.charge(len(value))
        return [*value[:key], new, *value[len(value) if key == -1 else key + 1 :]]
    if isinstance(key, str) or (key.__class__ is int and value is not None and not isinstance(value, dict)):
        raise JqError
    raise Beyond


def without_keys(meter: Meter, value: Json, names: tuple[str, ...]) -> Json:
    """`del(.a, .b)`"""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise JqError
    meter.charge(len(value))
    meter.charge(len(names))
    gone = names if len(names) < _MANY else frozenset(names)
    return {name: each for name, each in value.items() if name not in gone}


def object_key(value: Json) -> str:
    """A value that becomes the key of an object."""
    if isinstance(value, str):
        return value
    raise JqError


def to_entries(meter: Meter, value: Json) -> Json:
    if isinstance(value, dict):
        meter.charge(len(value) * 4)
        return [{"key": name, "value": each} for name, each in value.items()]
    if isinstance(value, list):  # the keys of an array are its places
        meter.charge(len(value) * 4)
        return [{"key": place, "value": each} for place, each in enumerate(value)]
    raise JqError


def from_entries(meter: Meter, value: Json) -> Json:
    """Of entries with a text as `key` and a `value`; the other forms are left to jq."""
    if not isinstance(value, list):
        raise Beyond
    meter.charge(len(value) * 2)
    found: dict[str, Json] = {}
    for entry in value:
        key = entry.get("key") if isinstance(entry, dict) else None
        if not isinstance(key, str) or not isinstance(entry, dict) or "value" not in entry:
            raise Beyond
        found[key] = entry["value"]
    return found


def total(meter: Meter, value: Json) -> Json:
    """`add`"""
    return added(meter, items(meter, value, 1))


def added(meter: Meter, values: Sequence[Json]) -> Json:
    """The values added up; texts at once, so that the sum of many is not written many times."""
    if values and all(isinstance(each, str) for each in values):
        texts = [each for each in values if isinstance(each, str)]
        meter.charge(len(values) + (sum(map(len, texts)) >> 5))
        return "".join(texts)
    found: Json = None
    for each in values:
        meter.charge(2)
        found = plus(meter, found, each)
    return found


def reverse(meter: Meter, value: Json) -> Json:
    if isinstance(value, list):
        meter.charge(len(value))
        return value[::-1]
    raise Beyond


def flatten(meter: Meter, value: Json) -> Json:
    """One level after the other, all of them."""
    if not isinstance(value, list):
        raise Beyond
    return list(inner_items(meter, value, 0))


def inner_items(meter: Meter, value: Sequence[Json], depth: int) -> Iterator[Json]:
    """What stands in the arrays, and in arrays in them."""
    if depth > DEEPEST:
        raise Beyond
    for each in value:
        meter.charge(1 + depth)
        if isinstance(each, list):
            yield from inner_items(meter, each, depth + 1)
        else:
            yield each
