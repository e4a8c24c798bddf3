"""The database crashes, is cut off, freezes: no row that was acknowledged is lost, and no limit is passed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.errors import AgentOSError
from agentos_runtime.storage.activity.rows import Closing
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.link import Link, Silence
from agentos_runtime.storage.postgres.replica import BEAT_EVERY
from agentos_runtime.storage.sqlite.files import DatabaseAway
from tests.limits.support import Clock, priced
from tests.security.support import until
from tests.sizes import examples
from tests.stores.both import Call, Store, in_database, in_files
from tests.stores.databases import PrivateServer, ask, frozen, made, private_server
from tests.stores.test_replicas import replica
from tests.toy.raw import Toy

pytestmark = pytest.mark.postgres
NEVER = 3600.0
LIMITS = {"agents": {"bot": {"cost_per_week": 1_000_000.0, "concurrent": 50}}, "total": {"concurrent": 60}}


class Load:
    """Calls one after the other, of an agent with limits and of one without; what each was told is counted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.acknowledged: set[int] = set()
        self.spent = 0
        self.refused = 0
        self.going = True

    async def run(self, agent: str) -> None:
        while self.going:
            begun = await self.store.begin(agent)
            if not isinstance(begun, Call):
                self.refused += 1
                assert begun[0] == "database_unavailable", begun
                await asyncio.sleep(0.01)
                continue
            await self.store.end(begun, tokens=1, cost=0.25)
            assert begun.entry.id is not None
            self.acknowledged.add(begun.entry.id)
            self.spent += 250_000_000 if agent == "bot" else 0


async def under_load(address: str, trouble: Any) -> Load:
    async with in_database(address, LIMITS) as store:
        load = Load(store)
        calls = [asyncio.create_task(load.run(agent)) for agent in ("bot", "free") * 6]
        await trouble(load)
        load.going = False
        await asyncio.gather(*calls)
        await all_sent(store)
        return load


def check(address: str, load: Load) -> None:
    kept = {number for (number,) in ask(address, "SELECT id FROM ended WHERE outcome = 'ok'")}
    assert load.acknowledged - kept == set()
    money, running = ask(address, "SELECT cost_week, running FROM subject WHERE name = 'bot'")[0]
    in_ledger = ask(address, "SELECT coalesce(sum(round(cost * 1e9)), 0)::bigint FROM ended WHERE agent = 'bot'")[
        0
    ][0]
    assert (money, running) == (in_ledger, 0)
    assert in_ledger >= load.spent
    assert ask(address, "SELECT count(*) FROM open_call") == [(0,)]


async def some_calls(load: Load, more: int) -> None:
    wanted = len(load.acknowledged) + more
    await comes(lambda: len(load.acknowledged) >= wanted)


async def all_sent(store: Store) -> None:
    """Rows that could not be sent are sent after the reconnect."""
    await comes(lambda: not store.ledger.degraded)


async def comes(true: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(until, true)


@pytest.mark.slow
def test_a_crash_of_the_database_loses_no_row_and_no_money() -> None:
    with private_server() as server, made(server.address) as address:

        async def crashes(load: Load) -> None:
            for _ in range(examples(8) // 5):
                await some_calls(load, 200)
                await asyncio.to_thread(_crash, server)
            await some_calls(load, 200)

        check(address, asyncio.run(under_load(address, crashes)))


@pytest.mark.slow
def test_connections_that_are_cut_lose_no_row_and_no_money(postgres: str) -> None:
    with made(postgres) as address:

        async def cuts(load: Load) -> None:
            for _ in range(examples(20) // 5):
                await some_calls(load, 100)
                await asyncio.to_thread(ask, address, _CUT)
            await some_calls(load, 100)

        check(address, asyncio.run(under_load(address, cuts)))


@pytest.mark.slow
def test_a_call_without_limits_goes_on_while_the_database_is_away() -> None:
    with private_server() as server, made(server.address) as address:

        async def work() -> None:
            async with in_database(address, {"agents": LIMITS["agents"]}) as store:
                await asyncio.to_thread(server.crash)
                refused = await store.begin("bot")
                assert isinstance(refused, tuple)
                assert refused[0] == "database_unavailable"
                free = await store.begin("free")
                assert isinstance(free, Call)
                await store.end(free, tokens=3)
                assert "rows wait in the journal" in str(store.ledger.degraded)
                await asyncio.to_thread(server.start)
                await all_sent(store)

        asyncio.run(work())
        rows = ask(address, "SELECT agent, outcome, code FROM ended ORDER BY agent")
        assert rows == [("bot", "error", "database_unavailable"), ("free", "ok", None)]


@pytest.mark.slow
def test_a_server_wants_no_calls_while_its_database_has_been_away_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_runtime.replicas.UNREADY_AFTER", 2 * BEAT_EVERY)
    with (
        private_server() as server,
        made(server.address) as address,
        Toy(priced(0.0)) as toy,
        replica(tmp_path, address, toy) as house,
    ):

        def told(path: str) -> tuple[int, str]:
            answer = house.client.get(f"/api/health/{path}")
            return answer.status_code, answer.json()["status"]

        assert told("ready") == (200, "ok")
        server.crash()
        assert until(lambda: told("ready") == (503, "database"))
        assert told("live") == (200, "ok")
        assert house.call("toy", "ask").status_code == 200
        server.start()
        assert until(lambda: told("ready") == (200, "ok"))


@pytest.mark.parametrize("store", ["files", "database"])
def test_callers_that_leave_while_they_are_let_in_hold_no_slot_and_no_money(
    store: str, database: str, tmp_path: Path
) -> None:
    limits = {"agents": {"bot": {"concurrent": 3, "cost_per_day": 3.0, "max_cost": 1.0}}}

    async def leaves(store: Store, turns: int) -> None:
        entry = await store.ledger.start(request_id="r", agent="bot", skill="toy", utility="ask")
        asking = asyncio.ensure_future(store.limits.admit("bot", "toy", "ask", paid=True, row=entry.id))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError, AgentOSError):
            admission = await asking
            await store.end(Call(entry, admission), cost=0.0)
            return
        await store.ledger.finish(entry, Closing(outcome="cancelled"))

    async def work(opened: Store) -> None:
        for _ in range(5):
            await asyncio.gather(*(leaves(opened, turns) for turns in (*range(12), *range(0, 60, 10))))
        begun = [await opened.begin("bot") for _ in range(4)]
        assert [isinstance(each, Call) for each in begun] == [True, True, True, False]
        for call in begun[:3]:
            assert isinstance(call, Call)
            await opened.end(call, cost=0.0)
        assert [(key, used) for key, used, _ in opened.uses("bot")] == [("concurrent", 0), ("cost_per_day", 0)]
        assert sum(row["calls"] for row in await opened.usage()) == 5 * 18 + 4

    async def over_files() -> None:
        async with in_files(tmp_path, limits, Clock()) as opened:
            await work(opened)

    async def over_a_database() -> None:
        async with in_database(database, limits) as opened:
            await work(opened)

    asyncio.run(over_files() if store == "files" else over_a_database())


def test_a_row_that_is_said_again_is_counted_once(database: str) -> None:
    async def work() -> None:
        async with in_database(database, LIMITS) as store:
            for _ in range(3):
                call = await store.begin("bot")
                assert isinstance(call, Call)
                await store.end(call, cost=1.0)
            held = await store.begin("bot")
            assert isinstance(held, Call)
            ask(database, _CUT)
            await store.ledger.finish(held.entry, Closing(outcome="ok", cost=1.0))
            again = await store.begin("free")
            assert isinstance(again, Call)
            await store.end(again)
            await all_sent(store)

    asyncio.run(work())
    assert ask(database, "SELECT cost_week, running FROM subject WHERE name = 'bot'") == [(4_000_000_000, 0)]
    assert ask(database, "SELECT agent, count(*) FROM ended GROUP BY agent ORDER BY agent") == [
        ("bot", 4),
        ("free", 1),
    ]


def test_what_a_crash_forgot_is_said_again(database: str) -> None:
    """As after a crash: rows that the database took are not there any more."""

    async def work() -> None:
        async with in_database(database, LIMITS) as store:
            for agent in ("bot", "free"):
                call = await store.begin(agent)
                assert isinstance(call, Call)
                await store.end(call, cost=2.0)
            held = await store.begin("bot")
            assert isinstance(held, Call)
            ask(database, "DELETE FROM ended")
            ask(database, "DELETE FROM open_call")
            ask(database, "DELETE FROM subject")
            ask(database, _CUT)
            again = "SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM open_call)"
            await comes(lambda: ask(database, again) == [(3,)])
            await store.end(held, cost=1.0)
            await all_sent(store)

    asyncio.run(work())
    assert ask(database, "SELECT cost_week, running FROM subject WHERE name = 'bot'") == [(3_000_000_000, 0)]
    assert ask(database, "SELECT agent, sum(cost) FROM ended GROUP BY agent ORDER BY agent") == [
        ("bot", 3),
        ("free", 2),
    ]


@pytest.mark.slow
def test_what_one_connection_waits_for_in_vain_the_others_wait_for_no_longer() -> None:
    async def work(server: PrivateServer) -> None:
        silence = Silence()
        links = [Link(Address(server.address), silence=silence) for _ in range(3)]
        for link in links:
            await link.start()
        asked, other, idle = links
        with frozen(server):
            waits = asyncio.create_task(other.ask("SELECT 1", within=NEVER))
            with pytest.raises(DatabaseAway):
                await asked.ask("SELECT 1", within=0.3)
            with pytest.raises(DatabaseAway):
                await waits
            assert idle.connection is None
        for link in links:
            await link._there.wait()
            assert [*(await link.ask("SELECT 1"))[0]] == [1]

        busy = asyncio.create_task(asked.ask("SELECT pg_sleep(5)", within=1.5))
        assert [*(await other.ask("SELECT 1"))[0]] == [1]
        with pytest.raises(DatabaseAway):
            await busy
        assert other.connection is not None
        for link in links:
            await link.stop()

    with private_server() as server:
        asyncio.run(work(server))


def _crash(server: PrivateServer) -> None:
    server.crash()
    server.start()


_CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
