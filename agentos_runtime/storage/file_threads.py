"""Work on files beside the event loop, in threads that nobody waits for at the end.

A disk that does not answer must not keep the process from ending, as the threads of `asyncio.to_thread` would.
"""

import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
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

    threading.Thread(target=run, name="agentos-files", daemon=True).start()
    return await outcome


async def in_time(task: "asyncio.Task[Any]", patience: float) -> None:
    """Wait until it has ended, however it did. Raises OSError when it has not in time; it goes on."""
    done, _ = await asyncio.wait({task}, timeout=patience)
    if not done:
        raise OSError(errno.ETIMEDOUT, f"the disk has not answered for {patience:g} s, or this machine is too busy")
