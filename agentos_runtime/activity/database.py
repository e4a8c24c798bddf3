"""The ledger's SQLite file: its schema, and how it is opened."""

import os
import sqlite3
from pathlib import Path

from agentos_runtime.private_files import ensure_private_file, make_private_folder

SCHEMA_VERSION = 1
BUSY_WAIT = 5.0
"""Seconds to wait for another process that is writing."""

PAGE_SIZE = 1024
"""Bytes. A commit writes whole pages, and a row is small: a call costs a third less than with 4,096."""

# No index but the key: each costs every call a tenth more, and without one the slowest read of a million rows takes
# a thread about a second. `owner` says after which row the rows of a living process begin.
_SCHEMA = """
CREATE TABLE activity (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    utility TEXT NOT NULL,
    owner TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    status INTEGER,
    upstream_status INTEGER,
    duration_ms REAL,
    upstream_ms REAL,
    model TEXT,
    provider TEXT,
    generation_id TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost REAL
) STRICT;
CREATE TABLE owner (
    name TEXT PRIMARY KEY,
    after INTEGER NOT NULL
) STRICT;
"""


class LedgerRefused(Exception):
    """The ledger's file was written by a newer version of this program; the message says what to do."""


def open_for_writing(file: Path, *, wait: float) -> sqlite3.Connection:
    """A connection that waits `wait` seconds for other writers; makes folder, file (0600) and schema when missing.

    SQLite gives its `-wal` and `-shm` files the mode of the main file. Raises LedgerRefused, sqlite3.Error, OSError
    and PrivateFileError.
    """
    make_private_folder(file.parent)
    ensure_private_file(file)
    connection = _connect(os.fspath(file))
    try:
        _prepare(connection, file, wait)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_waiting(file: Path) -> sqlite3.Connection:
    """A second connection for the thread that may wait: for another writer, for a checkpoint."""
    connection = _connect(os.fspath(file))
    _configure(connection, BUSY_WAIT)
    return connection


def open_for_reading(file: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error."""
    connection = _connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_WAIT * 1000)}")
    return connection


def _connect(database: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=BUSY_WAIT, uri=uri)


def _prepare(connection: sqlite3.Connection, file: Path, wait: float) -> None:
    _configure(connection, wait)
    if _version(connection) == 0:
        _create(connection)
    if (version := _version(connection)) > SCHEMA_VERSION:
        raise LedgerRefused(
            f"{file} was written by a newer agentos-runtime (schema {version}, this one knows {SCHEMA_VERSION}): "
            "update agentos-runtime, or move the file away"
        )


def _configure(connection: sqlite3.Connection, wait: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint syncs to disk: not on the event loop


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) == 0:  # another process may have been faster
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
