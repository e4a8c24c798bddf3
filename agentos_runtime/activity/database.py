"""The ledger's SQLite file: its schema, and how it is opened."""

import os
import sqlite3
from pathlib import Path

from agentos_runtime.private_database import BUSY_WAIT, NewerFile, Schema, configure, connect, open_private

PAGE_SIZE = 1024
"""Bytes. A commit writes whole pages, and a row is small: a call costs a third less than with 4,096."""

# No index but the key: each costs every call a tenth more, and without one the slowest read of a million rows takes
# a thread about a second. `owner` says after which row the rows of a living process begin.
_TABLES = """
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
SCHEMA = Schema(1, _TABLES, PAGE_SIZE)


class LedgerRefused(Exception):
    """The ledger's file was written by a newer version of this program; the message says what to do."""


def open_for_writing(file: Path, *, wait: float) -> sqlite3.Connection:
    """A connection that waits `wait` seconds for other writers; makes folder, file (0600) and schema when missing.

    Raises LedgerRefused, sqlite3.Error, OSError and PrivateFileError.
    """
    try:
        return open_private(file, SCHEMA, wait=wait)
    except NewerFile as error:
        raise LedgerRefused(str(error)) from None


def open_for_waiting(file: Path) -> sqlite3.Connection:
    """A second connection for the thread that may wait: for another writer, for a checkpoint."""
    connection = connect(os.fspath(file))
    configure(connection, SCHEMA, BUSY_WAIT)
    return connection


def open_for_reading(file: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error."""
    connection = connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_WAIT * 1000)}")
    return connection
