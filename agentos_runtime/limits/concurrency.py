"""A queue per skill: one whose upstream is slow fills its own queue, and the others go on."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import field

from agentos_runtime.config.tables import Reader, amount, read_table, whole
from agentos_runtime.errors import Overloaded
from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Of each skill: calls at once, calls that wait, and for how many seconds."""

    concurrent: int = 512
    queue: int = 128
    wait: float = 10.0


def read_concurrency(raw: object, file: object, connections: int) -> LaneSettings:
    """The table `fairness`; without it, half of all connections for calls of one skill and an eighth for waiting.

    Raises SettingsError.
    """
    defaults = {"concurrent": max(1, connections // 2), "queue": connections // 8}
    return LaneSettings(**defaults | read_table(raw, f"{file}: fairness", _READERS))


@dataclass(slots=True)
class _Queue:
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class ConcurrencyLimiter:
    """How many calls of one process go on at once, skill by skill: first come, first served."""

    def __init__(self, settings: LaneSettings = LaneSettings()) -> None:
        self._settings = settings
        self._queues: dict[str, _Queue] = {}

    def enter_at_once(self, skill: str) -> bool:
        """Take a place if one is free; to be followed by one `leave`."""
        queue = self._queues.get(skill)
        if queue is None:
            queue = self._queues[skill] = _Queue()
        if queue.running < self._settings.concurrent:
            queue.running += 1
            return True
        return False

    async def enter(self, skill: str) -> None:
        """Take a place; to be followed by one `leave`. Raises Overloaded."""
        if self.enter_at_once(skill):
            return
        queue = self._queues[skill]
        if len(queue.waiting) >= self._settings.queue:
            raise _full(skill, f"{queue.running} are under way and {len(queue.waiting)} wait")
        await self._wait(skill, queue)

    def leave(self, skill: str) -> None:
        """Hand the place on to who waits longest."""
        queue = self._queues[skill]
        while queue.waiting:
            place = queue.waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        queue.running -= 1
        if not queue.running:
            del self._queues[skill]

    async def _wait(self, skill: str, queue: _Queue) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.append(place)
        try:
            async with asyncio.timeout(self._settings.wait):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self.leave(skill)
            elif place in queue.waiting:
                queue.waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise _full(skill, f"none of {queue.running} ended within {self._settings.wait:g} s") from None
            raise


def _full(skill: str, reason: str) -> Overloaded:
    said = f"Too many calls of {skill} at once: {reason}. Try again in a moment."
    return Overloaded(said, retry_after=1.0, refused_by="lane")


_READERS: Mapping[str, Reader] = {"concurrent": whole(1), "queue": whole(0), "wait": amount}
