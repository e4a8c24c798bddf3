"""Who wants several rows that others want, too, takes them in one order, so that nobody waits for each other."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from typing import Any

import pytest

from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.side import SideConnection
from tests.security.support import until
from tests.stores.both import Call, Store, in_database
from tests.stores.databases import ask

pytestmark = pytest.mark.postgres
LIMITS: Mapping[str, Any] = {"default": {"concurrent": 50}, "total": {"concurrent": 60}}
IN_ORDER = ("", "a", "b")
"""All together, then agents by their names."""
WAITS = (
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query NOT LIKE '%pg_stat_activity%'"
)
TAKE = "SELECT 1 FROM subject WHERE name = ? FOR UPDATE"
Work = Callable[[Store, list[Call]], Coroutine[Any, Any, Any]]


async def let_in(store: Store, under_way: list[Call]) -> Any:
    return await asyncio.gather(store.begin("b"), store.begin("a"))


async def end(store: Store, under_way: list[Call]) -> None:
    await asyncio.gather(*(store.end(call, cost=0.25) for call in under_way))


async def say_again(store: Store, under_way: list[Call]) -> None:
    """As after a crash that forgot them: the connections are made anew, and calls are open again first."""
    link = store.limits._counters._calls.settles  # type: ignore[attr-defined]  # the connection that is cut
    link.connection.end()
    link._look(link.connection)
    await link._there.wait()


WORKS: Mapping[str, Work] = {"let in": let_in, "end": end, "say again": say_again}


@pytest.mark.parametrize("limits", ["of agents", "of all together"])
@pytest.mark.parametrize("name", WORKS)
def test_calls_of_several_agents_wait_for_others_and_nobody_for_each_other(
    name: str, limits: str, database: str
) -> None:
    """Somebody else takes the rows in their order while calls want them: out of order one would be turned away."""
    together = limits == "of all together"

    async def work() -> None:
        async with in_database(database, LIMITS if together else {"default": LIMITS["default"]}) as store:
            under_way = [each for each in await let_in(store, []) if isinstance(each, Call)]
            if name == "say again":
                ask(database, "DELETE FROM open_call")
            with closing(SideConnection(Address(database))) as other:
                other.execute("SET deadlock_timeout = '50ms'")  # so that it is this one that would be turned away
                with other.transaction():
                    first, *rest = IN_ORDER if together else IN_ORDER[1:]
                    other.execute(TAKE, (first,))
                    done: asyncio.Task[Any] = asyncio.create_task(WORKS[name](store, under_way))
                    assert await asyncio.to_thread(until, lambda: ask(database, WAITS) == [(True,)])
                    for row in rest:
                        other.execute(TAKE, (row,))
            told = await done
            if name == "let in":
                assert all(isinstance(each, Call) for each in told), told

    asyncio.run(work())
