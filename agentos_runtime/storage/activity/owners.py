"""Whose rows are whose: the open rows of processes that died are told from those of living ones."""

import sqlite3
from pathlib import Path

from agentos_runtime.storage.liveness import living


def enter(connection: sqlite3.Connection, name: str) -> None:
    """Note after which row the rows of an owner begin."""
    connection.execute(
        "INSERT OR IGNORE INTO owner (name, after) VALUES (?, (SELECT coalesce(max(id), 0) FROM activity))", (name,)
    )


def leave(connection: sqlite3.Connection, name: str) -> None:
    """Forget an owner all whose rows are closed."""
    connection.execute("DELETE FROM owner WHERE name = ?", (name,))


def interrupt_the_dead(connection: sqlite3.Connection, ledger: Path) -> None:
    """The open rows of owners that are no more become `interrupted`; those of living ones stay."""
    known = connection.execute("SELECT name, after FROM owner").fetchall()
    alive = living(ledger)  # asked last: an owner holds its mark before it is known
    for name, after in known:
        if name not in alive:
            connection.execute(
                "UPDATE activity SET outcome = 'interrupted' WHERE id > ? AND outcome IN ('started', 'waiting')"
                " AND owner = ?",
                (after, name),
            )
            leave(connection, name)
