"""A connection that is made again whenever it ends, and what is done before it is used anew."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from agentos_runtime.storage.postgres.driver import ANSWER_WITHIN, Address, Connection, NoAnswer, Refused
from agentos_runtime.storage.sqlite.files import DatabaseAway

PAUSES = (0.05, 0.5)
"""Seconds between two attempts to connect: the shortest, the longest."""
PATIENCE = 0.25
"""Seconds for which a caller waits for the connection."""


class Silence:
    """Of a server, on all connections of this process: when one query is not answered in time, and nothing else was
    meanwhile, no answer is waited for on the others. A call that needs several would wait for each.
    """

    def __init__(self) -> None:
        self._links: list[Link] = []
        self._answered_at = 0.0

    def add(self, link: "Link") -> None:
        self._links.append(link)

    def over(self) -> None:
        """The server has answered."""
        self._answered_at = time.monotonic()

    def broken_off(self, began: float) -> None:
        """A query that began at a moment was not answered in time."""
        if self._answered_at < began:
            for link in self._links:
                link.give_up()


class Link:
    """Keeps one connection. To be started, and stopped, in one event loop.

    made: done with each new connection before anybody else uses it; what it raises ends the connection. lost: is
    told when a connection has ended. silence: of all connections to this server.
    """

    def __init__(
        self,
        address: Address,
        *,
        durable: bool = False,
        made: Callable[[Connection], Awaitable[object]] | None = None,
        heard: Callable[[str, str], object] | None = None,
        lost: Callable[[], object] | None = None,
        silence: Silence | None = None,
    ) -> None:
        self._silence = silence or Silence()
        self._silence.add(self)
        self._address = address
        self._durable = durable
        self._made = made
        self._heard = heard
        self._tell_lost = lost
        self._connection: Connection | None = None
        self._there = asyncio.Event()
        self._lost = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._slow = False
        self._place: tuple[int, object] | None = None
        """Of the last connection, in the server."""
        self.trouble: str | None = None
        """Why there is no connection."""

    @property
    def connection(self) -> Connection | None:
        """The one that is there now."""
        return self._connection

    async def start(self) -> None:
        """The first connection, at once. Does nothing when it has started.

        Raises DatabaseAway, Refused, and what `made` raises.
        """
        if self._task is not None:
            return
        await self._make()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None:
            await self._connection.close()

    async def ask(self, sql: str, values: Sequence[object] = (), *, within: float = ANSWER_WITHIN) -> list[Any]:
        """What a query gives; waits PATIENCE for the connection, and for who uses it.

        Raises DatabaseAway, Refused.
        """
        connection = self._connection or await self._usable()
        async with self._turn:
            if connection is not self._connection:
                connection = await self._usable()
            began = time.monotonic()
            try:
                rows = await connection.rows(sql, values, within=within)
            except NoAnswer:
                self._silence.broken_off(began)
                raise
            except Refused:
                self._silence.over()
                raise
            else:
                self._silence.over()
                return rows
            finally:
                self._look(connection)

    def give_up(self) -> None:
        """The server answers nobody: whoever waits for it here is told so, and it is connected to anew."""
        if self._connection is not None:
            self._connection.end()
            self._look(self._connection)

    async def _usable(self) -> Connection:
        if not self._there.is_set() and not self._slow:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._there.wait()
        if self._connection is None:
            raise DatabaseAway(self.trouble or "the database cannot be reached")
        return self._connection

    def _look(self, connection: Connection) -> None:
        """Whether it still serves."""
        if connection.ended and connection is self._connection:
            self._connection = None
            self.trouble = "the connection to the database was lost"
            self._there.clear()
            self._lost.set()
            if self._tell_lost is not None:
                self._tell_lost()

    async def _keep(self) -> None:
        pause = PAUSES[0]
        while True:
            if self._connection is not None:
                self._look(self._connection)
            if self._connection is not None:
                pause = PAUSES[0]
                self._slow = False
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSES[1]):
                        await self._lost.wait()
                self._lost.clear()
                continue
            try:
                await self._make()
            except (DatabaseAway, Refused) as error:
                self.trouble = str(error)
                self._slow = self._slow or pause >= PAUSES[1]
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - only keeps replicas apart
                pause = min(2 * pause, PAUSES[1])

    async def _end_the_last(self, connection: Connection) -> None:
        """What the last connection was at may still go on in the server, and would come after what is asked now."""
        if self._place is None:
            return
        ended = await connection.rows(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2",
            self._place,
        )
        if not all(each[0] for each in ended):
            raise DatabaseAway("the server has not ended the connection that was lost")

    async def _make(self) -> None:
        connection = await self._address.connect(durable=self._durable, heard=self._heard)
        try:
            await self._end_the_last(connection)
            if self._made is not None:
                await self._made(connection)
        except BaseException:
            connection.end()
            raise
        self._connection, self.trouble = connection, None
        self._place = await connection.place()
        self._there.set()
