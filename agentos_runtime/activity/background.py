"""The ledger's thread: all that may wait, for another process or for the disk."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from agentos_runtime.activity.database import open_for_waiting
from agentos_runtime.activity.rows import Closing, Entry, Statement, closing

PRUNED_AT_ONCE = 500
"""Rows per deletion: longer ones would keep other processes waiting."""
PRUNINGS = 4
LARGEST_WAL = 8 * 1024
"""Pages. Beyond these other writers are held up for a moment, so that the `-wal` file begins again."""

_PRUNE = (
    "DELETE FROM activity WHERE id IN (SELECT id FROM activity"
    " WHERE id <= (SELECT max(id) FROM activity) - ? ORDER BY id LIMIT ?)"
)


class Background:
    """One thread with a connection of its own, opened when first needed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    def write(self, statements: Sequence[Statement]) -> "Future[int | sqlite3.Error]":
        """Write them in one transaction, waiting for other writers; the id of the last new row, or why not."""
        return self._thread.submit(self._write, statements)

    def abandon(self, begun: "Future[int | sqlite3.Error]") -> None:
        """Close a row as cancelled whose caller left while it was being written."""

        def close() -> None:
            row = begun.result()
            if isinstance(row, int) and row:  # 0: it was no new row
                self._write([closing(Entry(row, ()), Closing(outcome="cancelled"))])

        self._thread.submit(close)

    def keep_up(self, kept_rows: int) -> None:
        """Move what was written into the main file, and drop the oldest rows beyond `kept_rows`."""
        self._thread.submit(self._keep_up, kept_rows)

    def close(self) -> None:
        """Finish what was asked for and end the thread."""
        self._thread.shutdown(wait=True)
        with suppress(sqlite3.Error):
            self._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disconnect()

    def _write(self, statements: Sequence[Statement]) -> int | sqlite3.Error:
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                cursor = connection.execute(statement.sql, statement.values)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._disconnect()
            return error
        return cursor.lastrowid or 0

    def _keep_up(self, kept_rows: int) -> None:
        try:
            connection = self._opened()
            for _ in range(PRUNINGS):
                if connection.execute(_PRUNE, (kept_rows, PRUNED_AT_ONCE)).rowcount < PRUNED_AT_ONCE:
                    break
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > LARGEST_WAL:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error:
            self._disconnect()  # the next write meets the same trouble and reports it

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_for_waiting(self._file)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
