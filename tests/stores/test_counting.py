"""Whatever calls come in which order, files and a database let in the same ones, with the same words and sums."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.limits.shared import set_rules
from agentos_runtime.storage.postgres.documents import Documents
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.side import SideConnection
from tests.limits.support import NOON, Clock
from tests.security.support import until
from tests.sizes import examples
from tests.stores.both import Call, Store, in_database, in_files, set_clock
from tests.stores.databases import SET_CLOCK, ask, made, wipe

pytestmark = pytest.mark.postgres
LIMITS = {
    "default": {"calls_per_minute": 6, "concurrent": 3},
    "agents": {
        "rich": {"cost_per_day": 3.0, "cost_per_week": 4.0, "max_cost": 1.0, "calls_per_minute": "unlimited"},
        "wordy": {"tokens_per_day": 50, "soft": 0.5, "calls_per_minute": 4},
    },
    "total": {"concurrent": 5, "cost_per_week": 6.0},
}
AGENTS = ("rich", "wordy", "other")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(AGENTS), st.booleans()),
        st.tuples(
            st.just("end"), st.integers(0, 5), st.integers(0, 40), st.sampled_from([None, 0.0, 0.25, 0.7, 1.5])
        ),
        st.tuples(st.just("wait"), st.sampled_from([0.25, 1.0, 20.5, 61.0, 43_200.0])),
    ),
    min_size=5,
    max_size=40,
)


async def both(home: Path, address: str, steps: list[Any], limits: Any = LIMITS) -> None:
    clock = Clock(NOON)
    async with AsyncExitStack() as opened:
        first = await opened.enter_async_context(in_files(home, limits, clock))
        second = await opened.enter_async_context(in_database(address, limits, clock))
        side = second.limits._counters._side  # type: ignore[attr-defined]  # the connection that sets the clock
        under_way: list[list[Any]] = []
        for step in steps:
            if step[0] == "begin":
                answers = [await store.begin(step[1], paid=step[2]) for store in (first, second)]
                assert _told(answers[0]) == _told(answers[1]), steps
                if isinstance(answers[0], Call):
                    under_way.append(answers)
            elif step[0] == "end" and under_way:
                call = under_way.pop(step[1] % len(under_way))
                for store, each in zip((first, second), call, strict=True):
                    await store.end(each, tokens=step[2], cost=step[3])
            elif step[0] == "wait":
                clock.now += step[1]
                set_clock(side, clock.now)
        for agent in (*AGENTS, ""):
            assert first.uses(agent) == second.uses(agent), steps
        for call in under_way:
            for store, each in zip((first, second), call, strict=True):
                await store.end(each, tokens=1, cost=0.1)
        assert await _sums(first) == await _sums(second), steps
        assert ask(address, "SELECT count(*) FROM open_call") == [(0,)]


def _told(answer: Call | tuple[Any, ...]) -> Any:
    if isinstance(answer, Call):
        return answer.admission.warning if answer.admission else None
    return answer


async def _sums(store: Store) -> Any:
    return sorted((row["agent"], row["calls"], row["errors"], row["cost"]) for row in await store.usage())


@pytest.mark.slow
def test_files_and_a_database_give_the_same_answers(
    postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def try_steps(steps: list[Any]) -> None:
        wipe(address)
        asyncio.run(both(tmp_path_factory.mktemp("home"), address, steps))

    with made(postgres) as address:
        try_steps()


ROOM = 1000
FOR_SO_MANY: dict[str, Any] = {
    "calls of an agent": {"agents": {"bot": {"calls_per_minute": ROOM}}},
    "calls of all": {"total": {"calls_per_minute": ROOM}},
    "calls at once": {"total": {"concurrent": ROOM}},
    "money set aside": {"agents": {"bot": {"cost_per_day": float(ROOM), "max_cost": 1.0}}},
}


@pytest.mark.parametrize("limits", FOR_SO_MANY.values(), ids=FOR_SO_MANY)
def test_of_four_replicas_with_500_calls_each_exactly_1000_are_let_in(limits: Any, database: str) -> None:
    async def work() -> None:
        async with AsyncExitStack() as opened:
            stores = [await opened.enter_async_context(in_database(database, limits)) for _ in range(4)]
            asked = [store.begin("bot") for _ in range(500) for store in stores]
            answers = await asyncio.gather(*asked)
            let_in = [each for each in zip(stores * 500, answers, strict=True) if isinstance(each[1], Call)]
            assert len(let_in) == ROOM
            await asyncio.gather(*(store.end(call, cost=0.5) for store, call in let_in))  # type: ignore[arg-type]

    asyncio.run(work())
    assert ask(database, "SELECT sum(running), sum(reserved) FROM subject") == [(0, 0)]
    assert ask(database, "SELECT outcome, count(*) FROM ended GROUP BY 1 ORDER BY 1") == [
        ("error", ROOM),
        ("ok", ROOM),
    ]


def test_a_minute_of_calls_is_let_in_and_refused_at_the_same_seconds(database: str, tmp_path: Path) -> None:
    begin = ("begin", "other", True)
    steps: list[Any] = [begin, ("wait", 0.75), begin, ("wait", 20.5), begin, begin, begin, begin]
    for _ in range(70):
        steps += [("end", 0, 0, None), begin, ("wait", 1.0)]
    asyncio.run(both(tmp_path, database, steps, limits={"default": {"calls_per_minute": 6}}))


def test_the_moment_of_a_call_is_looked_at_when_its_turn_has_come(database: str) -> None:
    version = "(SELECT rules FROM standing_orders)"
    texts = "'{r}', '{other}', '{toy}', '{ask}', '{t}'"
    admit = f"SELECT admit_v1(1, {version}, false, ARRAY[first_id(moment()) + ?], {texts})"
    with closing(SideConnection(Address(database))) as side, ThreadPoolExecutor(1) as thread:
        side.script(SET_CLOCK)
        set_clock(side, NOON)
        set_rules(Documents(side), LIMITS)
        side.execute("SELECT enter_v1('one', '1', '')")
        side.execute(admit, (1,))
        with side.transaction():
            side.execute("SELECT 1 FROM subject WHERE name = 'other' FOR UPDATE")
            late = thread.submit(ask, database, admit, 2)
            assert until(lambda: ask(database, _WAITING) == [(1,)])
            ask(database, "UPDATE test_clock SET now = now + 30000")
        late.result()
        assert side.execute("SELECT second FROM subject WHERE name = 'other'").fetchone() == (int(NOON) + 30,)


_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE 'SELECT admit_v1%'"
)
