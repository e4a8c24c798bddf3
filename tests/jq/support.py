"""Running a pool inside a test, on both event loops."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from agentos_runtime import jsontext
from agentos_runtime.jq.pool import Limits, Outcome, Verdict, WorkerPool
from agentos_runtime.jq.process import FOLDER
from agentos_runtime.jq.program import value_program
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
    folder: str = FOLDER,
    mode: str = "worker",
) -> T:
    """What `use` gives, on a pool of its own."""

    async def go() -> T:
        async with WorkerPool(size=size, limits=limits or Limits(), folder=folder, mode=mode) as pool:
            return await use(pool)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(go())


async def evaluate(pool: WorkerPool, source: str, value: Json = None, definitions: str = "") -> Outcome:
    """One source over a value."""
    return await pool.run(value_program(definitions, source), jsontext.dump({"body": value}))


def worker_with(folder: Path, change: str) -> str:
    """The folder of a worker with something changed in it, as Python."""
    (folder / "worker.py").write_text(Path(FOLDER, "worker.py").read_text() + f"\n\n{change}\n")
    return str(folder)


@dataclass(frozen=True, slots=True)
class Written:
    """An expression as its author wrote it."""

    definitions: str
    source: str
    request: bool = False


async def check(pool: WorkerPool, source: str, definitions: str = "", *, request: bool = False) -> Verdict:
    """What is wrong with one source."""
    return (await pool.check([Written(definitions, source, request)]))[0]


def processes(pids: tuple[int, ...]) -> list[int]:
    """Those of the processes that still run."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in _state(pid)]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


linux_only = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
