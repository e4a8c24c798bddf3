"""How much of its limits each agent has used, for people to read; also while no server runs."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Protocol

from agentos_runtime.frozen import dataclass
from agentos_runtime.limits import tables
from agentos_runtime.limits.rules import TOTAL, Rule
from agentos_runtime.limits.windows import begin_of, end_of
from agentos_runtime.storage.sqlite.files import FAILURES, PrivateDatabase


class Spent(Protocol):
    """What the ledger knows of what was spent: tokens and billionths of a dollar. Raises DatabaseTrouble."""

    def since(self, agent: str | None, moment: float, without: Collection[int] = ()) -> tuple[int, int]:
        """By an agent (None = by all) in calls begun since a moment, but for the rows of these numbers."""
        ...

    def by(self, row: int, agent: str) -> tuple[int, int]:
        """In one call."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """One limit: its key, how much of it is used, and when it resets (None: as calls end). Money in billionths."""

    key: str
    used: int
    most: int
    resets_at: float | None


def uses(file: Path, spent: Spent, subject: str, rule: Rule, now: float) -> tuple[Use, ...]:
    """The limits of one subject and their use. Raises DatabaseTrouble."""
    database = PrivateDatabase(file, tables.SCHEMA)
    try:
        connection = database.read()
        with closing(connection) if connection else nullcontext():
            return (*_calls(connection, subject, rule, now), *_budgets(connection, spent, subject, rule, now))
    except FAILURES as error:
        raise database.trouble(error) from None


def _calls(connection: sqlite3.Connection | None, subject: str, rule: Rule, now: float) -> Iterator[Use]:
    if rule.calls_per_minute is not None:
        made = tables.calls_within_a_minute(connection, subject, now) if connection else 0
        yield Use("calls_per_minute", made, rule.calls_per_minute, None)
    if rule.concurrent is not None:
        calls, _ = tables.slots(connection, None if subject == TOTAL else subject) if connection else (0, 0)
        yield Use("concurrent", calls, rule.concurrent, None)


def _budgets(
    connection: sqlite3.Connection | None, spent: Spent, subject: str, rule: Rule, now: float
) -> Iterator[Use]:
    for budget in rule.budgets:
        begins = begin_of(budget.period, now)
        used = None if connection is None else tables.amount(connection, subject, budget.name, begins)
        if used is None:
            tokens, cost = spent.since(None if subject == TOTAL else subject, begins)
            used = tokens if budget.unit == "tokens" else cost
        yield Use(budget.name, used, budget.most, end_of(budget.period, now))
