"""This process among the replicas: it beats while it lives, learns what changed, closes what the dead left."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.postgres.documents import CHANGED, Documents
from agentos_runtime.storage.postgres.driver import Address, Connection, Refused
from agentos_runtime.storage.postgres.link import Link, Silence
from agentos_runtime.storage.postgres.numbers import Numbers
from agentos_runtime.storage.postgres.schema import PARTITIONS_AHEAD
from agentos_runtime.storage.sqlite.files import DatabaseAway
from agentos_runtime.version import __version__

BEAT_EVERY = 1.0
DEAD_AFTER = 5.0
"""Seconds without a beat after which a replica is gone."""
PARTITIONS_EVERY = 3600.0
MAKE_WITHIN = 10.0
"""Seconds for partitions to be made."""
UNREADY_AFTER = 60.0
"""Seconds without the database after which this replica wants no more calls."""
_SEEN = """
SELECT (SELECT count(DISTINCT r.skills) FROM replica r WHERE r.gone IS NULL),
    (SELECT count(*) FROM (SELECT FROM ended_rest LIMIT 1000) AS few),
    (SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'ended'::regclass AND c.relname ~ '^ended_[0-9]{8}$'
        AND c.relname > 'ended_' || to_char(to_timestamp(moment() / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD')),
    (SELECT max(number) FROM migration)
"""
CHANGED_NOW = CHANGED.replace("?", "$1")


@dataclass(frozen=True, slots=True)
class Seen:
    """Of all replicas, and of the activity."""

    kinds: int = 1
    """How many different sets of skills living replicas serve."""
    unplaced: int = 0
    """Rows of activity in no week's partition, the first thousand."""
    weeks: int = 0
    """Partitions of weeks that are still to come."""
    schema: int = 0
    """The number of the newest migration that the database has."""


class Replica:
    """One process. say_again: tells what this process holds, on a connection that is used for nothing yet.

    To be started and stopped in one event loop.
    """

    def __init__(
        self,
        address: Address,
        documents: Documents,
        name: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        beat_every: float = BEAT_EVERY,
        dead_after: float = DEAD_AFTER,
    ) -> None:
        self.documents = documents
        self.name = name
        self.id = 0
        self.rules = 0
        """The version of the limits that are known here."""
        self.alive = 1
        """How many replicas there are."""
        self.digest: Callable[[], str] = lambda: ""
        """Of the skills that are loaded."""
        self.say_again: Callable[[Connection], Awaitable[object]] = _nothing
        self.heard: dict[str, Callable[[str], object]] = {}
        """Who is told notices, by their channels."""
        self.changed: list[Callable[[], object]] = []
        """Who is told that documents or limits changed."""
        self.beaten: list[Callable[[], object]] = []
        """Who is told that the database answered."""
        self.silence = Silence()
        """Of the database, to whoever of this process asks it."""
        self.link = Link(address, made=self._made, heard=self._hear, silence=self.silence)
        self._monotonic = monotonic
        self._offset = 0.0
        self._met = monotonic()
        self._entering = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._every = beat_every
        self._dead_after = dead_after
        self._partitions_at = float("-inf")
        self.reaped = 0
        """Calls of dead replicas that this one has closed."""
        self.seen = Seen()
        """What was last seen of all."""
        self.numbers = Numbers(self.now)

    def now(self) -> int:
        """Milliseconds since 1970 on the database's clock, as it was when it last told."""
        return int(self._offset + self._monotonic() * 1000)

    def _seconds(self) -> float:
        return self.now() / 1000

    @property
    def away_for(self) -> float:
        """Seconds since the database last answered."""
        return self._monotonic() - self._met

    @property
    def trouble(self) -> str | None:
        """Why the database is away."""
        return self.link.trouble

    async def start(self) -> None:
        """Does nothing when it has started. Raises DatabaseAway, Refused."""
        if self._beating is not None:
            return
        await self.link.start()
        await self._look_around()
        await self._make_partitions()  # before the first row: there may have been no replica for weeks
        self._beating = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Leave; what is still under way stays this replica's until it is taken for dead."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        with suppress(DatabaseAway, Refused):
            await self.link.ask("SELECT leave_v1($1)", (self.id,))
        await self.link.stop()

    async def enter_again(self, old: int) -> None:
        """This replica was taken for dead: it goes on as another one, with what it holds.

        Raises DatabaseAway, Refused.
        """
        async with self._entering:
            if self.id == old:
                await self._enter(self.link.ask)
                connection = self.link.connection
                if connection is not None:
                    await self.say_again(connection)

    async def refresh(self) -> None:
        """Read what changed. Raises DatabaseAway, Refused."""
        await self._refresh(self.link.ask)

    async def _made(self, connection: Connection) -> None:
        async def ask(sql: str, values: tuple[object, ...] = ()) -> list[Any]:
            return await connection.rows(sql, values)

        if not self.id or not await self._say_alive(ask):
            await self._enter(ask)
        await self._refresh(ask)
        await self.say_again(connection)

    async def _enter(self, ask: Callable[..., Awaitable[list[Any]]]) -> None:
        rows = await ask("SELECT * FROM enter_v1($1, $2, $3)", (self.name, __version__, self.digest()))
        self.id, self.numbers.slot = rows[0]["id"], rows[0]["slot"]
        await self._say_alive(ask)

    async def _say_alive(self, ask: Callable[..., Awaitable[list[Any]]]) -> bool:
        """False when this replica was taken for dead."""
        began = self._monotonic()
        rows = await ask("SELECT * FROM beat_v1($1, $2)", (self.id, self.digest()))
        self._met = ended = self._monotonic()
        if not rows:
            return False
        self._offset = rows[0]["at"] - (began + ended) / 2 * 1000
        self.documents.clock = self._seconds
        self.alive = rows[0]["alive"]
        if rows[0]["rules"] != self.rules or rows[0]["documents"] > self.documents.seen:
            await self._refresh(ask)
        return True

    async def _refresh(self, ask: Callable[..., Awaitable[list[Any]]]) -> None:
        rows = await ask(CHANGED_NOW, (self.documents.seen,))
        self.documents.take((row["name"], row["version"], row["data"]) for row in rows if row["name"] is not None)
        self.documents.seen = max(self.documents.seen, rows[0]["documents"])
        self.documents.followed = True
        self.rules = rows[0]["rules"]
        for told in self.changed:
            told()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                if not await self._say_alive(self.link.ask):
                    await self.enter_again(self.id)
                while (closed := await self._reap()) is not None:
                    self.reaped += closed
                await self._look_around()
                if self._monotonic() - self._partitions_at > PARTITIONS_EVERY:
                    await self._make_partitions()
                for told in self.beaten:
                    told()
            except DatabaseAway:
                continue
            except Refused as error:
                logging.getLogger("agentos.database").warning("%s", error)

    async def _reap(self) -> int | None:
        """How many calls of a dead replica were closed; None when there is no such replica."""
        rows = await self.link.ask("SELECT reap_v1($1)", (int(self._dead_after * 1000),))
        closed: int | None = rows[0][0]
        return closed

    async def _look_around(self) -> None:
        self.seen = Seen(*(await self.link.ask(_SEEN))[0])

    async def _make_partitions(self) -> None:
        await self.link.ask("SELECT make_partitions_v1($1)", (PARTITIONS_AHEAD,), within=MAKE_WITHIN)
        self._partitions_at = self._monotonic()

    def _hear(self, channel: str, text: str) -> None:
        if channel == "changed":
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
        elif channel in self.heard:
            self.heard[channel](text)

    async def _look(self) -> None:
        with suppress(DatabaseAway, Refused):
            await self.refresh()


async def _nothing(connection: Connection) -> None:
    """Nothing is held."""
