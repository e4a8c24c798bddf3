"""One row per call: written before the upstream is called, closed when the call ends."""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Self, TypeVar, cast

from agentos_runtime.storage.activity import rows
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.owners import enter, interrupt_the_dead, leave
from agentos_runtime.storage.activity.pruning import drop_surplus
from agentos_runtime.storage.activity.quarters import add_up
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.rows import Closing, Entry
from agentos_runtime.storage.liveness import Owner
from agentos_runtime.storage.sqlite.files import DatabaseTrouble, NewerFile
from agentos_runtime.storage.sqlite.shared import SharedDatabase, Work

T = TypeVar("T")

KEPT_ROWS = 1_000_000
"""The oldest rows beyond these are dropped; a million take about 170 MB."""
UPKEEP_EVERY = 1_000
"""Calls between two rounds of upkeep; until then their pages wait in the `-wal` file (about 2.5 KB a call)."""
UNWRITTEN = 5_000
"""Closed rows kept in memory while the file cannot be written."""
TRY_AFTER = 1.0
"""Seconds between two attempts to write to a file that failed."""
_WRITES_A_CALL = 2


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
        self._database = SharedDatabase(
            file, SCHEMA, enter=self._enter, tidy=self._tidy, upkeep_every=UPKEEP_EVERY * _WRITES_A_CALL
        )
        self._owner: Owner | None = None
        self._try_after = -math.inf
        self._unwritten: deque[Work[object]] = deque(maxlen=UNWRITTEN)
        self._catching_up = False
        self._calls = 0
        self._heard: set[Callable[[], object]] = set()
        self.degraded: str | None = None
        self.figures: tuple[tuple[str, str, Literal["counter", "gauge"], float], ...] = ()
        """What it tells besides, for Prometheus: nothing."""

    def __enter__(self) -> Self:
        """Rows of processes that died become `interrupted`.

        Raises NewerFile for a file of a newer version; everything else only makes the ledger degraded.
        """
        try:
            self._database.open()
        except NewerFile:
            self._database.close()
            raise
        except DatabaseTrouble as error:
            self._fail(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._unwritten:
            self._write_missed()
        if self._owner is not None and not self._calls:
            self._database.submit(partial(leave, name=self._owner.name))
        self._database.close()
        if self._owner is not None:
            self._owner.release()

    async def start(self, *, request_id: str, agent: str, skill: str, utility: str) -> Entry:
        """Write the row of a call that is about to be made; it is in the file when this returns.

        Rows that begin or end in one turn of the loop are written in one transaction.
        """
        self._calls += 1
        if self._owner is None and self._may_try():
            with suppress(DatabaseTrouble):  # first, so that the row names its owner
                await self._database.run_in_thread(lambda connection: None)
        owner = self._owner.name if self._owner else ""
        begun = rows.begun(request_id, rows.moment(self._clock()), agent, skill, utility, owner)

        def leave_early(connection: sqlite3.Connection, row: int) -> None:
            rows.close(connection, Entry(row, begun), Closing(outcome="cancelled"))

        row = await self._write(partial(rows.begin, begun=begun), leave_early)
        if self._heard:
            self._tell()
        return Entry(row, begun)

    async def finish(self, entry: Entry, end: Closing, *, reads: bool = False) -> bool:
        """Close the row of a call; that is in the file when this returns, and whoever waits for it.

        reads: the call only looked at something. What it says of a generation that another row has told is not
        added to that. Gives whether the row's numbers count.
        """
        self._calls -= 1

        def close(connection: sqlite3.Connection) -> bool:
            named = end.generation_id
            again = reads and named is not None and rows.is_booked(connection, entry, named)
            counted = replace(end, cost=None, input_tokens=None, output_tokens=None) if again else end
            rows.close(connection, entry, counted)
            return not again

        counts = await self._write(close)
        if counts is None:
            self._unwritten.append(close)
        if self._heard:
            self._tell()
        return counts is not False

    async def mark(self, entry: Entry, outcome: Literal["started", "waiting"]) -> None:
        """Say whether the call waits for a person."""
        await self._write(lambda connection: rows.mark(connection, entry, outcome))
        self._tell()

    @property
    def reader(self) -> ActivityReader:
        """What it tells."""
        return self._reader

    def listen(self, heard: Callable[[], object]) -> Callable[[], None]:
        """Have this called when this process has written or changed a row; gives what ends that."""
        self._heard.add(heard)
        return lambda: self._heard.discard(heard)

    def _tell(self) -> None:
        for heard in self._heard:
            heard()

    async def counted(self, code: str) -> list[tuple[str, str, int]]:
        """See ActivityReader.counted."""
        return await self._reader.counted(code)

    async def _write(self, work: Work[T], undo: Callable[[sqlite3.Connection, T], None] | None = None) -> T | None:
        """What the work gives; None when it could not be written."""
        if not self._may_try():
            return None
        asked = self._database.ask(work)
        try:
            done = await asked.waiter
        except asyncio.CancelledError:
            self._database.leave(asked, undo)
            raise
        if isinstance(done, DatabaseTrouble):
            self._fail(done)
            return None
        if self._unwritten:
            self._write_missed()
        elif not self._catching_up:
            self.degraded = None
        return cast(T, done)

    def _write_missed(self) -> None:
        """Whoever hears that all is well again finds these rows: it is said when they are in the file."""
        missed = list(self._unwritten)
        self._unwritten.clear()
        self._catching_up = True

        def work(connection: sqlite3.Connection) -> None:
            for each in missed:
                each(connection)

        def written(future: "Future[DatabaseTrouble | None]") -> None:
            self._catching_up = False
            if future.result() is not None:
                self._unwritten.extendleft(reversed(missed))
            elif not self._unwritten:
                self.degraded = None

        self._database.submit(work).add_done_callback(written)

    def _enter(self, connection: sqlite3.Connection) -> None:
        self._owner = self._owner or Owner(self._file)
        interrupt_the_dead(connection, self._file)
        enter(connection, self._owner.name)

    def _tidy(self, connection: sqlite3.Connection) -> bool:
        more = drop_surplus(connection, self._kept_rows)
        return add_up(connection) or more

    def _may_try(self) -> bool:
        return self.degraded is None or self._monotonic() >= self._try_after

    def _fail(self, error: DatabaseTrouble) -> None:
        self.degraded = f"activity is not recorded: {error}"
        self._try_after = self._monotonic() + TRY_AFTER
