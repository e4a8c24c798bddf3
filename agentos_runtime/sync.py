"""The runtime for programs without an event loop: a thread has one, and whoever calls waits for its answer."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from inspect import isawaitable
from types import TracebackType
from typing import Any, Self, TypeVar

from agentos_runtime.bootstrap import Dependencies, open_runtime
from agentos_runtime.calls.call import Call, Event, Reply
from agentos_runtime.config.settings import Settings
from agentos_runtime.runtime import Runtime
from agentos_runtime.runtime.answering.streaming import EventStream
from agentos_runtime.skills.registry import Registry

_T = TypeVar("_T")


class SyncRuntime:
    """`Runtime` for threads: any number of them may call at once. Made by `open_runtime_sync`.

    A call that waits when its thread is interrupted (Ctrl-C), or when the block is left, is cancelled. After that
    every method raises RuntimeError.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.get_ident()

    def invoke(self, call: Call) -> Reply:
        """One plain call. Raises AgentOSError."""
        return self._wait_for(self._runtime.invoke(call))

    def stream(self, call: Call) -> "SyncEventStream":
        """One streamed call, its first events already there. Raises AgentOSError for what fails before."""
        return SyncEventStream(self._wait_for(self._runtime.stream(call)), self._wait_for)

    def run(self, question: Callable[[Runtime], Any]) -> Any:
        """What the function makes of the runtime, asked in the runtime's own thread; awaited where it can be.

        For everything else a `Runtime` can do: `runtime.run(lambda it: it.catalog("my-program").entries())`.
        """

        async def ask() -> tuple[Any, BaseException | None]:
            try:
                answer = question(self._runtime)
                return (await answer if isawaitable(answer) else answer), None
            except (SystemExit, KeyboardInterrupt) as error:  # meant for who asked, and would end the event loop
                return None, error

        answer, ended = self._wait_for(ask())
        if ended is not None:
            raise ended
        return answer

    async def closed(self) -> None:
        """Wait, in the runtime's own thread, until `close`; cancels the calls that are then under way."""
        await self._ended.wait()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Take no more calls; the runtime's thread ends."""
        with self._lock:
            self._open = False
            self._loop.call_soon_threadsafe(self._ended.set)

    def _wait_for(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        if threading.get_ident() == self._thread:
            coroutine.close()
            raise RuntimeError(
                "this is the runtime's own thread, which cannot wait for itself: await what the Runtime gives that "
                "the function of `run` is handed"
            )
        with self._lock:  # what is handed over before the end is in the loop before it, so nobody waits for ever
            if not self._open:
                coroutine.close()
                raise _Closed("the runtime is closed: call it inside the block of open_runtime_sync")
            waiting = asyncio.run_coroutine_threadsafe(self._counted(coroutine), self._loop)
        try:
            return waiting.result()
        except BaseException:
            waiting.cancel()
            raise

    async def _counted(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await coroutine
        finally:
            self._tasks.discard(task)


class _Closed(RuntimeError):
    """The block of the runtime was left."""


class SyncEventStream:
    """`EventStream` for a thread: batches of events, the last of which ends in `done` or `error`.

    To be iterated once and closed: `with runtime.stream(call) as stream: for batch in stream: …`.
    """

    def __init__(
        self, stream: EventStream, wait_for: Callable[[Coroutine[Any, Any, list[Event] | None]], list[Event] | None]
    ) -> None:
        self._stream = stream
        self._wait_for = wait_for

    @property
    def warning(self) -> str | None:
        """For the caller beside the events: a budget is nearly used up."""
        return self._stream.warning

    @property
    def ignored(self) -> tuple[str, ...]:
        """For the caller beside the events: params that were not sent."""
        return self._stream.ignored

    def __iter__(self) -> Iterator[list[Event]]:
        return self

    def __next__(self) -> list[Event]:
        batch = self._wait_for(self._next())
        if batch is None:
            raise StopIteration
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the upstream and the ledger's row; a stream left early counts as cancelled."""
        with suppress(_Closed):  # it was closed with the runtime
            self._wait_for(self._close())

    async def _next(self) -> list[Event] | None:
        return await anext(self._stream, None)

    async def _close(self) -> None:
        await self._stream.aclose()


@contextmanager
def open_runtime_sync(
    settings: Settings | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    watch: bool = True,
    dependencies: Callable[[Registry], Dependencies] | None = None,
) -> Iterator[SyncRuntime]:
    """`open_runtime` for programs without an event loop; takes and raises the same."""
    opened: Future[SyncRuntime] = Future()
    opening = open_runtime(settings, environ, watch=watch, dependencies=dependencies)
    # A daemon: a block that is never left, as in a notebook, does not keep the program from ending.
    thread = threading.Thread(
        target=lambda: asyncio.run(_keep(opening, opened)), name="agentos-runtime", daemon=True
    )
    thread.start()
    try:
        yield opened.result()
    finally:
        opened.add_done_callback(_close)  # at once, or when it has opened although nobody waits for it any more
        thread.join()


def _close(opened: Future[SyncRuntime]) -> None:
    if opened.exception() is None:
        opened.result().close()


async def _keep(opening: AbstractAsyncContextManager[Runtime], opened: Future[SyncRuntime]) -> None:
    """Hold the runtime open until it is closed; that it cannot be opened is raised where it is waited for."""
    try:
        async with opening as runtime:
            made = SyncRuntime(runtime)
            opened.set_result(made)
            await made.closed()
    except BaseException as error:
        if opened.done():
            raise
        opened.set_exception(error)
