"""Limits and a ledger over either store, under one clock that the test sets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.counters import Counters
from agentos_runtime.limits.enforcement import Admission, Limits
from agentos_runtime.limits.shared import set_rules
from agentos_runtime.limits.source import RuleSource
from agentos_runtime.replicas import open_shared
from agentos_runtime.runtime.ports import Ledger
from agentos_runtime.storage.activity import ledger as local
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.rows import Closing, Entry
from agentos_runtime.storage.files import with_database
from tests.limits.support import Clock
from tests.stores.databases import SET_CLOCK


@dataclass(frozen=True, slots=True)
class Call:
    """One that is under way."""

    entry: Entry
    admission: Admission | None


class Store:
    """Either store, as a call uses it."""

    def __init__(self, limits: Limits, ledger: Ledger, clock: Clock) -> None:
        self.limits = limits
        self.ledger = ledger
        self.clock = clock

    async def begin(self, agent: str, *, paid: bool = True, utility: str = "ask") -> Call | tuple[Any, ...]:
        """A call that was let in, or what it was told."""
        entry = await self.ledger.start(request_id="r", agent=agent, skill="toy", utility=utility)
        try:
            admission = await self.limits.admit(agent, "toy", utility, paid=paid, row=entry.id)
        except AgentOSError as error:
            await self.ledger.finish(entry, Closing(outcome="error", code=error.code, status=error.status))
            return (error.code, error.message, error.retry_after, tuple(sorted((error.details or {}).items())))
        return Call(entry, admission)

    async def end(self, call: Call, *, tokens: int = 0, cost: float | None = None) -> None:
        closing = Closing(outcome="ok", status=200, input_tokens=tokens, output_tokens=0, cost=cost)
        await self.ledger.finish(call.entry, closing)
        if call.admission is not None:
            await call.admission.close(tokens, cost or 0.0)

    def uses(self, agent: str) -> list[tuple[str, int, int]]:
        return [(use.key, use.used, use.most) for use in self.limits.uses(agent)]

    async def usage(self) -> Any:
        return (await self.ledger.reader.usage({"by": "agent,utility"}))["rows"]


class _Spent:
    """What SQLite's ledger knows."""

    def __init__(self, file: Path) -> None:
        self._reader = ActivityReader(file)

    def since(self, agent: str | None, moment: float, without: Any = ()) -> tuple[int, int]:
        tokens, cost = self._reader.spent(agent, moment, without)
        return tokens, round(cost * 1e9)

    def by(self, row: int, agent: str) -> tuple[int, int]:
        tokens, cost = self._reader.spent_by(row, agent)
        return tokens, round(cost * 1e9)


@asynccontextmanager
async def in_files(home: Path, limits: Mapping[str, Any], clock: Clock) -> AsyncIterator[Store]:
    rules = RuleSource(home / "config.toml", limits)
    activity = home / "activity.db"
    counters = Counters(
        home / "limits.db", _Spent(activity), lambda agent: rules.current().subjects(agent), clock=clock
    )
    with local.Ledger(activity, clock=clock) as ledger, closing(Limits(rules, counters, clock=clock)) as opened:
        yield Store(opened, ledger, clock)


@asynccontextmanager
async def in_database(address: str, limits: Mapping[str, Any], clock: Clock | None = None) -> AsyncIterator[Store]:
    """A replica. clock: where the database's clock is to stand."""
    with TemporaryDirectory() as home:
        async with _in_database(Settings(home=Path(home) / "home", database=address), limits, clock) as store:
            yield store


@asynccontextmanager
async def _in_database(plain: Settings, limits: Mapping[str, Any], clock: Clock | None) -> AsyncIterator[Store]:
    settings = with_database(plain)
    side = settings.documents.side
    if clock is not None:
        side.script(SET_CLOCK)
        set_clock(side, clock.now)
    set_rules(settings.documents, limits)
    async with open_shared(settings) as (_, shared):
        opened = Limits(shared.rules, shared.counters, clock=clock or shared.now)
        yield Store(opened, shared.ledger, clock or Clock())
    side.close()


def set_clock(side: Any, now: float) -> None:
    with side.transaction():
        side.execute("DELETE FROM test_clock")
        side.execute("INSERT INTO test_clock VALUES (?)", (round(now * 1000),))
