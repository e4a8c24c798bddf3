"""Where two JSON values differ, place by place."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.shapes import path_text, same


class Nothing(Enum):
    """The absence of a value, where null is a value."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING
Side: TypeAlias = Json | Nothing


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where what came is not what the case says."""

    path: str
    expected: Side
    actual: Side
    line: int | None = None
    """Of the case, where it says so; known for one of several exchanges."""

    def as_json(self) -> dict[str, Json]:
        sides: dict[str, Side] = {"expected": self.expected, "actual": self.actual}
        line: dict[str, Json] = {} if self.line is None else {"line": self.line}
        return (
            {"path": self.path}
            | line
            | {name: side for name, side in sides.items() if not isinstance(side, Nothing)}
        )


Path: TypeAlias = tuple[str | int, ...]


def differences(expected: Side, actual: Side, *path: str | int) -> Iterator[Difference]:
    """Every place where the two differ; maps and lists are gone into."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in (*expected, *(name for name in actual if name not in expected)):
            yield from differences(expected.get(name, NOTHING), actual.get(name, NOTHING), *path, name)
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            yield from differences(_at(expected, index), _at(actual, index), *path, index)
    elif isinstance(expected, Nothing) or isinstance(actual, Nothing) or not same(expected, actual):
        yield Difference(path_text(path), expected, actual)


def missing_parts(
    expected: Mapping[str, Json], actual: Mapping[str, Json], *path: str | int
) -> Iterator[Difference]:
    """Like `differences`, but what only the second has is fine, at every depth of maps."""
    for name, wanted in expected.items():
        found: Side = actual.get(name, NOTHING)
        if isinstance(wanted, dict) and isinstance(found, dict):
            yield from missing_parts(wanted, found, *path, name)
        else:
            yield from differences(wanted, found, *path, name)


def _at(items: list[Json], index: int) -> Side:
    return items[index] if index < len(items) else NOTHING
