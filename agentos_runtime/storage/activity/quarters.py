"""Closed rows of a long ledger, kept added up by quarter-hours of UTC, so that sums over months stay quick.

All rows up to one, the mark, stand in the sums; later ones are counted as they are. A day of any zone begins on a
quarter-hour. What is deleted is taken out of the sums in the same transaction.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from agentos_runtime.storage.activity import tallies
from agentos_runtime.storage.activity.tallies import QUARTER

LONG = 25_000
"""Rows from which on sums are kept."""
AT_ONCE = 1_000
"""Rows that one transaction adds up, which takes 5 ms: nobody else writes meanwhile."""

TABLES = """
CREATE TABLE quarter (
    begins INTEGER NOT NULL,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    utility TEXT NOT NULL,
    model TEXT,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL NOT NULL
) STRICT;
CREATE INDEX quarter_begins ON quarter (begins);
CREATE TABLE span (
    begins INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE TABLE mark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO mark VALUES (1, 0);
"""
_KEYS = "agent, skill, utility, model"
_ENDS = "SELECT coalesce((SELECT min(id) FROM activity), 0), coalesce((SELECT max(id) FROM activity), 0)"
"""Both asked for in one query, SQLite would look through all rows for them."""
ANEW = """
ALTER TABLE quarter ADD COLUMN priced INTEGER NOT NULL DEFAULT 0;
DELETE FROM quarter;
DELETE FROM span;
UPDATE mark SET last = 0;
"""
"""What was added up before it was known how many rows say a cost is added up again."""


def mark_of(connection: sqlite3.Connection) -> int:
    """The number of the last row that stands in the sums; 0 when none does."""
    last: int = connection.execute("SELECT last FROM mark").fetchone()[0]
    return last


def add_up(connection: sqlite3.Connection, *, long: int = LONG, at_once: int = AT_ONCE) -> bool:
    """Add some rows of a long ledger to the sums, up to the first that is not closed; whether there may be more."""
    least, most = connection.execute(_ENDS).fetchone()
    mark = mark_of(connection)
    if most - least < long and not mark:
        return False
    until = min(most, max(mark, least - 1) + at_once)
    opened = "SELECT min(id) FROM activity WHERE id > ? AND id <= ? AND outcome IN ('started', 'waiting')"
    first_open = connection.execute(opened, (mark, until)).fetchone()[0]
    until = until if first_open is None else first_open - 1
    if until <= mark:
        return False
    _add(connection, "id > ? AND id <= ?", (mark, until), "+")
    connection.execute(
        f"INSERT INTO span SELECT started_at / {QUARTER}, min(id), max(id) FROM activity WHERE id > ? AND id <= ?"  # noqa: S608
        " GROUP BY 1 ON CONFLICT (begins) DO UPDATE"
        " SET first = min(first, excluded.first), last = max(last, excluded.last)",
        (mark, until),
    )
    connection.execute("UPDATE mark SET last = ?", (until,))
    return until < most and first_open is None


def take_out(connection: sqlite3.Connection, ids: str, values: Sequence[int]) -> None:
    """Rows are about to be deleted: those whose numbers a query gives."""
    mark = mark_of(connection)
    if not mark:
        return
    _add(connection, f"id IN ({ids}) AND id <= ?", (*values, mark), "-")
    gone = f"SELECT started_at / {QUARTER} FROM activity WHERE id IN ({ids})"  # noqa: S608
    empty = f"SELECT begins FROM quarter WHERE begins IN ({gone}) GROUP BY begins HAVING sum(calls) <= 0"  # noqa: S608
    for table in ("span", "quarter"):
        connection.execute(f"DELETE FROM {table} WHERE begins IN ({empty})", values)  # noqa: S608


def settle(connection: sqlite3.Connection) -> None:
    """Rows were deleted: numbers begin anew when the last one goes."""
    connection.execute("UPDATE mark SET last = min(last, (SELECT coalesce(max(id), 0) FROM activity))")


@contextmanager
def changing(connection: sqlite3.Connection, row: int) -> Iterator[None]:
    """A closed row is changed in the block, not when it began: what is kept added up follows it."""
    known = row <= mark_of(connection)
    if known:
        _add(connection, "id = ?", (row,), "-")
    yield
    if known:
        _add(connection, "id = ?", (row,), "+")


def extent(connection: sqlite3.Connection) -> tuple[int, int]:
    """Moments between which all rows began, as near as a quarter-hour; the same one twice when there is no row."""
    sql = (
        f"SELECT coalesce(min(first), 0), coalesce(max(last), 0) FROM (SELECT min(begins) * {QUARTER} AS first,"  # noqa: S608
        f" (max(begins) + 1) * {QUARTER} AS last FROM span UNION ALL"
        " SELECT min(started_at), max(started_at) FROM activity WHERE id > ?)"
    )
    first, last = connection.execute(sql, (mark_of(connection),)).fetchone()
    return first, last


def edges(connection: sqlite3.Connection, moments: Iterable[int | None]) -> list[tuple[int, int, int]]:
    """The quarters in which one of the moments lies, but for their beginning: begin, first row, last row."""
    inside = {moment // QUARTER for moment in moments if moment is not None and moment % QUARTER}
    wanted = ", ".join("?" * len(inside))
    sql = f"SELECT begins, first, last FROM span WHERE begins IN ({wanted})"  # noqa: S608 - numbers alone
    return connection.execute(sql, [*inside]).fetchall()


def _add(connection: sqlite3.Connection, where: str, values: Sequence[int], sign: str) -> None:
    """Add rows to the sums, or their opposite: several lines of the same quarter add up like one.

    The rows are looked at once, and what is alike of them is added to all sums: nobody else writes meanwhile.
    """
    with tallies.alike(connection, where, values, sign):
        connection.execute(
            f"INSERT INTO quarter SELECT begins, {_KEYS}, {tallies.OF_ALIKE} FROM temp.alike"  # noqa: S608
            f" GROUP BY begins, {_KEYS}"
        )
        tallies.add(connection, sign)
    tallies.add_durations(connection, where, values, sign)
