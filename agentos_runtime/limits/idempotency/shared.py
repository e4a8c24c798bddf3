"""First answers that all replicas share."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from agentos_runtime.limits.idempotency.answers import Found, Room
from agentos_runtime.limits.idempotency.store import NOBODY, Answer, Identity, Stored
from agentos_runtime.storage.postgres.driver import GONE, Refused
from agentos_runtime.storage.postgres.link import Link
from agentos_runtime.storage.postgres.replica import DEAD_AFTER, Replica
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

HOUR = 3_600_000
ANOTHER = "another replica"
MOST_LATE = 1_000
"""Ends of claims that are kept while the database is away."""


class SharedAnswers:
    """Who makes a call and what it answered, in the database. link: one whose commits wait for the disk."""

    def __init__(self, link: Link, replica: Replica, room: Room, now: Callable[[], int]) -> None:
        self._link = link
        self._replica = replica
        self._room = room
        self._now = now
        self._late: deque[tuple[str, tuple[object, ...]]] = deque(maxlen=MOST_LATE)
        self._saying: asyncio.Future[None] | None = None
        replica.beaten.append(self._say_late)

    async def claim(self, identity: Identity, *, repeatable: bool) -> Found:
        asking = asyncio.ensure_future(self._claimed(identity, repeatable=repeatable))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda done: self._unwanted(identity, done))
            raise

    def _unwanted(self, identity: Identity, done: "asyncio.Future[Found]") -> None:
        """Its caller left: what was claimed is not made."""
        if not done.cancelled() and done.exception() is None and isinstance(fence := done.result(), int):
            self._late.append((_UNCLAIM, (identity.id, fence, False)))

    async def _claimed(self, identity: Identity, *, repeatable: bool) -> Found:
        since = self._now() - self._room.hours * HOUR
        while True:
            mine = self._replica.id
            values = (mine, identity.id, identity.fingerprint, repeatable, since, int(DEAD_AFTER * 1000))
            try:
                row = (await self._link.ask(_CLAIM, values))[0]
                break
            except Refused as error:
                if error.state != GONE:
                    raise
                await self._replica.enter_again(mine)
        kind = row["kind"]
        if kind == "mine":
            return int(row["fence"])
        asked = b"" if kind == "other" else identity.fingerprint
        owner = NOBODY if kind == "unknown" else ANOTHER
        body = None if row["body"] is None else bytes(row["body"])
        return Stored(asked, owner, body, row["content_type"], row["more"] or 0)

    async def keep(self, identity: Identity, fence: int, answer: Answer) -> None:
        room = self._room
        values = (
            identity.id,
            fence,
            answer.body,
            answer.content_type,
            int(answer.more),
            room.max_entries,
            room.max_bytes,
        )
        await self._told(_KEEP, values)

    async def leave(self, identity: Identity, fence: int, *, unknown: bool) -> None:
        await self._told(_UNCLAIM, (identity.id, fence, unknown))

    async def _told(self, sql: str, values: tuple[object, ...]) -> None:
        """Said later, when the database is away: a claim that stays would have others wait for it."""
        try:
            await asyncio.shield(asyncio.ensure_future(self._link.ask(sql, values)))
        except (DatabaseAway, asyncio.CancelledError):
            self._late.append((sql, values))
            raise

    def _say_late(self) -> None:
        if self._late and (self._saying is None or self._saying.done()):
            self._saying = asyncio.ensure_future(self._say())

    async def _say(self) -> None:
        with suppress(DatabaseTrouble):
            while self._late:
                await self._link.ask(*self._late[0])
                self._late.popleft()

    def check_version(self) -> None:
        """The whole database was looked at when it was opened."""

    def close(self) -> None:
        """What it is made of is closed by who opened it."""


_KEEP = "SELECT keep_v1($1, $2, $3, $4, $5, $6, $7)"
_UNCLAIM = "SELECT unclaim_v1($1, $2, $3)"
_CLAIM = "SELECT * FROM claim_v1($1, $2, $3, $4, $5, $6)"
