"""Work on files and databases beside the event loop, in threads that nobody waits for at the end.

A disk that does not answer must not keep the process from ending, as the threads of `asyncio.to_thread` would.
"""

import _thread
import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")


async def aside(work: Callable[[], Result]) -> Result:
    """What `work` gives or raises, done in a thread of its own. Cancelled, the thread is left to itself."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(act: Callable[..., None], value: object) -> None:
        if not outcome.done():
            act(value)

    def run() -> None:
        act: Callable[..., None] = outcome.set_result
        value: object = None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            act, value = outcome.set_exception, error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, act, value)

    _begin(run)
    return await outcome


class OneAtATime:
    """Work that nobody waits for, in a thread; what comes meanwhile is left out."""

    def __init__(self) -> None:
        self._free = threading.Lock()

    def run(self, work: Callable[[], None]) -> None:
        if self._free.acquire(blocking=False):
            _begin(partial(self._work, work))

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._free.release()


def _begin(run: Callable[[], None]) -> None:
    """Begin in a thread. `Thread.start` would wait until that runs: for milliseconds where the machine is busy, and
    the event loop with it."""
    _thread.start_new_thread(run, ())


async def in_time(task: "asyncio.Task[Any]", patience: float) -> None:
    """Wait until it has ended, however it did. Raises OSError when it has not in time; it goes on."""
    done, _ = await asyncio.wait({task}, timeout=patience)
    if not done:
        raise OSError(errno.ETIMEDOUT, f"the disk has not answered for {patience:g} s, or this machine is too busy")
