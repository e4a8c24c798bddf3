"""While one round trip of a kind is under way, what comes meanwhile waits and goes with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from agentos_runtime.storage.sqlite.files import DatabaseTrouble

Asked = TypeVar("Asked")
Told = TypeVar("Told")
MOST = 200
"""Of one round trip."""


class Combiner(Generic[Asked, Told]):
    """Hands what is asked for to `send` in batches, one at a time; each caller gets its own part of the answer.

    send: one answer per part, in their order; its DatabaseTrouble is raised to all of a batch. A caller that is
    cancelled leaves its part in the batch: what was asked for is done all the same.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Asked]], Awaitable[Sequence[Told]]],
    ) -> None:
        self._send = send
        self._waiting: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._task: asyncio.Task[None] | None = None
        self.trips = 0
        self.carried = 0
        """What went with all trips."""

    def put(self, asked: Asked) -> "asyncio.Future[Told]":
        """What is put is sent, whether its answer is waited for or not."""
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return future

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self.trips += 1
            self.carried += len(batch)
            try:
                told = await self._send([asked for asked, _ in batch])
            except DatabaseTrouble as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            except BaseException:
                for _, future in batch:
                    future.cancel()
                raise
            for (_, future), each in zip(batch, told, strict=True):
                if not future.done():
                    future.set_result(each)
