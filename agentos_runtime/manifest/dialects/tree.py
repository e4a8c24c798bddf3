"""Values that a dialect puts in the place of what a file says, each standing where the file says it."""

from collections.abc import Iterable, Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Key, Scalar, Sequence, Value

Pairs = Iterable[tuple[str, "Cursor | Value"]]


@dataclass(frozen=True, slots=True)
class Composed(Scalar):
    """jq put together of expressions that are checked one by one where they stand in the file."""


def text(value: Json, at: Cursor) -> Scalar:
    """A scalar that stands where `at` does."""
    return Scalar(value, value if isinstance(value, str) else str(value), "", at.value.start, at.value.end)


def composed(source: str, at: Cursor) -> Composed:
    return Composed(source, source, "", at.value.start, at.value.end)


def entries(pairs: Mapping[str, "Cursor | Value"] | Pairs, at: Cursor) -> Entries:
    """A map that stands where `at` does; a value that is a cursor keeps its key's place."""
    found: dict[str, tuple[Key, Value]] = {}
    for name, below in pairs.items() if isinstance(pairs, Mapping) else pairs:
        value = below.value if isinstance(below, Cursor) else below
        place = below if isinstance(below, Cursor) else at
        start, end = (
            (place.key.start, place.key.end)
            if isinstance(place.key, Key)
            else (place.value.start, place.value.start + 1)
        )
        shown = place.key.shown if isinstance(below, Cursor) and isinstance(place.key, Key) else None
        found[name] = Key(name, start, end, shown), value
    return Entries({name: value.value for name, (_, value) in found.items()}, found, at.value.start, at.value.end)


def sequence(values: Iterable[Value], at: Cursor) -> Sequence:
    found = tuple(values)
    return Sequence([value.value for value in found], found, at.value.start, at.value.end)


def under(cursor: Cursor, value: Value, shown: str | None = None) -> Cursor:
    """The same place with another value. shown: what stands for its key in a path."""
    key = cursor.key
    if shown is not None and isinstance(key, Key):
        key = Key(key.text, key.start, key.end, shown)
    return Cursor(cursor.document, value, cursor.parent, key)
