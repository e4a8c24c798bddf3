"""Counting, exact across processes: one transaction lets a call in, one settles it."""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.limits import tables
from agentos_runtime.limits.report import Spent, Use, uses
from agentos_runtime.limits.rules import TOTAL, Budget, Rule
from agentos_runtime.limits.windows import begin_of, end_of
from agentos_runtime.storage.liveness import Owner, living
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.storage.sqlite.shared import SharedDatabase

Subjects: TypeAlias = tuple[tuple[str, Rule], ...]


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
    row: int | None = None
    """Its number in the ledger."""

    @property
    def reserve(self) -> int:
        """What is set aside for it: the most that it may cost, where that was said."""
        if not self.paid:
            return 0
        return next((rule.max_cost for _, rule in self.subjects if rule.max_cost is not None), 0)


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
    """A call that was let in, and the slot that it holds until it is charged."""

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
    """`limits.db`, shared by all processes of one home. Every method raises DatabaseTrouble.

    When a process opens the file, and now and then while it goes on, what is over is dropped, and calls whose
    process died are charged with what the ledger knows of them. subjects: whose counters an agent's calls move now.
    clock: epoch seconds.
    """

    def __init__(
        self,
        file: Path,
        spent: Spent,
        subjects: Callable[[str], Subjects],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._database = SharedDatabase(file, tables.SCHEMA, enter=self._tidy, tidy=self._tidy)
        self._spent = spent
        self._subjects = subjects
        self._clock = clock
        self._owner: Owner | None = None

    async def enter(self, claim: Claim) -> Entered | Refusal:
        """Let a call in, or say why not; a refused call is not counted."""
        owner = self._owned().name

        def work(connection: sqlite3.Connection) -> Entered | Refusal | _Unbegun:
            answer = _judge(connection, claim)
            waits = isinstance(answer, Refusal) and answer.until is None
            if waits and self._charge_the_dead(connection):
                answer = _judge(connection, claim)
            return Entered(_enter(connection, claim, owner), answer) if isinstance(answer, tuple) else answer

        while isinstance(answer := await self._database.run_together(work, _leave), _Unbegun):
            await self._begin(answer)
        return answer

    async def look(self, claim: Claim) -> Refusal | None:
        """Why a call would not be let in now; None when it would."""
        while isinstance(answer := await self._database.run(lambda each: _judge(each, claim)), _Unbegun):
            await self._begin(answer)
        return answer if isinstance(answer, Refusal) else None

    async def settle(self, charge: Charge) -> tuple[Refusal, ...]:
        """Count what a call used and free its slot; the budgets that are used up now."""
        return await self._database.run_together(lambda connection: tuple(_settle(connection, charge)))

    @property
    def counts_all(self) -> bool:
        """Only calls that a limit counts are told."""
        return False

    def uses(self, subject: str, rule: Rule, now: float) -> tuple[Use, ...]:
        """The limits of a subject and how much of them is used."""
        return uses(self._file, self._spent, subject, rule, now)

    def listen(self, heard: Callable[[Refusal], object]) -> None:
        """Nothing is told: every process learns from its own next call."""

    def close(self) -> None:
        self._database.close()
        if self._owner is not None:
            self._owner.release()

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        self._database.check_version()

    def _tidy(self, connection: sqlite3.Connection) -> None:
        tables.forget_the_past(connection, self._clock())
        self._charge_the_dead(connection)

    def _charge_the_dead(self, connection: sqlite3.Connection) -> bool:
        """Charge the calls whose process died before it could; whether there were any."""
        dead = tables.slots_of_the_dead(connection, living(self._file))
        for number, slot in dead.items():
            try:
                tokens, cost = (0, 0) if slot.row is None else self._spent.by(slot.row, slot.agent)
            except DatabaseTrouble:  # the ledger says so itself; who calls now has nothing to do with it
                return False
            claim = Claim(slot.agent, slot.utility, slot.paid, slot.at, self._subjects(slot.agent), slot.row)
            deque(_settle(connection, Charge(claim, number, tokens, cost)), maxlen=0)
        return bool(dead)

    def _owned(self) -> Owner:
        if self._owner is None:
            self._owner = Owner(self._file)
        return self._owner

    async def _begin(self, window: _Unbegun) -> None:
        """A window begins with what the ledger has of it: limits may be new, or their file gone.

        What calls used that are yet to be charged is left out: it is added when they are.
        """

        def work(connection: sqlite3.Connection) -> None:
            subject, budget = window.subject, window.budget
            agent, later = None if subject == TOTAL else subject, tables.open_rows(connection)
            tokens, cost = self._spent.since(agent, window.begins, later)
            spent = tokens if budget.unit == "tokens" else cost
            tables.begin(connection, subject, budget.name, window.begins, spent)

        await self._database.run_in_thread(work)


def _enter(connection: sqlite3.Connection, claim: Claim, owner: str) -> int:
    """Count a call that is let in; its slot."""
    for subject, rule in claim.subjects:
        if rule.calls_per_minute is not None:
            tables.tick(connection, subject, rule.calls_per_minute, claim.now)
    slot = tables.Slot(claim.agent, owner, claim.reserve, claim.utility, claim.paid, claim.now, claim.row)
    return tables.take_slot(connection, slot)


def _leave(connection: sqlite3.Connection, answer: Entered | Refusal | _Unbegun) -> None:
    if isinstance(answer, Entered):
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
