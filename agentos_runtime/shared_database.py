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

from agentos_runtime.private_database import BUSY_WAIT, NewerFile, Schema, is_busy, open_private
from agentos_runtime.private_files import PrivateFileError

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]
"""What is done in one transaction; nothing of it stays when it raises."""

UPKEEP_EVERY = 1_000
"""Transactions between two checkpoints; until then their pages wait in the `-wal` file."""
_FAILURES = (sqlite3.Error, OSError, PrivateFileError, NewerFile)


class DatabaseTrouble(Exception):
    """The file cannot be opened, read or written; the message names it and says why."""


class SharedDatabase:
    """One such file; nothing is opened or made before the first transaction. Belongs to one event loop."""

    def __init__(self, file: Path, schema: Schema, *, tidy: Work[None] = lambda connection: None) -> None:
        self.file = file
        self._schema = schema
        self._tidy = tidy
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=file.stem)
        self._connection: sqlite3.Connection | None = None
        self._waiting: sqlite3.Connection | None = None
        self._until_upkeep = UPKEEP_EVERY

    async def run(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """Do the work, alone among all processes; suspends only when another one is writing.

        undo: takes back what was done when the caller was cancelled meanwhile. Raises DatabaseTrouble.
        """
        self._until_upkeep -= 1
        if self._until_upkeep <= 0:
            self._until_upkeep = UPKEEP_EVERY
            self._thread.submit(self._keep_up)
        if self._connection is not None:
            try:
                return _transaction(self._connection, work)
            except _FAILURES as error:
                if not is_busy(error):
                    self._disconnect()
                    raise self._trouble(error) from None
        return await self.run_in_thread(work, undo)

    async def run_in_thread(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T:
        """The same for work that takes long, or may wait. Raises DatabaseTrouble."""
        future = self._thread.submit(self._run_waiting, work)
        try:
            done = await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if undo is not None:
                self._thread.submit(self._take_back, future, undo)
            raise
        if isinstance(done, DatabaseTrouble):
            raise done
        if self._connection is None:
            self._connect()
        return done

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self._thread.shutdown(wait=True)
        self._disconnect()
        self._stop_waiting()

    def _connect(self) -> None:
        with suppress(*_FAILURES):  # the file is there: the thread has just written to it
            self._connection = open_private(self.file, self._schema, wait=0.0)

    def _run_waiting(self, work: Work[T]) -> T | DatabaseTrouble:
        """A failure is given, not raised: who asked may have gone."""
        try:
            return _transaction(self._opened(), work)
        except _FAILURES as error:
            self._stop_waiting()
            return self._trouble(error)

    def _take_back(
        self, future: "Future[T | DatabaseTrouble]", undo: Callable[[sqlite3.Connection, T], None]
    ) -> None:
        done = future.result()
        if not isinstance(done, DatabaseTrouble):
            self._run_waiting(lambda connection: undo(connection, done))

    def _keep_up(self) -> None:
        self._run_waiting(self._tidy)
        with suppress(*_FAILURES):
            self._opened().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _opened(self) -> sqlite3.Connection:
        if self._waiting is None:
            self._waiting = open_private(self.file, self._schema, wait=BUSY_WAIT)
        return self._waiting

    def _trouble(self, error: Exception) -> DatabaseTrouble:
        return DatabaseTrouble(str(error) if isinstance(error, NewerFile) else f"{self.file}: {error}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


def _transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return done
