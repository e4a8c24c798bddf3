"""Turns at something that only so many may use at one time: whoever has the least left goes first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agentos_runtime.frozen import dataclass


@dataclass(eq=False, slots=True)
class _Waiting:
    left: Callable[[], float]
    given: "asyncio.Future[None]"


class Turns:
    """For short turns, so that what is small never waits for what is big."""

    def __init__(self, places: int = 1) -> None:
        self._free = places
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def turn(self, left: Callable[[], float]) -> AsyncIterator[None]:
        """A turn for somebody; `left` says how much they have left to do, whenever a place is free."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(left)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, left: Callable[[], float]) -> None:
        mine = _Waiting(left, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine.given
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                self._pass_on()  # it was given meanwhile
            raise

    def _pass_on(self) -> None:
        waiting = [each for each in self._waiting if not each.given.done()]  # who is cancelled has yet to leave
        if not waiting:
            self._free += 1
            return
        first = min(waiting, key=lambda each: each.left())
        self._waiting.remove(first)
        first.given.set_result(None)
