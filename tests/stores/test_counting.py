"""Whatever calls come in which order, files and a database let in the same ones, with the same words and sums."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.limits.support import NOON, Clock
from tests.sizes import examples
from tests.stores.both import Call, Store, in_database, in_files, set_clock
from tests.stores.databases import ask, made, wipe

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


async def both(home: Path, address: str, steps: list[Any]) -> None:
    clock = Clock(NOON)
    async with AsyncExitStack() as opened:
        first = await opened.enter_async_context(in_files(home, LIMITS, clock))
        second = await opened.enter_async_context(in_database(address, LIMITS, clock))
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
