"""Running a pool inside a test, on both event loops."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from agentos_runtime import jsontext
from agentos_runtime.expressions.pool import Limits, Outcome, WorkerPool
from agentos_runtime.expressions.program import value_program
from agentos_runtime.jsontext import Json

T = TypeVar("T")
both_loops = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@contextmanager
def open_pool() -> Iterator[tuple[Callable[[Coroutine[Any, Any, T]], T], WorkerPool]]:
    """A pool that lasts for many short runs: the function that runs a coroutine beside it, and the pool."""
    with asyncio.Runner() as runner:
        pool = runner.run(WorkerPool().__aenter__())
        try:
            yield runner.run, pool
        finally:
            runner.run(pool.__aexit__(None, None, None))


def with_pool(
    use: Callable[[WorkerPool], Awaitable[T]],
    *,
    limits: Limits | None = None,
    size: int = 2,
    loop: LoopFactory = asyncio.new_event_loop,
) -> T:
    """What `use` gives, on a pool of its own."""

    async def go() -> T:
        async with WorkerPool(size=size, limits=limits or Limits()) as pool:
            return await use(pool)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(go())


async def evaluate(pool: WorkerPool, source: str, value: Json = None, definitions: str = "") -> Outcome:
    """One source over a value."""
    return await pool.run(value_program(definitions, source), jsontext.dump({"body": value}))


def processes(pids: tuple[int, ...]) -> list[int]:
    """Those of the processes that still run."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in _state(pid)]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


linux_only = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
