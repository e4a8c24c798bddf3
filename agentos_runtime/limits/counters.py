"""Counting, exact across processes: one transaction lets a call in, one settles it."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agentos_runtime.limits import tables
from agentos_runtime.limits.rules import TOTAL, Budget, Rule
from agentos_runtime.limits.windows import begin_of, end_of
from agentos_runtime.process_marks import Owner, living
from agentos_runtime.shared_database import SharedDatabase

Subjects: TypeAlias = tuple[tuple[str, Rule], ...]

Spent: TypeAlias = Callable[[str | None, float], tuple[int, int]]
"""Tokens and billionths of a dollar in the ledger, of an agent (None = of all) since a moment."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that wants in."""

    agent: str
    utility: str
    """`openrouter/chat`"""
    paid: bool
    """Whether it carries a credential: only then can it cost anybody money."""
    now: float
    subjects: Subjects

    @property
    def reserve(self) -> int:
        """What is set aside for it: the most that it may cost, where that was said."""
        if not self.paid:
            return 0
        return next((rule.max_cost for _, rule in self.subjects if rule.max_cost is not None), 0)

    @property
    def needs_slot(self) -> bool:
        return any(rule.concurrent is not None for _, rule in self.subjects) or self.reserve > 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that was hit: the key of the rule, how much of it is used, and when there is room again."""

    subject: str
    key: str
    used: int
    most: int
    until: float | None
    """None: nobody knows; when a call that is under way ends."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a budget is used, once its soft line was passed."""

    subject: str
    budget: Budget
    used: int
    until: float


@dataclass(frozen=True, slots=True)
class Entered:
    """A call that was let in; `slot` is 0 when it holds none."""

    slot: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class _Unbegun:
    """A window that has no counter yet."""

    subject: str
    budget: Budget
    begins: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A call that ended: what it used, and whom that is charged to."""

    claim: Claim
    slot: int
    tokens: int
    cost: int


class Counters:
    """`limits.db`, shared by all processes of one home. Every method raises DatabaseTrouble."""

    def __init__(self, database: SharedDatabase, spent: Spent) -> None:
        self._database = database
        self._spent = spent
        self._owner: Owner | None = None

    async def enter(self, claim: Claim) -> Entered | Refusal:
        """Let a call in, or say why not; a refused call is not counted."""
        owner = self._owned().name if claim.needs_slot else ""

        def work(connection: sqlite3.Connection) -> Entered | Refusal | _Unbegun:
            return _enter(connection, claim, owner, self._database.file)

        while isinstance(answer := await self._database.run(work, _leave), _Unbegun):
            await self._begin(answer)
        return answer

    async def settle(self, charge: Charge) -> tuple[Refusal, ...]:
        """Count what a call used and free its slot; the budgets that are used up now."""
        return await self._database.run(lambda connection: tuple(_settle(connection, charge)))

    def close(self) -> None:
        self._database.close()
        if self._owner is not None:
            self._owner.release()

    def _owned(self) -> Owner:
        if self._owner is None:
            self._owner = Owner(self._database.file)
        return self._owner

    async def _begin(self, window: _Unbegun) -> None:
        """A window begins with what the ledger has of it: limits may be new, or their file gone."""

        def work(connection: sqlite3.Connection) -> None:
            subject, budget = window.subject, window.budget
            tokens, cost = self._spent(None if subject == TOTAL else subject, window.begins)
            spent = tokens if budget.unit == "tokens" else cost
            tables.begin(connection, subject, budget.name, window.begins, spent)

        await self._database.run_in_thread(work)


def _enter(connection: sqlite3.Connection, claim: Claim, owner: str, file: Path) -> Entered | Refusal | _Unbegun:
    answer = _judge(connection, claim)
    waits = isinstance(answer, Refusal) and answer.until is None
    if waits and tables.free_slots_of_the_dead(connection, living(file)):
        answer = _judge(connection, claim)
    if not isinstance(answer, tuple):
        return answer
    for subject, rule in claim.subjects:
        if rule.calls_per_minute is not None:
            tables.tick(connection, subject, rule.calls_per_minute, claim.now)
    slot = tables.take_slot(connection, claim.agent, owner, claim.reserve) if claim.needs_slot else 0
    return Entered(slot, answer)


def _leave(connection: sqlite3.Connection, answer: Entered | Refusal | _Unbegun) -> None:
    if isinstance(answer, Entered) and answer.slot:
        tables.free_slot(connection, answer.slot)


def _judge(connection: sqlite3.Connection, claim: Claim) -> tuple[Level, ...] | Refusal | _Unbegun:
    """Whether every limit has room for the call; nothing is written."""
    levels: list[Level] = []
    for subject, rule in claim.subjects:
        for check in _CHECKS:
            if refusal := check(connection, claim, subject, rule):
                return refusal
        for budget in rule.budgets:
            answer = _budget(connection, claim, subject, budget)
            if not isinstance(answer, Level):
                return answer
            if answer.used >= rule.soft * budget.most and (claim.paid or budget.unit == "tokens"):
                levels.append(answer)
    return tuple(levels)


def _rate(connection: sqlite3.Connection, claim: Claim, subject: str, rule: Rule) -> Refusal | None:
    most = rule.calls_per_minute
    until = tables.full_until(connection, subject, most, claim.now) if most is not None else None
    return None if most is None or until is None else Refusal(subject, "calls_per_minute", most, most, until)


def _concurrency(connection: sqlite3.Connection, claim: Claim, subject: str, rule: Rule) -> Refusal | None:
    if rule.concurrent is None:
        return None
    calls, _ = tables.slots(connection, subject or None)
    return Refusal(subject, "concurrent", calls, rule.concurrent, None) if calls >= rule.concurrent else None


def _dearest(connection: sqlite3.Connection, claim: Claim, subject: str, rule: Rule) -> Refusal | None:
    """A utility of which a call cost too much today: what the next would cost, nobody knows before."""
    if rule.max_cost is None or not claim.paid:
        return None
    dearest = tables.amount(connection, subject, claim.utility, begin_of("day", claim.now))
    if dearest is None or dearest <= rule.max_cost:
        return None
    return Refusal(subject, "max_cost", dearest, rule.max_cost, end_of("day", claim.now))


_Check: TypeAlias = Callable[[sqlite3.Connection, Claim, str, Rule], Refusal | None]
_CHECKS: tuple[_Check, ...] = (_rate, _concurrency, _dearest)


def _budget(
    connection: sqlite3.Connection, claim: Claim, subject: str, budget: Budget
) -> Level | Refusal | _Unbegun:
    begins, until = begin_of(budget.period, claim.now), end_of(budget.period, claim.now)
    used = tables.amount(connection, subject, budget.name, begins)
    if used is None:
        return _Unbegun(subject, budget, begins)
    free = budget.unit == "cost" and not claim.paid
    reserve = claim.reserve if budget.unit == "cost" else 0
    if not free and (used >= budget.most or used + reserve > budget.most):
        return Refusal(subject, budget.name, used, budget.most, until)
    if reserve:
        _, reserved = tables.slots(connection, subject or None)
        if used + reserved + reserve > budget.most:
            return Refusal(subject, budget.name, used + reserved, budget.most, None)
    return Level(subject, budget, used, until)


def _settle(connection: sqlite3.Connection, charge: Charge) -> Iterator[Refusal]:
    claim = charge.claim
    if charge.slot:
        tables.free_slot(connection, charge.slot)
    for subject, rule in claim.subjects:
        if rule.max_cost is not None and charge.cost > rule.max_cost:
            tables.raise_to(connection, subject, claim.utility, begin_of("day", claim.now), charge.cost)
        for budget in rule.budgets:
            more = charge.tokens if budget.unit == "tokens" else charge.cost
            begins = begin_of(budget.period, claim.now)
            used = tables.add(connection, subject, budget.name, begins, more) if more else None
            if used is not None and used >= budget.most:
                yield Refusal(subject, budget.name, used, budget.most, end_of(budget.period, claim.now))
