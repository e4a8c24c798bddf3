"""A three-way merge of values, key by key: what was imported last, what the file says now, what is imported now.

What a person changed wins; where the service changed the same thing too, that is a conflict, and it is told.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.shapes import same


class Missing:
    """No value at all, which null is not."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
Value = Json | Missing
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that a person and the service both changed; the person's version stays."""

    path: Path
    theirs: Value
    """What the service says now."""

    def __str__(self) -> str:
        where = ".".join(self.path)
        if isinstance(self.theirs, Missing):
            return f"{where} is gone from the source; it stays, because it was edited here"
        return f"{where} was edited here, and has changed in the source"


@dataclass(slots=True)
class Merged:
    """The outcome: the value, and what could not be had both ways."""

    value: Value
    conflicts: list[Conflict] = field(default_factory=list)


def merge(base: Value, mine: Value, theirs: Value) -> Merged:
    """Merge three versions of a value."""
    merged = Merged(MISSING)
    merged.value = _merge(base, mine, theirs, (), merged.conflicts)
    return merged


def equal(left: Value, right: Value) -> bool:
    if isinstance(left, Missing) or isinstance(right, Missing):
        return left is right
    return same(left, right)


def _merge(base: Value, mine: Value, theirs: Value, path: Path, conflicts: list[Conflict]) -> Value:
    if equal(mine, theirs) or equal(base, theirs):
        return mine
    if equal(mine, base):
        return _in_order_of(mine, theirs)
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return _maps(base if isinstance(base, dict) else {}, mine, theirs, path, conflicts)
    conflicts.append(Conflict(path, theirs))
    return mine


def _maps(
    base: Mapping[str, Json],
    mine: Mapping[str, Json],
    theirs: Mapping[str, Json],
    path: Path,
    conflicts: list[Conflict],
) -> dict[str, Json]:
    merged: dict[str, Json] = {}
    for key in order(mine, theirs):
        versions = (base.get(key, MISSING), mine.get(key, MISSING), theirs.get(key, MISSING))
        value = _merge(*versions, (*path, key), conflicts)
        if not isinstance(value, Missing):
            merged[key] = value
    return merged


def _in_order_of(mine: Value, theirs: Value) -> Value:
    """The new value, its keys in the order in which the file has them."""
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return theirs
    merged: dict[str, Json] = {}
    for key in order(mine, theirs):
        if key in theirs:
            value = _in_order_of(mine.get(key, MISSING), theirs[key])
            merged[key] = theirs[key] if isinstance(value, Missing) else value
    return merged


def order(mine: Mapping[str, Json], theirs: Mapping[str, Json]) -> list[str]:
    """The keys of both: those of the file where they are, new ones after the key that they follow in the source."""
    keys = list(mine)
    previous: str | None = None
    for key in theirs:
        if key not in mine:
            keys.insert(keys.index(previous) + 1 if previous is not None else 0, key)
        previous = key
    return keys
