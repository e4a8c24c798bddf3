"""`limits.db`: its tables, and each step on them as one function. All run inside a transaction."""

import sqlite3
from collections.abc import Collection

from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.windows import DAY
from agentos_runtime.storage.sqlite.files import Schema

MINUTE = 60.0
KEPT = 9 * DAY
"""Seconds for which counters are kept: longer than the longest window."""

SCHEMA = Schema(
    (
        """
CREATE TABLE counter (
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    begins INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (subject, name, begins)
) STRICT, WITHOUT ROWID;
CREATE TABLE tick (
    subject TEXT NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (subject, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,
    reserved INTEGER NOT NULL
) STRICT;
""",
        """
ALTER TABLE slot ADD COLUMN utility TEXT NOT NULL DEFAULT '';
ALTER TABLE slot ADD COLUMN paid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE slot ADD COLUMN at REAL NOT NULL DEFAULT 0;
ALTER TABLE slot ADD COLUMN row INTEGER;
""",
    )
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A call under way, to be charged when it ends."""

    agent: str
    owner: str
    reserved: int
    utility: str
    paid: bool
    at: float
    """Epoch seconds at which it was let in."""
    row: int | None
    """Its number in the ledger."""


_SLOT = ", ".join(Slot.__dataclass_fields__)


def amount(connection: sqlite3.Connection, subject: str, name: str, begins: int) -> int | None:
    """None when this window was not begun."""
    row = connection.execute(
        "SELECT amount FROM counter WHERE subject = ? AND name = ? AND begins = ?", (subject, name, begins)
    ).fetchone()
    return None if row is None else row[0]


def begin(connection: sqlite3.Connection, subject: str, name: str, begins: int, spent: int) -> None:
    """Begin a window with what was spent in it before; does nothing when another process was faster."""
    connection.execute("INSERT OR IGNORE INTO counter VALUES (?, ?, ?, ?)", (subject, name, begins, spent))


def add(connection: sqlite3.Connection, subject: str, name: str, begins: int, more: int) -> int | None:
    """The new amount; None when the window was not begun: whoever begins it reads the ledger."""
    row = connection.execute(
        "UPDATE counter SET amount = amount + ? WHERE subject = ? AND name = ? AND begins = ? RETURNING amount",
        (more, subject, name, begins),
    ).fetchone()
    return None if row is None else row[0]


def raise_to(connection: sqlite3.Connection, subject: str, name: str, begins: int, value: int) -> None:
    """Keep the largest."""
    connection.execute(
        "INSERT INTO counter VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = max(amount, excluded.amount)",
        (subject, name, begins, value),
    )


def last_number(connection: sqlite3.Connection, subject: str) -> int:
    """The number of the last call that was let in; 0 before the first."""
    row = connection.execute(
        "SELECT number FROM tick WHERE subject = ? ORDER BY number DESC LIMIT 1", (subject,)
    ).fetchone()
    return 0 if row is None else row[0]


def full_until(connection: sqlite3.Connection, subject: str, most: int, now: float) -> float | None:
    """When the second of the oldest of the last `most` calls is a minute old; None when it is, or there were fewer.

    A second counts until all of it is over, as in the database that replicas share, which keeps numbers of seconds.
    """
    row = connection.execute(
        "SELECT at FROM tick WHERE subject = ? AND number = ?",
        (subject, last_number(connection, subject) + 1 - most),
    ).fetchone()
    # A tick from the future was written before the clock was set back: it says nothing.
    until = None if row is None else float(row[0] // 1 + 1 + MINUTE)
    return until if until is not None and now < until <= now + 2 * MINUTE else None


def tick(connection: sqlite3.Connection, subject: str, most: int, now: float) -> None:
    """Note a call; only the last `most` are kept."""
    number = last_number(connection, subject) + 1
    connection.execute("INSERT INTO tick VALUES (?, ?, ?)", (subject, number, now))
    connection.execute("DELETE FROM tick WHERE subject = ? AND number <= ?", (subject, number - most))


def calls_within_a_minute(connection: sqlite3.Connection, subject: str, now: float) -> int:
    row = connection.execute(
        "SELECT count(*) FROM tick WHERE subject = ? AND at >= ?", (subject, now // 1 - MINUTE)
    ).fetchone()
    calls: int = row[0]
    return calls


def slots(connection: sqlite3.Connection, agent: str | None) -> tuple[int, int]:
    """Calls under way and the money reserved for them; of all agents when None."""
    sql = "SELECT count(*), coalesce(sum(reserved), 0) FROM slot"
    row = connection.execute(sql) if agent is None else connection.execute(f"{sql} WHERE agent = ?", (agent,))
    calls, reserved = row.fetchone()
    return calls, reserved


def take_slot(connection: sqlite3.Connection, slot: Slot) -> int:
    """Its id."""
    cursor = connection.execute(
        f"INSERT INTO slot ({_SLOT}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names of this file
        (slot.agent, slot.owner, slot.reserved, slot.utility, slot.paid, slot.at, slot.row),
    )
    return cursor.lastrowid or 0


def free_slot(connection: sqlite3.Connection, slot: int) -> None:
    connection.execute("DELETE FROM slot WHERE id = ?", (slot,))


def slots_of_the_dead(connection: sqlite3.Connection, alive: Collection[str]) -> dict[int, Slot]:
    """Slots by their ids; `alive`: the owners that are."""
    found = connection.execute(f"SELECT id, {_SLOT} FROM slot").fetchall()  # noqa: S608 - names of this file
    return {number: Slot(*rest) for number, *rest in found if rest[1] not in alive}


def open_rows(connection: sqlite3.Connection) -> frozenset[int]:
    """Numbers in the ledger of the calls that are yet to be charged."""
    return frozenset(row for (row,) in connection.execute("SELECT row FROM slot WHERE row IS NOT NULL"))


def forget_the_past(connection: sqlite3.Connection, now: float) -> None:
    """Drop windows and minutes that are over."""
    connection.execute("DELETE FROM counter WHERE begins < ?", (int(now - KEPT),))
    connection.execute("DELETE FROM tick WHERE at < ?", (now // 1 - MINUTE,))
