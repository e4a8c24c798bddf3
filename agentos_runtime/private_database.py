"""SQLite files of mode 0600 that several processes share: how they are opened."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agentos_runtime.private_files import ensure_private_file, make_private_folder

BUSY_WAIT = 5.0
"""Seconds to wait for another process that is writing."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a file, as statements ended by `;`, and the version they are."""

    version: int
    tables: str
    page_size: int = 4096


class NewerFile(Exception):
    """The file was written by a newer version of this program; the message says what to do."""


def open_private(file: Path, schema: Schema, *, wait: float) -> sqlite3.Connection:
    """A connection that waits `wait` seconds for other writers; makes folder, file (0600) and schema when missing.

    SQLite gives its `-wal` and `-shm` files the mode of the main file. Raises NewerFile, sqlite3.Error, OSError and
    PrivateFileError.
    """
    make_private_folder(file.parent)
    ensure_private_file(file)
    connection = connect(os.fspath(file))
    try:
        _prepare(connection, file, schema, wait)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(database: str, *, uri: bool = False) -> sqlite3.Connection:
    """A connection as it comes: every statement a transaction of its own, usable from any thread."""
    return sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=BUSY_WAIT, uri=uri)


def configure(connection: sqlite3.Connection, schema: Schema, wait: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    connection.execute(f"PRAGMA page_size = {schema.page_size}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint syncs to disk: not on the event loop


def is_busy(error: BaseException) -> bool:
    """Whether another connection is writing at this very moment."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _prepare(connection: sqlite3.Connection, file: Path, schema: Schema, wait: float) -> None:
    configure(connection, schema, wait)
    if _version(connection) == 0:
        _create(connection, schema)
    if (version := _version(connection)) > schema.version:
        raise NewerFile(
            f"{file} was written by a newer agentos-runtime (schema {version}, this one knows {schema.version}): "
            "update agentos-runtime, or move the file away"
        )


def _create(connection: sqlite3.Connection, schema: Schema) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) == 0:  # another process may have been faster
            for statement in filter(str.strip, schema.tables.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {schema.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
