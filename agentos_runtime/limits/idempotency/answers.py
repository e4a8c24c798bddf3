"""Where first answers are kept: the port, and the one over `idempotency.db`."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.idempotency import store
from agentos_runtime.limits.idempotency.store import Answer, Identity, Stored
from agentos_runtime.storage.liveness import Owner, living
from agentos_runtime.storage.sqlite.shared import SharedDatabase

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Room:
    """How long and how much is kept. Sizes in bytes."""

    hours: int
    max_entries: int
    max_bytes: int


Found: TypeAlias = Stored | int
"""What is known under a key; or the fence: the call is the asker's to make now."""


class Answers(Protocol):
    """Who makes the call of a key, and what it answered. Methods raise DatabaseTrouble, OSError."""

    async def claim(self, identity: Identity, *, repeatable: bool) -> Found:
        """A Stored without a body is being made by its owner, or NOBODY knows its end.

        repeatable: it may be made again when nobody knows.
        """
        ...

    async def keep(self, identity: Identity, fence: int, answer: Answer) -> None:
        """Keep an answer; nothing happens when the call has been claimed anew."""
        ...

    async def leave(self, identity: Identity, fence: int, *, unknown: bool) -> None:
        """The call ended without an answer: it is forgotten, or nobody knows whether it was made."""
        ...

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        ...

    def close(self) -> None: ...


class LocalAnswers:
    """`idempotency.db`, shared by all processes of one home. clock: epoch seconds."""

    def __init__(self, file: Path, room: Room, *, clock: Callable[[], float] = time.time) -> None:
        self._database = SharedDatabase(file, store.SCHEMA, enter=self._tidy)
        self._room = room
        self._clock = clock
        self._owner: Owner | None = None

    async def claim(self, identity: Identity, *, repeatable: bool) -> Found:
        if self._owner is None:
            self._owner = Owner(self._database.file)
        owner = self._owner.name

        def work(connection: sqlite3.Connection) -> Found:
            self._forget_older(connection)
            found = store.find(connection, identity)
            lost = found is not None and found.body is None and not self._is_made(found.owner)
            if found is None or (lost and repeatable and found.fingerprint == identity.fingerprint):
                return store.claim(connection, identity, owner, self._clock())
            return replace(found, owner=store.NOBODY) if lost else found

        def undo(connection: sqlite3.Connection, found: Found) -> None:
            if isinstance(found, int):
                store.forget(connection, identity, found)

        return await self._database.run_in_thread(work, undo)

    async def keep(self, identity: Identity, fence: int, answer: Answer) -> None:
        def work(connection: sqlite3.Connection) -> None:
            store.keep(connection, identity, fence, answer, self._clock())
            store.make_room(connection, self._room.max_entries, self._room.max_bytes)

        await self._database.run_in_thread(work)

    async def leave(self, identity: Identity, fence: int, *, unknown: bool) -> None:
        def work(connection: sqlite3.Connection) -> None:
            if unknown:
                store.leave_unknown(connection, identity, fence, self._clock())
            else:
                store.forget(connection, identity, fence)

        await self._database.run_in_thread(work)

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        self._database.check_version()

    def close(self) -> None:
        self._database.close()
        if self._owner is not None:
            self._owner.release()

    def _tidy(self, connection: sqlite3.Connection) -> None:
        self._living()  # removes the marks of the dead
        self._forget_older(connection)

    def _forget_older(self, connection: sqlite3.Connection) -> None:
        store.forget_older(connection, self._clock() - self._room.hours * HOUR, self._living)

    def _living(self) -> frozenset[str]:
        return living(self._database.file)

    def _is_made(self, owner: str) -> bool:
        """Whether another process is making the call; this one's own ends before the next has its turn."""
        mine = self._owner is not None and owner == self._owner.name
        return not mine and owner in self._living()
