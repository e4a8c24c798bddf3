"""The first answer of a call is kept for a while and given again to whoever repeats the call with its key."""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from agentos_runtime.calls.call import Call, RawReply, Reply, Timings
from agentos_runtime.config_tables import Reader, flag, read_table, whole
from agentos_runtime.errors import InvalidParams, Overloaded
from agentos_runtime.idempotency import store
from agentos_runtime.idempotency.store import Identity, Stored
from agentos_runtime.jsontext import parse
from agentos_runtime.process_marks import Owner, living
from agentos_runtime.shared_database import DatabaseTrouble, SharedDatabase

HOUR = 3600.0
LOOK_AGAIN = 0.05
"""Seconds between two looks at a call that another process is making."""

Make: TypeAlias = Callable[[], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How long and how much is kept. Sizes in bytes."""

    enabled: bool = False
    hours: int = 24
    max_entries: int = 10_000
    max_bytes: int = 256 * 1024 * 1024
    max_reply: int = 8 * 1024 * 1024
    """A larger answer is given but not kept."""


def read_replays(raw: object, file: object) -> ReplaySettings:
    """The table `idempotency`. Raises SettingsError."""
    return ReplaySettings(**read_table(raw, f"{file}: idempotency", _READERS))


@dataclass(slots=True)
class _Turn:
    """The callers of this process that have one key: one after the other."""

    lock: asyncio.Lock
    callers: int = 0


class Replays:
    """Answers once made are given again, across processes. Without `enabled` every call is simply made.

    Only replies are kept, no errors; of those that call with the same key at the same time, one makes the call and
    the others wait for its reply. clock: epoch seconds.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        database: SharedDatabase,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pause = pause
        self._turns: dict[bytes, _Turn] = {}
        self._owner: Owner | None = None

    async def once(self, call: Call, timings: Callable[[], Timings], make: Make) -> Reply:
        """Make the call, or give the reply it had.

        Raises what `make` raises, InvalidParams when the key belongs to another call, and Overloaded when the store
        cannot be used: a caller who sends a key does not want the call made twice.
        """
        if not self._settings.enabled or call.idempotency_key is None:
            return await make()
        identity = _identity(call, call.idempotency_key)
        turn = self._turns.setdefault(identity.id, _Turn(asyncio.Lock()))
        turn.callers += 1
        try:
            async with turn.lock:
                stored = await self._stored(identity)
                return _replay(stored, timings()) if stored else await self._make(identity, make)
        except (DatabaseTrouble, OSError) as error:
            raise Overloaded(
                f"The store for Idempotency-Key cannot be used, so the call was not made: {error}", retry_after=5.0
            ) from None
        finally:
            turn.callers -= 1
            if not turn.callers:
                del self._turns[identity.id]

    def close(self) -> None:
        self._database.close()
        if self._owner is not None:
            self._owner.release()

    async def _stored(self, identity: Identity) -> Stored | None:
        """The answer, waited for when another process is making it; None: the call is ours to make now."""
        if self._owner is None:
            self._owner = Owner(self._database.file)
        owner = self._owner.name

        def work(connection: sqlite3.Connection) -> Stored | None:
            store.forget_older(connection, self._clock() - self._settings.hours * HOUR)
            found = store.find(connection, identity)
            if found is None or (found.body is None and not self._is_living(found.owner)):
                store.claim(connection, identity, owner, self._clock())
                return None
            return found

        def undo(connection: sqlite3.Connection, found: Stored | None) -> None:
            if found is None:
                store.forget(connection, identity)

        while (found := await self._database.run_in_thread(work, undo)) is not None:
            if found.fingerprint != identity.fingerprint:
                raise InvalidParams("This Idempotency-Key was sent with another call. A new call needs a new key.")
            if found.body is not None:
                return found
            await self._pause(LOOK_AGAIN)
        return None

    def _is_living(self, owner: str) -> bool:
        """Whether another process has the call; one of this process that left no answer was cancelled."""
        mine = self._owner is not None and owner == self._owner.name
        return not mine and owner in living(self._database.file)

    async def _make(self, identity: Identity, make: Make) -> Reply:
        try:
            reply = await make()
        except BaseException:
            await self._forget(identity)
            raise
        body = reply.text if reply.raw is None else reply.raw.body
        if len(body) > self._settings.max_reply:
            await self._forget(identity)
            return reply
        kind = None if reply.raw is None else reply.raw.content_type

        def work(connection: sqlite3.Connection) -> None:
            store.keep(connection, identity, body, kind, reply.more, self._clock())
            store.make_room(connection, self._settings.max_entries, self._settings.max_bytes)

        with suppress(DatabaseTrouble):  # the call was made: its answer is given whatever becomes of the store
            await self._database.run_in_thread(work)
        return reply

    async def _forget(self, identity: Identity) -> None:
        with suppress(DatabaseTrouble):
            await self._database.run_in_thread(lambda connection: store.forget(connection, identity))


def _identity(call: Call, key: str) -> Identity:
    asked = json.dumps([call.skill, call.utility, call.params], sort_keys=True, separators=(",", ":"))
    return Identity(
        hashlib.sha256(f"{call.agent}\0{key}".encode()).digest(), hashlib.sha256(asked.encode("ascii")).digest()
    )


def _replay(stored: Stored, timings: Timings) -> Reply:
    body = stored.body or b""
    if stored.content_type is not None:
        return Reply(None, b"null", RawReply(body, stored.content_type), timings, replayed=True)
    return Reply(parse(body), body, None, timings, replayed=True, more=bool(stored.more))


_READERS: Mapping[str, Reader] = {
    "enabled": flag,
    "hours": whole(1),
    "max_entries": whole(1),
    "max_bytes": whole(1),
    "max_reply": whole(0),
}
