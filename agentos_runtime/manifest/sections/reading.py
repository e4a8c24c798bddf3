"""What the readers of a manifest share: where problems go, which names are known, which jq was found."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.dialects.tree import Composed
from agentos_runtime.manifest.model import NOTHING_SHARED, Nested, Shared
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.result import ExpressionCheck
from agentos_runtime.manifest.yaml.values import Cursor

Side = Literal["request", "response"]
SIDES: tuple[Side, ...] = ("request", "response")


EVERY_UTILITY = ""
"""Stands for a utility's name where an expression is shared by all: see `Shared`."""


@dataclass(frozen=True, slots=True)
class Found:
    """One jq expression of a utility, for the rules that look at expressions."""

    utility: str
    """Its name, or EVERY_UTILITY."""
    side: Side
    cursor: Cursor
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One file being read."""

    report: Report
    used_by: Callable[[str], str] = lambda source: ""
    """The definitions that an expression may use."""
    auth_of: Callable[[str], frozenset[str]] = lambda source: frozenset()
    """The credential's fields that the definitions which an expression uses name."""
    names: frozenset[str] = frozenset()
    """What `definitions` defines."""
    base_url: str | None = None
    shared: Shared = NOTHING_SHARED
    strict_returns: bool = True
    """What the skill says of the `returns` of its utilities."""
    lenient: bool = False
    """The file is in a dialect where a field whose jq fails for want of a param is left out, and where `returns`
    describes each element of a reply that is a list."""
    found: list[Found] = field(default_factory=list)
    meant: list[tuple[str, str]] = field(default_factory=list)
    """Utility and param: what was written so that it is no use of the param, though meant as one."""
    checks: list[ExpressionCheck] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """One utility being read."""

    reading: Reading
    utility: str
    params: Mapping[str, object]
    nested: Nested | None = None
    """How its forms and queries write maps and lists."""

    @property
    def report(self) -> Report:
        return self.reading.report

    def note(self, cursor: Cursor, source: str, side: Side, *, compile_check: bool) -> None:
        """Remember an expression; `compile_check` False for one that is known to be jq."""
        self.reading.found.append(Found(self.utility, side, cursor, source))
        if compile_check and not isinstance(cursor.value, Composed):
            definitions = self.reading.used_by(source)
            self.reading.checks.append(
                ExpressionCheck(cursor.place, source, definitions, side == "request", cursor.locator())
            )
