"""`idempotency.db`: answers that may be given again. It holds payloads, which the ledger never does."""

import sqlite3
from dataclasses import dataclass, field

from agentos_runtime.private_database import Schema

SCHEMA = Schema(
    1,
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
)
DROPPED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """A call: whose key it has, and what it asks. Both are SHA-256; the key itself is not kept."""

    id: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known under a key; `body` is None while the first call is under way."""

    fingerprint: bytes
    owner: str
    body: bytes | None = field(repr=False)
    content_type: str | None
    """None: the body is the reply's JSON."""
    more: int = 0
    """1: a list that goes on."""


def find(connection: sqlite3.Connection, identity: Identity) -> Stored | None:
    row = connection.execute(
        "SELECT fingerprint, owner, body, content_type, more FROM answer WHERE id = ?", (identity.id,)
    ).fetchone()
    return None if row is None else Stored(*row)


def claim(connection: sqlite3.Connection, identity: Identity, owner: str, now: float) -> None:
    """The call under this key is now this owner's to make; whoever had it is dead."""
    connection.execute(
        "INSERT OR REPLACE INTO answer (id, fingerprint, owner, at) VALUES (?, ?, ?, ?)",
        (identity.id, identity.fingerprint, owner, now),
    )


def keep(
    connection: sqlite3.Connection,
    identity: Identity,
    body: bytes,
    content_type: str | None,
    more: bool,
    now: float,
) -> None:
    connection.execute(
        "UPDATE answer SET body = ?, content_type = ?, more = ?, at = ? WHERE id = ?",
        (body, content_type, more, now, identity.id),
    )


def forget(connection: sqlite3.Connection, identity: Identity) -> None:
    """The call gave nothing to keep: the next one with this key is made."""
    connection.execute("DELETE FROM answer WHERE id = ? AND body IS NULL", (identity.id,))


def forget_older(connection: sqlite3.Connection, moment: float) -> None:
    connection.execute("DELETE FROM answer WHERE at < ? AND body IS NOT NULL", (moment,))


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
