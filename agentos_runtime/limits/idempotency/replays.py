"""The first answer of a call is kept for a while and given again to whoever repeats the call with its key."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

from agentos_runtime.calls.call import Call, RawReply, Reply, Timings
from agentos_runtime.config.tables import Reader, flag, read_table, whole
from agentos_runtime.errors import DatabaseUnavailable, IdempotencyUnknown, InvalidParams, Overloaded
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import parse
from agentos_runtime.limits.idempotency.answers import Answers, Found, Room
from agentos_runtime.limits.idempotency.store import NOBODY, Answer, Identity, Stored
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

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
    plain: bool = False
    """Answers may stand in a database as they are."""

    @property
    def room(self) -> Room:
        return Room(self.hours, self.max_entries, self.max_bytes)


def read_replays(raw: object, file: object) -> ReplaySettings:
    """The table `idempotency`. Raises SettingsError."""
    return ReplaySettings(**read_table(raw, f"{file}: idempotency", _READERS))


@dataclass(slots=True)
class _Turn:
    """The callers of this process that have one key: one after the other."""

    lock: asyncio.Lock
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Keyed:
    """A call to be made once under its key."""

    make: Make
    timings: Callable[[], Timings]
    repeatable: bool
    """It may be made twice: it changes nothing, or the API knows the key again."""
    may_have_happened: Callable[[BaseException], bool]
    """Whether it may have done its work although it ended so."""


class Replays:
    """Answers once made are given again, across processes. Without `enabled` every call is simply made.

    Of those that call with the same key at the same time, one makes the call and the others wait for its reply. A
    call that failed is forgotten; one that may have been made and left no answer is not made again, unless it is
    repeatable.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        answers: Answers,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._answers = answers
        self._pause = pause
        self._turns: dict[bytes, _Turn] = {}

    async def once(self, call: Call, keyed: Keyed) -> Reply:
        """Make the call, or give the reply it had.

        Raises what `make` raises, InvalidParams when the key belongs to another call, IdempotencyUnknown when the
        call may have been made before, and Overloaded when the store cannot be used: a caller who sends a key does
        not want the call made twice.
        """
        if not self._settings.enabled or call.idempotency_key is None:
            return await keyed.make()
        identity = _identity(call, call.idempotency_key)
        turn = self._turns.setdefault(identity.id, _Turn(asyncio.Lock()))
        turn.callers += 1
        try:
            async with turn.lock:
                found = await self._found(call, identity, keyed.repeatable)
                if isinstance(found, Stored):
                    return _replay(found, keyed.timings())
                return await self._make(identity, found, keyed)
        finally:
            turn.callers -= 1
            if not turn.callers:
                del self._turns[identity.id]

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        self._answers.check_version()

    def close(self) -> None:
        self._answers.close()

    async def _found(self, call: Call, identity: Identity, repeatable: bool) -> Found:
        """The answer, waited for when another process is making it; or the fence: the call is ours to make now."""
        try:
            while isinstance(found := await self._answers.claim(identity, repeatable=repeatable), Stored):
                if found.fingerprint != identity.fingerprint:
                    raise InvalidParams(
                        "This Idempotency-Key was sent with another call. A new call needs a new key."
                    )
                if found.body is not None:
                    return found
                if found.owner == NOBODY:
                    raise _unknown(call)
                await self._pause(LOOK_AGAIN)
        except DatabaseAway as error:
            raise DatabaseUnavailable(f"{_UNUSABLE}: {error}", retry_after=1.0) from None
        except (DatabaseTrouble, OSError) as error:
            raise Overloaded(f"{_UNUSABLE}: {error}", retry_after=5.0) from None
        return found

    async def _make(self, identity: Identity, fence: int, keyed: Keyed) -> Reply:
        try:
            reply = await keyed.make()
        except BaseException as error:
            await self._leave(identity, fence, unknown=keyed.may_have_happened(error))
            raise
        answer = _answer(reply)
        if len(answer.body) > min(self._settings.max_reply, self._settings.max_bytes):
            await self._leave(identity, fence, unknown=True)  # it was made, and is not made again
            return reply
        with suppress(DatabaseTrouble):  # the call was made: its answer is given whatever becomes of the store
            await self._answers.keep(identity, fence, answer)
        return reply

    async def _leave(self, identity: Identity, fence: int, *, unknown: bool) -> None:
        with suppress(DatabaseTrouble):  # a claim of ours that stays is unknown, too
            await self._answers.leave(identity, fence, unknown=unknown)


def _unknown(call: Call) -> IdempotencyUnknown:
    return IdempotencyUnknown(
        f"A call of {call.skill}/{call.utility} with this Idempotency-Key ended without an answer, or with one too "
        "large to be kept. It may have been made, so it is not made again. Look whether it was; if not, call with "
        "a new key."
    )


def _answer(reply: Reply) -> Answer:
    if reply.raw is None:
        return Answer(reply.text, None, reply.more, reply.goes_on_at)
    return Answer(reply.raw.body, reply.raw.content_type, reply.more)


def _identity(call: Call, key: str) -> Identity:
    asked = json.dumps([call.skill, call.utility, call.params], sort_keys=True, separators=(",", ":"))
    return Identity(
        hashlib.sha256(f"{call.agent}\0{key}".encode()).digest(), hashlib.sha256(asked.encode("ascii")).digest()
    )


def _replay(stored: Stored, timings: Timings) -> Reply:
    body = stored.body or b""
    if stored.content_type is not None:
        return Reply(None, b"null", RawReply(body, stored.content_type), timings, replayed=True)
    more, place = bool(stored.more), stored.place
    return Reply(parse(body), body, None, timings, replayed=True, more=more, goes_on_at=place)


_UNUSABLE = "The store for Idempotency-Key cannot be used, so the call was not made"
_READERS: Mapping[str, Reader] = {
    "enabled": flag,
    "hours": whole(1),
    "max_entries": whole(1),
    "max_bytes": whole(1),
    "max_reply": whole(0),
    "plain": flag,
}
