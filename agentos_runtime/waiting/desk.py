"""Where questions are put, answered and heard of; shared by all processes of one home."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from agentos_runtime.errors import (
    AlreadyDecided,
    DatabaseUnavailable,
    InvalidParams,
    NotAllowed,
    NotFound,
    Overloaded,
    RateLimited,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble
from agentos_runtime.storage.sqlite.shared import SharedDatabase, Work
from agentos_runtime.waiting import tables
from agentos_runtime.waiting.entries import (
    MOST_ALTOGETHER,
    MOST_PENDING,
    OPEN,
    RESERVED,
    Decider,
    Entry,
    Question,
    Standing,
    State,
    iso,
)

LOOK_AGAIN = 0.25
"""Seconds between two looks at what others decided, while a caller waits here."""
TRY_AGAIN = 5.0
LISTED = 200
"""Of those that are over."""
T = TypeVar("T")

Heard: TypeAlias = Callable[[Entry], object]
Current: TypeAlias = Callable[[Entry], bool]
"""Whether the conditions of an entry still hold."""


@dataclass(slots=True, eq=False)
class _Held:
    """A caller that waits for what becomes of an entry."""

    entry: Entry
    heard: asyncio.Event


class Works(Protocol):
    """Steps of one transaction each on the tables, alone among all who share them."""

    async def run(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """See SharedDatabase.run."""
        ...

    def check_version(self) -> None: ...

    def close(self) -> None: ...


class Desk:
    """What waits for a person's yes in one home, or before all replicas.

    works: gives the tables, and is told what to tidy now and then; None = those of the file. clock: epoch
    seconds. sleep: a pause of some seconds. look_again: seconds between two looks at what others decided. Every
    method raises Overloaded when the file cannot be used, and DatabaseUnavailable when the database is away: then
    nothing is let through.
    """

    def __init__(
        self,
        file: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        works: Callable[[Work[None]], Works] | None = None,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._database: Works = (
            works(self._tidy)
            if works is not None
            else SharedDatabase(file, tables.SCHEMA, enter=self._tidy, tidy=self._tidy)
        )
        self._clock = clock
        self._sleep = sleep
        self._look_again = look_again
        self._held: set[_Held] = set()
        self._watching: asyncio.Task[None] | None = None
        self._listeners: set[Heard] = set()

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        self._database.check_version()

    def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._database.close()

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Have this told each new question that is put here; gives what ends that."""
        self._listeners.add(heard)
        return lambda: self._listeners.discard(heard)

    async def ask(self, question: Question, waiting_id: str | None = None) -> Entry | Standing:
        """Put a question, or join the same one; the entry's state says what to do.

        `used`: a yes was there, and is now this caller's. `pending`: wait. `denied`, `expired`: it was answered
        before. A Standing is a yes to all such calls. waiting_id: the question that this call was told to wait for.
        Raises RateLimited when the agent has too many, InvalidParams for the id of another call, AlreadyDecided for
        one whose yes is gone.
        """
        now = self._clock()

        def work(connection: sqlite3.Connection) -> tuple[Entry | Standing, bool]:
            tables.settle(connection, now)
            tables.void_others(connection, question, now)
            if (standing := tables.standing_for(connection, question, now)) is not None:
                return standing, False
            if waiting_id is not None:
                return self._join(connection, _of_the_id(connection, question, waiting_id), now), False
            known = tables.latest(connection, question)
            if known is not None and (known.state in OPEN or tables.is_to_be_told(connection, known, now)):
                return self._join(connection, known, now), False
            own, altogether = tables.count_pending(connection, question.agent)
            if own >= MOST_PENDING or altogether >= MOST_ALTOGETHER + RESERVED * question.proven:
                calls = (
                    f'{own} calls of the agent "{question.agent}"' if own >= MOST_PENDING else f"{altogether} calls"
                )
                raise RateLimited(
                    f"{calls} wait for a person already. Wait until some are answered.",
                    retry_after=TRY_AGAIN,
                )
            return tables.insert(connection, question, now), True

        def undo(connection: sqlite3.Connection, answer: tuple[Entry | Standing, bool]) -> None:
            if isinstance(answer[0], Entry) and answer[0].state == "used":
                tables.give_back(connection, answer[0].id)

        answer, new = await self._run(work, undo)
        if new and isinstance(answer, Entry):
            for heard in tuple(self._listeners):
                heard(answer)
        return answer

    def _join(self, connection: sqlite3.Connection, entry: Entry, now: float) -> Entry:
        if entry.state == "approved":
            return replace(entry, state="used") if tables.use(connection, entry.id, now) else entry
        if entry.state == "pending":
            tables.count_asking(connection, entry.id)
        else:
            tables.tell(connection, entry.id)
        return entry

    async def give_back(self, entry_id: str) -> None:
        """The call that was to begin with this yes was not made."""
        with suppress(Overloaded, DatabaseUnavailable):
            await self._run(lambda connection: tables.give_back(connection, entry_id))

    async def wait(self, entry: Entry, patience: float | None, current: Current) -> Entry:
        """Wait until it is not pending any more, for `patience` seconds at most (None: until it is over).

        current: whether its conditions still hold, looked at now and then; when they do not, it is void.
        """
        held = _Held(entry, asyncio.Event())
        self._held.add(held)
        try:
            async with asyncio.timeout(patience):
                while True:
                    found = await self.look(entry.id, current)
                    if found is None or found.state != "pending":
                        return replace(entry, state="void") if found is None else found
                    if self._watching is None or self._watching.done():
                        self._watching = asyncio.create_task(self._watch())
                    await held.heard.wait()
                    held.heard.clear()
        except TimeoutError:
            return await self.look(entry.id, current) or entry
        finally:
            self._held.discard(held)

    async def look(self, entry_id: str, current: Current) -> Entry | None:
        """An entry as it is now, void when its conditions do not hold any more; None for an unknown id."""
        now = self._clock()

        def work(connection: sqlite3.Connection) -> Entry | None:
            tables.settle(connection, now)
            found = tables.named(connection, entry_id)
            if found is not None and found.state in OPEN and not current(found):
                tables.void(connection, entry_id, now)
                return tables.named(connection, entry_id)
            return found

        return await self._run(work)

    async def told(self, entry_id: str) -> None:
        """A caller that waited was told what became of it."""
        await self._run(lambda connection: tables.tell(connection, entry_id))

    async def decide(
        self,
        entry_id: str,
        *,
        yes: bool,
        decider: Decider,
        reason: str | None,
        minutes: int | None,
        current: Current,
    ) -> Entry:
        """Answer a question; with `minutes` the yes holds so long for all calls of its agent and utility.

        Raises NotFound, AlreadyDecided, and NotAllowed where only the console may say yes.
        """
        found = await self.look(entry_id, current)
        if found is None:
            raise _unknown(entry_id)
        if yes and found.console_only and decider.via != "console":
            raise NotAllowed(
                f"Only a yes in the console counts for {found.skill}/{found.utility} (ask_person_in). "
                "A no counts from everywhere."
            )
        now = self._clock()

        def work(connection: sqlite3.Connection) -> Entry:
            state: State = "approved" if yes else "denied"
            if not tables.decide(connection, entry_id, state, decider, reason, now):
                tables.settle(connection, now)
                raise already(tables.named(connection, entry_id))
            decided = tables.named(connection, entry_id)
            assert decided is not None
            if yes and minutes is not None:
                tables.stand(connection, decided, decider, now, now + 60.0 * minutes)
            return decided

        decided = await self._run(work)
        self.wake(entry_id)
        return decided

    def wake(self, entry_id: str) -> None:
        """Have those who wait for this entry look at it: it was decided, here or elsewhere."""
        for held in self._held:
            if held.entry.id == entry_id:
                held.heard.set()

    async def end_standing(self, entry_id: str) -> None:
        """End a yes for some minutes before its time. Raises NotFound."""
        now = self._clock()
        if not await self._run(lambda connection: tables.end_standing(connection, entry_id, now)):
            raise NotFound(f"No yes for some minutes has the id {entry_id!r}; it may have ended by itself.")

    async def listed(
        self, states: Collection[State], agent: str | None, current: Current
    ) -> tuple[Sequence[Entry], Sequence[Standing]]:
        """Entries in these states, of one agent or of all, the newest first; every yes that holds for some minutes.

        All that are open, and the newest LISTED of those that are over.
        """
        now = self._clock()

        def work(connection: sqlite3.Connection) -> tuple[Sequence[Entry], Sequence[Standing]]:
            tables.settle(connection, now)
            for each in tables.entries(connection, OPEN, agent, tables.ALL):
                if not current(each):
                    tables.void(connection, each.id, now)
            standing = [each for each in tables.standings(connection, now) if agent in (None, each.agent)]
            opened = [state for state in states if state in OPEN]
            over = [state for state in states if state not in OPEN]
            found = [
                *tables.entries(connection, opened, agent, tables.ALL),
                *tables.entries(connection, over, agent, LISTED),
            ]
            return sorted(found, key=lambda each: each.asked_at, reverse=True), standing

        return await self._run(work)

    async def _watch(self) -> None:
        """Wake those who wait for what another process, or time, decided."""
        while self._held:
            await self._sleep(self._look_again)
            for held in self._held:
                held.heard.set()

    async def _run(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        try:
            return await self._database.run(work, undo)
        except DatabaseAway as error:
            raise DatabaseUnavailable(
                f"What waits for a person cannot be looked at, so nothing is let through: {error}", retry_after=1.0
            ) from None
        except (DatabaseTrouble, OSError) as error:
            raise Overloaded(
                f"What waits for a person cannot be looked at, so nothing is let through: {error}",
                retry_after=TRY_AGAIN,
            ) from None

    def _tidy(self, connection: sqlite3.Connection) -> None:
        now = self._clock()
        tables.settle(connection, now)
        tables.forget(connection, now)


def already(entry: Entry | None) -> AlreadyDecided | NotFound:
    """Who comes late is told what was decided, by whom and when."""
    if entry is None:
        return NotFound("Nothing waits under this id.")
    who = f" by {entry.by} ({entry.via}) at {iso(entry.decided_at)}" if entry.decided_at is not None else ""
    return AlreadyDecided(
        f'{entry.skill}/{entry.utility} of the agent "{entry.agent}" is {entry.state}{who}.',
        details={"waiting": entry.decision()},
    )


def _of_the_id(connection: sqlite3.Connection, question: Question, waiting_id: str) -> Entry:
    """The entry that a call was told to wait for; its state may be any."""
    found = tables.named(connection, waiting_id, question.identity)
    if found is None:
        raise InvalidParams(
            "This Waiting-Id belongs to another call, or to none. Send the same params under the same X-Agent, or "
            "leave the header out to ask anew."
        )
    if found.state in ("used", "void"):
        raise already(found)
    return found


def _unknown(entry_id: str) -> NotFound:
    return NotFound(f"Nothing waits under the id {entry_id!r}.")
