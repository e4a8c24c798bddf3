"""Streams under way end when what they were opened under is no longer approved, their agent is stopped, or their
runtime is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AsyncExitStack

from agentos_runtime.errors import AgentOSError, ApprovalRequired, NotAllowed

LOOK_AGAIN = 0.5
"""Seconds between two looks at the files that say what is approved; some `lstat`, while streams are open."""

Ask = Callable[[], object]
"""Asks again whether the call may go on; raises ApprovalRequired, NotAllowed."""
Interrupt = Callable[[AgentOSError], None]
Close = Callable[[], Awaitable[None]]
"""Closes the service's connection, and the ledger's row."""


class Recalls:
    """The open streams of one runtime, in its event loop. stamps: differs when asking again may end otherwise."""

    def __init__(self, stamps: Callable[[], Hashable], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._stamps = stamps
        self._sleep = sleep
        self._open: dict[object, tuple[Ask, Interrupt, Close]] = {}
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.Task[None] | None = None
        self._seen: Hashable = None
        """What the stamps were when every stream was last asked about; None = ask again at the next look."""

    def check_open(self) -> None:
        """Raises RuntimeError for calls after the end, and in another event loop: some would wait for ever."""
        if self._closed:
            raise RuntimeError("the runtime is closed: call it inside the block of open_runtime")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "the runtime belongs to the event loop that opened it: call it there; for threads there is "
                "open_runtime_sync"
            )

    async def close(self) -> None:
        """The end: no call begins any more, and streams that nobody closed are closed.

        All of them, whatever is raised by one; that is raised then.
        """
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
        async with AsyncExitStack() as closing:
            for _, _, close in reversed(self._open.values()):
                closing.push_async_callback(close)

    def watch(self, ask: Ask, interrupt: Interrupt, close: Close) -> Callable[[], None]:
        """Interrupt a stream when asking again is refused; gives what is to be called when it has ended."""
        mark = object()
        self._open[mark] = (ask, interrupt, close)
        if self._watching is None:
            self._seen = self._stamps()  # before asking: a change from here on is seen by the next look
            self._watching = asyncio.create_task(self._watch())
        self._look((mark,))
        return lambda: self._forget(mark)

    def _forget(self, mark: object) -> None:
        self._open.pop(mark, None)

    async def _watch(self) -> None:
        while True:
            await self._sleep(LOOK_AGAIN)
            if not self._open:  # only here: under load the next stream is soon there
                self._watching = None
                return
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                self._look(tuple(self._open))

    def _look(self, marks: tuple[object, ...]) -> None:
        for mark in marks:
            ask, interrupt, _ = self._open[mark]
            try:
                ask()
            except (ApprovalRequired, NotAllowed) as refusal:
                interrupt(refusal)
            except AgentOSError:  # nobody knows: a file that cannot be read just now
                self._seen = None
