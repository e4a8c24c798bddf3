"""A private SQLite file that is written from an event loop without ever waiting on it.

A transaction runs at once on the loop's own connection (tens of microseconds); what can wait for the end of the
loop's turn shares one with all that is asked for in that turn. When another process is writing at that very moment,
it runs in a thread instead, on a connection that waits its turn.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.sqlite.files import (
    FAILURES,
    DatabaseTrouble,
    Place,
    PrivateDatabase,
    Schema,
    in_transaction,
    is_busy,
    transaction,
)

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]
"""What is done in one transaction; nothing of it stays when it raises."""

UPKEEP_EVERY = 1_000
"""Transactions between two rounds of upkeep; until then their pages wait in the `-wal` file."""
TIDYINGS = 4
"""Times that a round of upkeep tidies at most."""
LARGEST_WAL = 8 * 1024
"""Pages. Beyond these other writers are held up for a moment, so that the `-wal` file begins again."""
LEFT_IN_WAL = 4 * 1024 * 1024
"""Bytes that a process may leave in the `-wal` file for others to move when it closes the file."""


_LATER = object()
_UNTOLD = object()


def _nothing(connection: sqlite3.Connection) -> None:
    """No work."""


@dataclass(slots=True)
class Asked:
    """Work that is done together with other work, and who waits for it."""

    work: Work[Any]
    waiter: "asyncio.Future[Any]"
    """Gets what the work gives, or a DatabaseTrouble."""
    done: "Future[Any] | None" = None
    """The same, told by the thread to the thread."""
    told: object = _UNTOLD

    def tell(self, done: object) -> None:
        self.told = done
        if not self.waiter.done():
            self.waiter.set_result(done)

    def for_the_thread(self) -> "Future[Any] | None":
        """What the thread can ask what the work gave; None while nobody knows who will tell."""
        if self.done is None and self.told is not _UNTOLD:
            self.done = Future()
            self.done.set_result(self.told)
        return self.done


class SharedDatabase:
    """One such file; nothing is opened or made before the first transaction. Belongs to one event loop.

    enter: done in one transaction each time the file is opened. tidy: done now and then; gives whether more of it
    is to do. The file is opened again when another one stands in its place.
    """

    def __init__(
        self,
        file: Path,
        schema: Schema,
        *,
        enter: Work[None] = _nothing,
        tidy: Work[object] = _nothing,
        upkeep_every: int = UPKEEP_EVERY,
    ) -> None:
        self.file = file
        self._database = PrivateDatabase(file, schema)
        self._enter = enter
        self._tidy = tidy
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=file.stem)
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._waiting: sqlite3.Connection | None = None
        self._waiting_place: Place | None = None
        self._upkeep_every = upkeep_every
        self._until_upkeep = upkeep_every
        self._asked: list[Asked] = []
        self._closed = False
        self._owed: Future[None] | None = None
        """What is yet to be taken back, the last of it: nothing overtakes that."""

    def open(self) -> None:
        """Open the file now, waiting for other writers. Raises DatabaseTrouble, NewerFile."""
        done = self.submit(_nothing).result()
        if isinstance(done, DatabaseTrouble):
            raise done
        self._connect()

    def check_version(self) -> None:
        """Raises NewerFile for a file of a newer version."""
        self._database.check_version()

    async def run(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """Do the work, alone among all processes; suspends only when another one is writing.

        undo: takes back what was done when the caller was cancelled meanwhile. Raises DatabaseTrouble.
        """
        done = self._run_at_once(work)
        if done is _LATER:
            return await self.run_in_thread(work, undo)
        if isinstance(done, DatabaseTrouble):
            raise done
        return cast(T, done)

    async def run_together(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """As `run`, in one transaction with all that is asked for in this turn of the loop.

        What was asked for is done when this returns, and also when the caller is cancelled. Raises DatabaseTrouble.
        """
        asked = self.ask(work)
        try:
            done = await asked.waiter
        except asyncio.CancelledError:
            self.leave(asked, undo)
            raise
        if isinstance(done, DatabaseTrouble):
            raise done
        return cast(T, done)

    def ask(self, work: Work[Any]) -> Asked:
        """As `run_together`, for who awaits the `waiter` of what is given, and calls `leave` when cancelled."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._run_asked)
        asked = Asked(work, loop.create_future())
        self._asked.append(asked)
        return asked

    def leave(self, asked: Asked, undo: Callable[[sqlite3.Connection, T], None] | None) -> None:
        """Nobody waits for it any more: it is done now, and taken back by `undo`."""
        self._run_asked()
        if undo is not None and (given := asked.for_the_thread()) is not None:
            self._owed = self._thread.submit(self._take_back, given, undo)

    async def run_in_thread(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """The same for work that takes long, or may wait. Raises DatabaseTrouble."""
        future = self.submit(work)
        try:
            done = await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if undo is not None:
                self._owed = self._thread.submit(self._take_back, future, undo)
            raise
        if isinstance(done, DatabaseTrouble):
            raise done
        self._connect_again()
        return done

    def submit(self, work: Work[T]) -> "Future[T | DatabaseTrouble]":
        """Do the work in the thread, after what it was given before. A failure is given, not raised."""
        if self._closed:
            late: Future[T | DatabaseTrouble] = Future()
            late.set_result(DatabaseTrouble(f"{self.file} was closed with the runtime that it belongs to"))
            return late
        return self._thread.submit(self._run_waiting, work)

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self._run_asked()
        if self._database.wal_size() > LEFT_IN_WAL:
            self._thread.submit(self._checkpoint)
        self._thread.shutdown(wait=True)
        self._closed = True
        self._disconnect()
        self._stop_waiting()

    def _run_at_once(self, work: Work[T]) -> T | DatabaseTrouble | object:
        """What the work gives; _LATER when only the thread can do it."""
        if self._connection is None or self._place != self._database.place() or self._owes():
            return _LATER
        try:
            done = in_transaction(self._connection, work)
        except FAILURES as error:
            if is_busy(error):
                return _LATER
            self._disconnect()
            self._thread.submit(self._stop_waiting)  # the next transaction opens and checks the file anew
            return self._database.trouble(error)
        self._count()
        return done

    def _owes(self) -> bool:
        """Whether something is yet to be taken back: who comes now is not refused for who left before."""
        if self._owed is not None and self._owed.done():
            self._owed = None
        return self._owed is not None

    def _run_asked(self) -> None:
        """Do what was asked for since the last time, in one transaction."""
        asked, self._asked = self._asked, []
        if not asked:
            return

        def work(connection: sqlite3.Connection) -> list[Any]:
            return [each.work(connection) for each in asked]

        try:
            done = self._run_at_once(work)
        except BaseException as error:
            for each in asked:
                if not each.waiter.done():
                    each.waiter.set_exception(error)
            raise
        if done is not _LATER:
            self._count(len(asked) - 1)
            _tell_all(asked, done)
            return
        future = self.submit(work)
        for at, each in enumerate(asked):
            each.done = Future()
            future.add_done_callback(partial(_hand_on, each.done, at))
        asyncio.wrap_future(future).add_done_callback(partial(self._ran_in_thread, asked))

    def _ran_in_thread(self, asked: Sequence[Asked], future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            return  # the loop ends
        _tell_all(asked, future.result())
        self._connect_again()

    def _count(self, pieces: int = 1) -> None:
        self._until_upkeep -= pieces
        if self._until_upkeep <= 0:
            self._until_upkeep = self._upkeep_every
            self._thread.submit(self._keep_up)

    def _connect_again(self) -> None:
        """After a transaction in the thread; one may end when all has been closed."""
        if self._closed:
            return
        if self._connection is None or self._place != self._database.place():
            self._connect()
        self._count()

    def _connect(self) -> None:
        """The thread has just written to the file: it is there, and it was entered."""
        self._disconnect()
        with suppress(*FAILURES):
            place = self._database.place()
            self._connection = self._database.open(wait=0.0)
            self._place = place

    def _run_waiting(self, work: Work[T]) -> T | DatabaseTrouble:
        try:
            connection = self._opened()
            with transaction(connection):
                return work(connection)
        except FAILURES as error:
            self._stop_waiting()
            return self._database.trouble(error)

    def _take_back(
        self, future: "Future[T | DatabaseTrouble]", undo: Callable[[sqlite3.Connection, T], None]
    ) -> None:
        done = future.result()
        if not isinstance(done, DatabaseTrouble):
            self._run_waiting(lambda connection: undo(connection, done))

    def _keep_up(self) -> None:
        for _ in range(TIDYINGS):
            if self._run_waiting(self._tidy) is not True:
                break
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Move what was written into the main file. Trouble here is met and told by the next transaction."""
        if self._waiting is None and self._connection is None:
            return
        with suppress(*FAILURES):
            connection = self._opened()
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > LARGEST_WAL:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _opened(self) -> sqlite3.Connection:
        if self._waiting is not None and self._waiting_place != self._database.place():
            self._stop_waiting()
        if self._waiting is None:
            place = self._database.place()
            connection = self._database.open()
            try:
                with transaction(connection):
                    self._enter(connection)
            except BaseException:
                connection.close()
                raise
            self._waiting, self._waiting_place = connection, place or self._database.place()
        return self._waiting

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


def _tell_all(asked: Sequence[Asked], done: Any) -> None:
    for at, each in enumerate(asked):
        each.tell(done if isinstance(done, DatabaseTrouble) else done[at])


def _hand_on(done: "Future[Any]", at: int, future: "Future[Any]") -> None:
    """What one part of the work gave."""
    given = future.result()
    done.set_result(given if isinstance(given, DatabaseTrouble) else given[at])
