"""Streams under way end when what they were opened under is no longer approved, or their agent is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress

from agentos_runtime.errors import AgentOSError, ApprovalRequired, NotAllowed

LOOK_AGAIN = 0.5
"""Seconds between two looks at the files that say what is approved; some `lstat`, while streams are open."""

Ask = Callable[[], object]
"""Asks again whether the call may go on; raises ApprovalRequired, NotAllowed."""
Interrupt = Callable[[AgentOSError], None]


class Recalls:
    """The open streams of one runtime. stamps: differs when asking again may end otherwise."""

    def __init__(self, stamps: Callable[[], Hashable], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._stamps = stamps
        self._sleep = sleep
        self._open: dict[object, tuple[Ask, Interrupt]] = {}
        self._watching: asyncio.Task[None] | None = None

    def watch(self, ask: Ask, interrupt: Interrupt) -> Callable[[], None]:
        """Interrupt a stream when asking again is refused; gives what is to be called when it has ended."""
        mark = object()
        self._open[mark] = (ask, interrupt)
        self._look((mark,))
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return lambda: self._forget(mark)

    def _forget(self, mark: object) -> None:
        self._open.pop(mark, None)
        if not self._open and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        seen = self._stamps()
        while True:
            await self._sleep(LOOK_AGAIN)
            stamps = self._stamps()
            if stamps != seen:
                seen = stamps
                self._look(tuple(self._open))

    def _look(self, marks: tuple[object, ...]) -> None:
        for mark in marks:
            ask, interrupt = self._open[mark]
            with suppress(AgentOSError):
                try:
                    ask()
                except (ApprovalRequired, NotAllowed) as refusal:
                    interrupt(refusal)
