"""Which processes are alive: each holds the lock of a file of its own, which the kernel takes from the dead."""

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path

from agentos_runtime.private_files import try_lock


class Owner:
    """This process's mark beside a ledger; rows carry its `name`. Raises OSError when it cannot be made."""

    def __init__(self, ledger: Path) -> None:
        while True:
            self.name = secrets.token_hex(8)
            self._path = _path(ledger, self.name)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if try_lock(self._descriptor) and self._path.exists():
                return
            os.close(self._descriptor)  # taken for a dead one's before it was locked

    def release(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


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
    living = _living(ledger)  # asked last: an owner holds its mark before it is known
    for name, after in known:
        if name not in living:
            connection.execute(
                "UPDATE activity SET outcome = 'interrupted' WHERE id > ? AND outcome = 'started' AND owner = ?",
                (after, name),
            )
            leave(connection, name)


def _living(ledger: Path) -> frozenset[str]:
    """The names that are held; the marks of the dead are removed."""
    prefix = _path(ledger, "").name
    return frozenset(mark.name.removeprefix(prefix) for mark in ledger.parent.glob(f"{prefix}*") if _is_held(mark))


def _is_held(mark: Path) -> bool:
    try:
        descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return mark.exists()
    try:
        if not try_lock(descriptor):
            return True
        mark.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _path(ledger: Path, name: str) -> Path:
    return ledger.parent / f"{ledger.name}-owner-{name}"
