"""A private SQLite file that is written from an event loop without ever waiting on it.

A transaction runs at once on the loop's own connection (tens of microseconds). When another process is writing at
that very moment, it runs in a thread instead, on a connection that waits its turn.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

from agentos_runtime.storage.sqlite.files import (
    FAILURES,
    DatabaseTrouble,
    Place,
    PrivateDatabase,
    Schema,
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


def _nothing(connection: sqlite3.Connection) -> None:
    """No work."""


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
        if self._connection is not None and self._place == self._database.place():
            try:
                with transaction(self._connection):
                    done = work(self._connection)
            except FAILURES as error:
                if not is_busy(error):
                    self._disconnect()
                    self._thread.submit(self._stop_waiting)  # the next transaction opens and checks the file anew
                    raise self._database.trouble(error) from None
            else:
                self._count()
                return done
        return await self.run_in_thread(work, undo)

    async def run_in_thread(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """The same for work that takes long, or may wait. Raises DatabaseTrouble."""
        future = self.submit(work)
        try:
            done = await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if undo is not None:
                self._thread.submit(self._take_back, future, undo)
            raise
        if isinstance(done, DatabaseTrouble):
            raise done
        if self._connection is None or self._place != self._database.place():
            self._connect()
        self._count()
        return done

    def submit(self, work: Work[T]) -> "Future[T | DatabaseTrouble]":
        """Do the work in the thread, after what it was given before. A failure is given, not raised."""
        return self._thread.submit(self._run_waiting, work)

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        if self._database.wal_size() > LEFT_IN_WAL:
            self._thread.submit(self._checkpoint)
        self._thread.shutdown(wait=True)
        self._disconnect()
        self._stop_waiting()

    def _count(self) -> None:
        self._until_upkeep -= 1
        if self._until_upkeep <= 0:
            self._until_upkeep = self._upkeep_every
            self._thread.submit(self._keep_up)

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
