"""Old rows are dropped a few at a time, so that nobody who writes waits for it."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.activity import quarters
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.owners import interrupt_the_dead
from agentos_runtime.storage.liveness import living
from agentos_runtime.storage.sqlite.files import FAILURES, PrivateDatabase, transaction

AT_ONCE = 500
"""Rows per transaction: longer ones would keep other processes waiting."""
LOOKED_AT = 20_000
"""Rows that one transaction looks through for old ones."""
PAGES_AT_ONCE = 1_000
"""Pages that one transaction gives back to the disk."""
PAUSE = 0.005
"""Seconds between two transactions, for others to write."""

_SURPLUS = (
    "SELECT id FROM activity"
    " WHERE id <= (SELECT max(id) FROM activity) - ? AND outcome NOT IN ('started', 'waiting') ORDER BY id LIMIT ?"
)
_OLD = (
    "SELECT id FROM activity"
    " WHERE id BETWEEN ? AND ? AND started_at < ? AND outcome NOT IN ('started', 'waiting') ORDER BY id LIMIT ?"
)
_LAST = "SELECT coalesce(max(id), 0) FROM activity"
_OWNERS = f"UPDATE owner SET after = ({_LAST}) WHERE after > ({_LAST})"  # noqa: S608 - nothing from outside


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was dropped, and what that changed."""

    rows: int
    freed: int
    """Bytes that the disk got back."""
    reusable: int
    """Bytes of the file that are kept for new rows."""


def drop_surplus(connection: sqlite3.Connection, kept_rows: int) -> bool:
    """Drop the oldest rows beyond so many; whether there may be more of them."""
    return _delete(connection, _SURPLUS, (kept_rows, AT_ONCE)) == AT_ONCE


def prune(file: Path, before: int, *, pause: Callable[[float], None] = time.sleep) -> Pruned:
    """Drop the closed rows of calls that began before a moment (milliseconds since 1970); servers may go on.

    What the rows took is given back to the disk. Raises DatabaseTrouble.
    """
    database = PrivateDatabase(file, SCHEMA)
    if database.place() is None:
        return Pruned(0, 0, 0)
    try:
        with closing(database.open()) as connection:
            with transaction(connection):
                interrupt_the_dead(connection, file)
            size = file.stat().st_size
            rows = _drop(connection, before, pause)
            _give_back(connection, file, pause)
            free, page = (_number(connection, f"PRAGMA {name}") for name in ("freelist_count", "page_size"))
            return Pruned(rows, max(0, size - file.stat().st_size), free * page)
    except FAILURES as error:
        raise database.trouble(error) from None


def _drop(connection: sqlite3.Connection, before: int, pause: Callable[[float], None]) -> int:
    dropped, first = 0, 1
    while first <= _number(connection, _LAST):
        with transaction(connection):
            found = _delete(connection, _OLD, (first, first + LOOKED_AT - 1, before, AT_ONCE))
            connection.execute(_OWNERS)  # numbers begin anew when the last row goes, and so do owners' rows
        dropped += found
        if found < AT_ONCE:
            first += LOOKED_AT
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        pause(PAUSE)
    return dropped


def _delete(connection: sqlite3.Connection, ids: str, values: tuple[int, ...]) -> int:
    """Delete the rows whose numbers a query gives, out of what is kept added up too; how many there were."""
    quarters.take_out(connection, ids, values)
    deleted = connection.execute(f"DELETE FROM activity WHERE id IN ({ids})", values).rowcount  # noqa: S608
    quarters.settle(connection)
    return deleted


def _give_back(connection: sqlite3.Connection, file: Path, pause: Callable[[float], None]) -> None:
    if _number(connection, "PRAGMA auto_vacuum"):
        while free := _number(connection, "PRAGMA freelist_count"):
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
            if _number(connection, "PRAGMA freelist_count") >= free:
                break
            pause(PAUSE)
    elif not living(file):  # a file of 0.1.0: only written anew can it shrink, which nobody should wait for
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _number(connection: sqlite3.Connection, sql: str) -> int:
    number: int = connection.execute(sql).fetchone()[0]
    return number
