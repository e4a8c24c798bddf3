"""Limits that hold over all replicas: the rules stand in the database, and it counts."""

from collections.abc import Callable, Mapping
from typing import Any

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.limits.counters import Charge, Claim, Entered, Level, Refusal
from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import TOTAL, Budget, Rule, Rules, Unit, read_rules
from agentos_runtime.limits.windows import Period
from agentos_runtime.storage.postgres.calls import Calls, Verdict
from agentos_runtime.storage.postgres.calls import Level as Spent
from agentos_runtime.storage.postgres.documents import Documents
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

DOCUMENT = "limits"
OTHERS = " "
"""The subject of `[limits.default]` in the database; no agent has this name."""
_NAMED = "the limits in the database"
_UNITS: Mapping[str, Unit] = {"tokens": "tokens", "cost": "cost"}
_PERIODS: Mapping[str, Period] = {"day": "day", "week": "week"}


class SharedRules:
    """The rules as the database has them; those that cannot be read change nothing and are told in `problem`."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._read: tuple[tuple[int, ...] | None, Rules] = (None, Rules())
        """What was read last, and under which version."""
        self.problem: str | None = None

    @property
    def last(self) -> Rules:
        """Those that were last read."""
        return self._read[1]

    def current(self) -> Rules:
        """Of the copy in this process: no query."""
        copy, (read_under, rules) = self._documents.copy(DOCUMENT), self._read
        if copy is not None and copy.stamp != read_under:
            try:
                rules = read_rules(parse(copy.data), _NAMED)
                self.problem = None
            except (SettingsError, JsonTextError) as error:
                self.problem = (
                    f"{error}. The limits from before hold for what this process shows; the database counts"
                )
            self._read = (copy.stamp, rules)  # at once: threads ask too
        return rules


def set_rules(documents: Documents, raw: Mapping[str, Any]) -> None:
    """Put the table `[limits]` in place of what all replicas go by. Raises SettingsError, DatabaseTrouble."""
    rules = read_rules(raw, "limits")
    rows: list[Json] = [_row(name, rule) for name, rule in rules.agents.items()]
    rows += [_row(TOTAL, rules.total), _row(OTHERS, rules.default)]
    with documents.side.transaction():
        documents.change(DOCUMENT, lambda _: dump(dict(raw)))
        documents.side.execute("SELECT set_rules_v1(CAST(CAST(? AS text) AS jsonb))", (dump(rows).decode(),))


class SharedCounters:
    """Counting in the database. calls: None where only looking is wanted."""

    def __init__(self, side: SideConnection, calls: Calls | None = None) -> None:
        self._side = side
        self._calls = calls

    @property
    def counts_all(self) -> bool:
        """The database also learns of calls that no limit counts."""
        return True

    async def enter(self, claim: Claim) -> Entered | Refusal:
        """Let a call in, or say why not. A call without limits goes on while the database is away."""
        calls, held = self._running, self._running.held(claim.row or 0)
        if held is None:
            raise DatabaseTrouble("this call has no row, so it cannot be counted")
        try:
            verdict = await calls.admit(held, paid=claim.paid)
        except DatabaseAway:
            if claim.subjects:
                raise
            calls.go_on_alone(held)
            return Entered(held.id, ())
        return _refusal(verdict) or Entered(held.id, tuple(map(_level, verdict.levels)))

    async def look(self, claim: Claim) -> Refusal | None:
        """Why a call would not be let in now; None when it would."""
        if not claim.subjects:
            return None
        verdict = await self._running.look(claim.agent, claim.utility, paid=claim.paid)
        return None if verdict is None else _refusal(verdict)

    async def settle(self, charge: Charge) -> tuple[Refusal, ...]:
        """Nothing is left to do: the database settles a call with its row, and tells what is used up."""
        return ()

    def uses(self, subject: str, rule: Rule, now: float) -> tuple[Use, ...]:
        """The limits of a subject and how much of them is used."""
        found = parse(self._side.execute("SELECT CAST(uses_v1(?) AS text)", (subject,)).fetchone()[0].encode())
        assert isinstance(found, list)
        rows: list[Any] = found
        return tuple(
            Use(key, int(used), int(most), None if until is None else float(until))
            for key, used, most, until in rows
        )

    def listen(self, heard: Callable[[Refusal], object]) -> None:
        """Have this told the budgets that are used up, by whichever replica."""

        def told(spent: Spent) -> None:
            heard(Refusal(*spent))

        if self._calls is not None:
            self._calls.spent.append(told)

    def close(self) -> None:
        """What it is made of is closed by who opened it."""

    def check_version(self) -> None:
        """The whole database was looked at when it was opened."""

    @property
    def _running(self) -> Calls:
        assert self._calls is not None
        return self._calls


def _refusal(verdict: Verdict) -> Refusal | None:
    if verdict.key is None:
        return None
    return Refusal(verdict.subject, verdict.key, verdict.used, verdict.most, verdict.until)


def _level(spent: Spent) -> Level:
    subject, key, used, most, until = spent
    unit, _, period = key.partition("_per_")
    return Level(subject, Budget(key, _UNITS[unit], _PERIODS[period], most), used, until)


def _row(subject: str, rule: Rule) -> list[Json]:
    """As `set_rules_v1` takes it."""
    budgets = {budget.name: budget.most for budget in rule.budgets}
    kept = [budgets.get(name) for name in ("tokens_per_day", "tokens_per_week", "cost_per_day", "cost_per_week")]
    return [subject, rule.calls_per_minute, rule.concurrent, *kept, rule.max_cost, rule.soft, rule.counts]
