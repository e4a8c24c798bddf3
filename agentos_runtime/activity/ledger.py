"""One row per call: written before the upstream is called, closed when the call ends."""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Self

from agentos_runtime.activity.background import Background
from agentos_runtime.activity.database import LedgerRefused, open_for_writing
from agentos_runtime.activity.owners import enter, interrupt_the_dead, leave
from agentos_runtime.activity.queries import ActivityReader
from agentos_runtime.activity.rows import Closing, Entry, Statement, beginning, closing
from agentos_runtime.jsontext import Json
from agentos_runtime.private_database import BUSY_WAIT, is_busy
from agentos_runtime.private_files import PrivateFileError
from agentos_runtime.process_marks import Owner

KEPT_ROWS = 1_000_000
"""The oldest rows beyond these are dropped; a million take about 170 MB."""
UPKEEP_EVERY = 1_000
"""Calls between two rounds of upkeep; until then their pages wait in the `-wal` file (about 2.5 KB a call)."""
UNWRITTEN = 5_000
"""Closed rows kept in memory while the file cannot be written."""
REOPEN_AFTER = 1.0
"""Seconds between two attempts to open a file that failed."""

_FAILURES = (sqlite3.Error, OSError, PrivateFileError)


class Ledger:
    """The activity of one home, shared with other processes; never an exception into a call.

    file: `activity.db`. clock: seconds since 1970. To be entered with `with`, and used from one event loop. While
    rows cannot be written, `degraded` says why; the ledger tries again by itself, and then writes what it missed.
    """

    def __init__(
        self,
        file: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        kept_rows: int = KEPT_ROWS,
    ) -> None:
        self._file = file
        self._clock = clock
        self._monotonic = monotonic
        self._kept_rows = kept_rows
        self._reader = ActivityReader(file, clock=clock)
        self._background = Background(file)
        self._connection: sqlite3.Connection | None = None
        self._owner: Owner | None = None
        self._open_after = -math.inf
        self._until_upkeep = UPKEEP_EVERY
        self._unwritten: deque[Statement] = deque(maxlen=UNWRITTEN)
        self._calls = 0
        self.degraded: str | None = None

    def __enter__(self) -> Self:
        """Rows of processes that died become `interrupted`.

        Raises LedgerRefused for a file of a newer version; everything else only makes the ledger degraded.
        """
        try:
            self._open(wait=BUSY_WAIT)
        except _FAILURES as error:
            self._fail(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._unwritten:
            self._write_missed()
        self._background.close()
        if self._connection and self._owner and not self._calls:
            with suppress(sqlite3.Error):
                leave(self._connection, self._owner.name)
        self._disconnect()
        if self._owner is not None:
            self._owner.release()

    async def start(self, *, request_id: str, agent: str, skill: str, utility: str) -> Entry:
        """Write the row of a call that is about to be made; it is in the file when this returns.

        Suspends only when another process is writing at this very moment.
        """
        self._calls += 1
        self._until_upkeep -= 1
        if self._until_upkeep <= 0:
            self._until_upkeep = UPKEEP_EVERY
            self._background.keep_up(self._kept_rows)
        if self._connection is None:
            self._reopen()  # first, so that the row names its owner
        owner = self._owner.name if self._owner else ""
        begun = (request_id, int(self._clock() * 1000), agent, skill, utility, owner)
        return Entry(await self._write(beginning(begun)), begun)

    async def finish(self, entry: Entry, end: Closing) -> None:
        """Close the row of a call. Suspends as `start` does."""
        self._calls -= 1
        statement = closing(entry, end)
        if await self._write(statement) is None:
            self._unwritten.append(statement)

    async def rows(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """See ActivityReader.rows."""
        return await self._reader.rows(filters)

    async def usage(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """See ActivityReader.usage."""
        return await self._reader.usage(filters)

    async def _write(self, statement: Statement) -> int | None:
        """The id of the row if it is new (else 0); None when it could not be written."""
        try:
            connection = self._connection or self._reopen()
            if connection is None:
                return None
            row = connection.execute(statement.sql, statement.values).lastrowid or 0
        except _FAILURES as error:
            if is_busy(error):
                return await self._write_waiting(statement)
            self._fail(error)
            return None
        self.degraded = None
        if self._unwritten:
            self._write_missed()
        return row

    async def _write_waiting(self, statement: Statement) -> int | None:
        future = self._background.write([statement])
        try:
            row: int | sqlite3.Error = await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            self._background.abandon(future)
            raise
        if isinstance(row, int):
            return row
        self._fail(row)
        return None

    def _write_missed(self) -> None:
        missed = list(self._unwritten)
        self._unwritten.clear()

        def put_back(future: "Future[int | sqlite3.Error]") -> None:
            if not isinstance(future.result(), int):
                self._unwritten.extendleft(reversed(missed))

        self._background.write(missed).add_done_callback(put_back)

    def _open(self, wait: float) -> sqlite3.Connection:
        connection = open_for_writing(self._file, wait=wait)
        try:
            self._owner = self._owner or Owner(self._file)
            interrupt_the_dead(connection, self._file)
            enter(connection, self._owner.name)
            connection.execute("PRAGMA busy_timeout = 0")  # from here on, who must wait goes to the thread
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _reopen(self) -> sqlite3.Connection | None:
        if self._monotonic() < self._open_after:
            return None
        try:
            return self._open(wait=0.0)
        except (*_FAILURES, LedgerRefused) as error:
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        self.degraded = f"activity is not recorded: {self._file}: {error}"
        self._open_after = self._monotonic() + REOPEN_AFTER
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
