"""First answers that all replicas share."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from agentos_runtime.jsontext import Json
from agentos_runtime.limits.idempotency.answers import Found, Room
from agentos_runtime.limits.idempotency.store import NOBODY, Answer, Identity, Stored
from agentos_runtime.storage.postgres.answers import SEALED, SealedAnswers
from agentos_runtime.storage.postgres.driver import GONE, Refused
from agentos_runtime.storage.postgres.link import Link
from agentos_runtime.storage.postgres.replica import DEAD_AFTER, Replica
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

HOUR = 3_600_000
ANOTHER = "another replica"
MOST_LATE = 1_000
"""Ends of claims that are kept while the database is away."""


QUICK = 64 * 1024
"""Bytes that are sealed at once; more are sealed in a thread."""
T = TypeVar("T")


class Seal(Protocol):
    """Seals answers under the operator's master keys, each bound to what it is about."""

    def seal(self, text: bytes, about: Json) -> bytes: ...

    def open(self, box: bytes, about: Json) -> bytes | None:
        """None when it does not open."""
        ...


class SharedAnswers:
    """Who makes a call and what it answered, in the database.

    link: one whose commits wait for the disk. seal: None = answers stand there as they are.
    """

    def __init__(
        self, link: Link, replica: Replica, room: Room, now: Callable[[], int], seal: Seal | None = None
    ) -> None:
        self._seal = seal
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
        body, more = None if row["body"] is None else bytes(row["body"]), int(row["more"] or 0)
        if body is not None and more & SEALED:
            body = await self._opened(body, _about(identity, row["content_type"], more & ~SEALED, row["place"]))
            owner = owner if body is not None else NOBODY  # it was made, and nobody can say what it answered
        return Stored(asked, owner, body, row["content_type"], more & ~SEALED, row["place"])

    async def keep(self, identity: Identity, fence: int, answer: Answer) -> None:
        room, body, more = self._room, answer.body, int(answer.more)
        if self._seal is not None:
            about = _about(identity, answer.content_type, more, answer.place)
            body = await _beside(len(body), lambda seal=self._seal: seal.seal(answer.body, about))  # type: ignore[misc]
            more |= SEALED
        values = (
            identity.id,
            fence,
            body,
            answer.content_type,
            more,
            room.max_entries,
            room.max_bytes,
            answer.place,
        )
        await self._told(_KEEP, values)

    async def _opened(self, box: bytes, about: Json) -> bytes | None:
        """What was sealed; None when no master key that is there opens it."""
        if (seal := self._seal) is None:
            return None
        return await _beside(len(box), lambda: seal.open(box, about))

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


async def _beside(size: int, work: Callable[[], T]) -> T:
    return work() if size <= QUICK else await asyncio.to_thread(work)


def seal_anew(answers: SealedAnswers, seal: Seal, begin: bytes) -> int:
    """Put all answers whose boxes begin otherwise into new ones, but those that do not open; how many there were.

    Raises DatabaseTrouble.
    """
    sealed = 0
    for each in answers.other_than(begin):
        about = _about(Identity(each.id, each.fingerprint), each.content_type, each.more & ~SEALED, each.place)
        text = seal.open(each.box, about)
        sealed += text is not None and answers.put(each, seal.seal(text, about))
    return sealed


def _about(identity: Identity, content_type: str | None, more: int, place: str | None) -> Json:
    asked = identity.fingerprint.hex()
    about: dict[str, Json] = {"format": 1, "table": "answer"}
    about |= {"id": identity.id.hex(), "of": asked, "as": content_type, "more": more}
    return about if place is None else about | {"place": place}  # as those were sealed that knew no place


_KEEP = "SELECT keep_v2($1, $2, $3, $4, $5, $6, $7, $8)"
_UNCLAIM = "SELECT unclaim_v1($1, $2, $3)"
_CLAIM = "SELECT * FROM claim_v2($1, $2, $3, $4, $5, $6)"
