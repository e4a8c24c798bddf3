"""What the rules of `lint` look at, and how they warn."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.sections.expressions import mentions
from agentos_runtime.manifest.sections.reading import Found, Reading
from agentos_runtime.manifest.yaml.values import Cursor


@dataclass(frozen=True, slots=True)
class Subject:
    """A skill, the values it was read from, and the jq that was found in it."""

    skill: Skill
    root: Cursor
    files: tuple[Cursor, ...]
    """The roots of all its files, `root` first."""
    found: tuple[Found, ...]
    utilities: tuple[tuple[Utility, Cursor], ...]
    expressions: Mapping[str, tuple[Found, ...]]
    """By utility."""
    meant: frozenset[tuple[str, str]] = frozenset()
    """Utility and param: what was meant as a use of the param, and is reported as none."""

    @classmethod
    def of(
        cls, skill: Skill, files: tuple[Cursor, ...], declared: Mapping[str, Cursor], reading: Reading
    ) -> "Subject":
        """`declared`: where each utility stands."""
        found = tuple(reading.found)
        utilities = tuple((utility, declared[name]) for name, utility in skill.utilities.items())
        by_utility: dict[str, list[Found]] = {}
        for one in found:
            by_utility.setdefault(one.utility, []).append(one)
        expressions = {name: tuple(ones) for name, ones in by_utility.items()}
        return cls(skill, files[0], files, found, utilities, expressions, frozenset(reading.meant))


Rule = Callable[[Subject], Iterable[Problem]]


def warn(cursor: Cursor, message: str, fix: str | None = None) -> Problem:
    return Problem(message, cursor.place, fix, "warning", cursor.length)


def warn_key(cursor: Cursor, message: str, fix: str | None = None) -> Problem:
    return Problem(message, cursor.key_place, fix, "warning", max(1, cursor.key_length))


def warn_at(cursor: Cursor, index: int, length: int, message: str, fix: str | None) -> Problem:
    place = cursor.document.place(cursor.path, cursor.offset_at(index))
    return Problem(message, place, fix, "warning", length)


def declared(utility: Utility) -> Mapping[str, Any]:
    properties: Any = utility.params.get("properties", {})
    return {name: schema for name, schema in properties.items() if name not in utility.runtime_params}


def mentioned(subject: Subject, utility: str) -> Iterator[tuple[str | None, Found, int]]:
    """Every use of a param by an expression of the utility, or by one that all share (EVERY_UTILITY)."""
    for found in subject.expressions.get(utility, ()):
        for name, index in mentions(found.source, "params", found.side):
            yield name, found, index
        if found.side == "request":
            for name, index in mentions(found.source, "params", "response"):
                yield name, found, index
