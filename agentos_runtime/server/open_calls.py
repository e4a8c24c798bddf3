"""The calls that are running: ended when their client leaves, or when the server stops."""

import asyncio
import contextlib
from types import TracebackType
from typing import Protocol, Self

from agentos_runtime.errors import AgentOSError, ShuttingDown
from agentos_runtime.server.messages import ConnectionInfo

STOPPING = "The server is stopping. Call again when it is back."


class Interruptible(Protocol):
    """An answer that goes on until it is told to end."""

    def interrupt(self, error: AgentOSError) -> None:
        """Ends it soon, with its last words."""


class OpenCall:
    """One running call, bound to the task that answers it; use as a context manager around the work.

    When the client leaves, or the server's patience ends, the task is cancelled: `gone` and `stopped` say why, and
    to whoever works in it the reason that comes with the cancellation.
    """

    def __init__(self, calls: "OpenCalls", connection: ConnectionInfo | None) -> None:
        self._calls = calls
        self._connection = connection
        self._task: asyncio.Task[object] | None = None
        self.stream: Interruptible | None = None
        self.gone = False
        self.stopped = False

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._calls.running.add(self)
        if self._connection is not None:
            self._connection.on_lost = self.leave
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.running.discard(self)
        self.settle()

    def settle(self) -> None:
        """The answer is out: the client may leave without ending what is left to do."""
        if self._connection is not None and self._connection.on_lost == self.leave:
            self._connection.on_lost = None  # unless its next call has begun

    def attach(self, stream: Interruptible) -> None:
        """The call became a stream: from now on stopping means saying goodbye on it."""
        self.stream = stream
        if self._calls.stopping:
            stream.interrupt(ShuttingDown(STOPPING))

    def leave(self) -> None:
        self.gone = True
        self._cancel()

    def stop(self) -> None:
        self.stopped = True
        self._cancel(ShuttingDown(STOPPING))

    def absorb_cancel(self) -> bool:
        """Whether a cancellation that arrived was ours; the task may then go on and answer."""
        ours = self.gone or self.stopped
        if ours and self._task is not None:
            self._task.uncancel()
        return ours

    def _cancel(self, reason: AgentOSError | None = None) -> None:
        if self._task is not None:
            self._task.cancel(reason)


class OpenCalls:
    """All running calls of one server."""

    def __init__(self) -> None:
        self.running: set[OpenCall] = set()
        self.stopping = False
        self.draining = False
        """Calls are still taken, but no more should be sent here."""

    def open(self, connection: ConnectionInfo | None) -> OpenCall:
        """Raises ShuttingDown once the server stops."""
        if self.stopping:
            raise ShuttingDown(STOPPING, retry_after=1)
        return OpenCall(self, connection)

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Go on taking calls for so long, or until `hurry`, while whoever asks is told to go elsewhere."""
        if seconds <= 0:
            return
        self.draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), seconds)

    async def stop(self, call_grace: float, stream_grace: float) -> None:
        """No new calls; streams say goodbye at once, plain calls may finish; what remains is then ended.

        Returns when nothing runs any more, at the latest a second after `call_grace`.
        """
        self.stopping = True
        begun = asyncio.get_running_loop().time()
        for call in self.running:
            if call.stream is not None:
                call.stream.interrupt(ShuttingDown(STOPPING))
        await self._settle(stream_grace, streams_only=True)
        self._cut(streams_only=True)
        await self._settle(begun + call_grace - asyncio.get_running_loop().time(), streams_only=False)
        self._cut(streams_only=False)
        await self._settle(_LAST_WORDS, streams_only=False)

    def _cut(self, streams_only: bool) -> None:
        for call in self.running:
            if call.stream is not None or not streams_only:
                call.stop()

    async def _settle(self, patience: float, streams_only: bool) -> None:
        deadline = asyncio.get_running_loop().time() + patience
        while any(call.stream is not None or not streams_only for call in self.running):
            if asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(_LOOK_AGAIN)


_LOOK_AGAIN = 0.02
_LAST_WORDS = 1.0
"""Seconds that ended calls have for their answer and their ledger rows."""
