"""`idempotency.db`: answers that may be given again. It holds payloads, which the ledger never does."""

import secrets
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.sqlite.files import Schema

SCHEMA = Schema(
    (
        """
CREATE TABLE answer (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,
    owner TEXT NOT NULL,
    at REAL NOT NULL,
    body BLOB,
    content_type TEXT,
    more INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX answer_at ON answer (at);
""",
        "ALTER TABLE answer ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;",
        "ALTER TABLE answer ADD COLUMN place TEXT;",
    )
)
NOBODY = ""
"""The owner of a call whose end nobody knows any more."""
DROPPED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """A call: whose key it has, and what it asks. Both are SHA-256; the key itself is not kept."""

    id: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known under a key; `body` is None while its owner makes the call, or when it left no answer."""

    fingerprint: bytes
    owner: str
    body: bytes | None = field(repr=False)
    content_type: str | None
    """None: the body is the reply's JSON."""
    more: int = 0
    """1: a list that goes on."""
    place: str | None = None
    """The position at which it goes on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer of a call, as it is given again."""

    body: bytes = field(repr=False)
    content_type: str | None
    more: bool
    place: str | None = None


def find(connection: sqlite3.Connection, identity: Identity) -> Stored | None:
    row = connection.execute(
        "SELECT fingerprint, owner, body, content_type, more, place FROM answer WHERE id = ?", (identity.id,)
    ).fetchone()
    return None if row is None else Stored(*row)


def claim(connection: sqlite3.Connection, identity: Identity, owner: str, now: float) -> int:
    """The call under this key is now this owner's to make. Gives the fence: no other claim has it."""
    fence = secrets.randbits(62)
    connection.execute(
        "INSERT OR REPLACE INTO answer (id, fingerprint, owner, at, fence) VALUES (?, ?, ?, ?, ?)",
        (identity.id, identity.fingerprint, owner, now, fence),
    )
    return fence


def keep(connection: sqlite3.Connection, identity: Identity, fence: int, answer: Answer, now: float) -> None:
    """Keep an answer; nothing happens when the call has been claimed anew."""
    connection.execute(
        "UPDATE answer SET body = ?, content_type = ?, more = ?, place = ?, at = ? WHERE id = ? AND fence = ?",
        (answer.body, answer.content_type, answer.more, answer.place, now, identity.id, fence),
    )


def forget(connection: sqlite3.Connection, identity: Identity, fence: int) -> None:
    """The call was not made, or failed: the next one with this key is made."""
    connection.execute("DELETE FROM answer WHERE id = ? AND fence = ?", (identity.id, fence))


def leave_unknown(connection: sqlite3.Connection, identity: Identity, fence: int, now: float) -> None:
    """The call may have been made, and has no answer."""
    connection.execute(
        "UPDATE answer SET owner = ?, at = ? WHERE id = ? AND fence = ?", (NOBODY, now, identity.id, fence)
    )


def forget_older(connection: sqlite3.Connection, moment: float, living: Callable[[], Collection[str]]) -> None:
    """Drop what is older; calls that a living owner is still making stay."""
    connection.execute("DELETE FROM answer WHERE at < ? AND body IS NOT NULL", (moment,))
    owners = connection.execute("SELECT DISTINCT owner FROM answer WHERE at < ?", (moment,)).fetchall()
    for (owner,) in owners:
        if owner not in living():
            connection.execute("DELETE FROM answer WHERE at < ? AND owner = ?", (moment, owner))


def make_room(connection: sqlite3.Connection, entries: int, size: int) -> None:
    """Drop the oldest answers beyond so many, or so many bytes."""
    sums = "SELECT count(*), coalesce(sum(length(body)), 0) FROM answer WHERE body IS NOT NULL"
    while True:
        count, held = connection.execute(sums).fetchone()
        if count <= entries and held <= size:
            return
        surplus = min(max(1, count - entries), DROPPED_AT_ONCE)
        connection.execute(
            "DELETE FROM answer WHERE number IN"
            " (SELECT number FROM answer WHERE body IS NOT NULL ORDER BY at LIMIT ?)",
            (surplus,),
        )
