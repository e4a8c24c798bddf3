"""A real server on a free port, in a thread with its own loop, for tests."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from agentos_runtime.config.settings import Settings
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.ports import Runtime
from agentos_runtime.server.server import serve


@dataclass
class Running:
    """`stop()` asks the server to end; `join()` waits for it and raises what it raised."""

    url: str
    loop: asyncio.AbstractEventLoop
    stop_event: asyncio.Event
    thread: threading.Thread
    notices: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.stop_event.set)

    def join(self, timeout: float = 60) -> None:
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the server did not stop"


@contextlib.contextmanager
def running(
    open_runtime: Callable[[], AbstractAsyncContextManager[Runtime]],
    limits: Limits | None = None,
    **settings: Any,
) -> Iterator[Running]:
    """Serves what `open_runtime` opens; leaves when the server has ended. Errors of the server are raised here."""
    started: queue.Queue[Running | BaseException] = queue.Queue()
    given = Settings(**{"home": Path("/nonexistent"), "port": 0, **settings})
    notices: list[str] = []

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ready(url: str) -> None:
            started.put(Running(url, loop, stop, thread, notices))

        await serve(
            open_runtime,
            given,
            ready=ready,
            notice=notices.append,
            limits=limits or Limits(call_grace=2),
            stop=stop,
        )

    def work() -> None:
        try:
            uvloop.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            started.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    server = started.get(timeout=20)
    if isinstance(server, BaseException):
        raise server
    try:
        yield server
    finally:
        server.stop()
        server.join()
