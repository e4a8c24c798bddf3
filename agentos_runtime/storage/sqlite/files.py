"""SQLite files of mode 0600 that several processes share: the one class through which the runtime opens any.

POSIX drops all locks that a process has on a file when *any* of its descriptors of that file is closed. A file that
is there is therefore never opened but through SQLite, which knows that: otherwise another process takes itself for
the last one, deletes the `-wal` file under this one, and committed rows are lost.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.private_files import (
    PrivateFileError,
    check_only_name,
    make_private_file,
    make_private_folder,
    newer_than_known,
)

T = TypeVar("T")

BUSY_WAIT = 5.0
"""Seconds to wait for another process that is writing."""
KEPT_WAL = 1024 * 1024
"""Bytes to which a `-wal` file shrinks when it begins again."""
SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a file; they get its mode."""

Place: TypeAlias = tuple[int, int]
"""Which file it is, wherever it stands: device and inode."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a file as they came to be: step n leads from version n to n + 1.

    A step is statements ended by `;` and runs in one transaction. A step that was released never changes.
    """

    steps: Sequence[str]
    page_size: int = 4096

    @property
    def version(self) -> int:
        return len(self.steps)


class DatabaseTrouble(Exception):
    """A file cannot be opened, read or written; the message names it and says why and what to do."""


class DatabaseAway(DatabaseTrouble):
    """The database that replicas share cannot be reached now; what was asked of it may have been done."""


class NewerFile(DatabaseTrouble):
    """The file was written by a newer version of this program."""


FAILURES = (sqlite3.Error, OSError, PrivateFileError, DatabaseTrouble)
"""What opening and using a file may raise; `trouble` makes a sentence of each."""


class PrivateDatabase:
    """One file, its tables of this program's version."""

    def __init__(self, file: Path, schema: Schema) -> None:
        self.file = file
        self.schema = schema
        self._name = os.fspath(file)

    def open(self, *, wait: float = BUSY_WAIT) -> sqlite3.Connection:
        """A connection that waits `wait` seconds for other writers; makes what is missing, folder and tables too.

        Brings an older file up to date. Every statement is a transaction of its own unless one is begun; usable
        from any thread. Raises one of FAILURES.
        """
        make_private_folder(self.file.parent)
        make_private_file(self.file)
        self._narrow_side_files()
        connection = self._connect("rw", wait)
        try:
            self._refuse_newer(connection)
            self._configure(connection, wait)
            self._bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def read(self) -> sqlite3.Connection | None:
        """A connection that cannot write; None when there is no file. Raises one of FAILURES.

        An older file is brought up to date first.
        """
        try:
            connection = self._connect("ro", BUSY_WAIT)
        except FileNotFoundError:
            return None
        try:
            if _version(connection) < self.schema.version:
                self.open().close()
            self._refuse_newer(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def check_version(self) -> None:
        """Raises NewerFile; says nothing of a file that is not there or cannot be read."""
        with suppress(sqlite3.Error, OSError, PrivateFileError), closing(self._connect("ro", BUSY_WAIT)) as found:
            self._refuse_newer(found)

    def check(self) -> None:
        """Look at a file that is there, and change nothing. Raises one of FAILURES for what cannot be used."""
        with suppress(FileNotFoundError), closing(self._connect("ro", BUSY_WAIT)) as found:
            self._refuse_newer(found)
            found.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def place(self) -> Place | None:
        """One `lstat`; differs when the file was replaced. None when it is not there."""
        try:
            status = os.lstat(self._name)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def wal_size(self) -> int:
        """Bytes of the `-wal` file; what they hold may have been moved into the main file."""
        try:
            return os.lstat(f"{self._name}-wal").st_size
        except OSError:
            return 0

    def trouble(self, error: Exception) -> DatabaseTrouble:
        """One of FAILURES as a sentence that names the file."""
        if isinstance(error, DatabaseTrouble):
            return error
        if isinstance(error, PrivateFileError):
            return DatabaseTrouble(str(error))
        if isinstance(error, OSError):
            return DatabaseTrouble(f"{self.file} cannot be used: {error.strerror or error}")
        code = getattr(error, "sqlite_errorcode", None)
        advice = _ADVICE.get(code & 0xFF) if code is not None else None
        return DatabaseTrouble(f"{self.file} cannot be used: {error}{f': {advice}' if advice else ''}")

    def _connect(self, mode: str, wait: float) -> sqlite3.Connection:
        check_only_name(self.file, os.lstat(self._name))
        # Neither mode lets SQLite make the file: others could read it.
        uri = f"{self.file.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=wait)

    def _configure(self, connection: sqlite3.Connection, wait: float) -> None:
        if _version(connection) == 0:  # these are for a file without a page yet
            connection.execute(f"PRAGMA page_size = {self.schema.page_size}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _switch_to_wal(connection, time.monotonic() + wait)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {KEPT_WAL}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint syncs to disk: not on the event loop

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        while (version := _version(connection)) < self.schema.version:
            with transaction(connection):
                if _version(connection) == version:  # another process may have been faster
                    for statement in filter(str.strip, self.schema.steps[version].split(";")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {version + 1}")
        self._refuse_newer(connection)

    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        if (version := _version(connection)) > self.schema.version:
            raise NewerFile(newer_than_known(self.file, version, self.schema.version))

    def _narrow_side_files(self) -> None:
        for suffix in SIDE_FILES:
            path = self.file.with_name(self.file.name + suffix)
            with suppress(FileNotFoundError):
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode):
                    raise PrivateFileError(f"{path} is not a regular file: move it away")
                if status.st_mode & 0o077:
                    path.chmod(0o600)


def in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """What the work gives; it is done alone among all processes, and whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return done


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """The same for what is done in the block."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def is_busy(error: BaseException) -> bool:
    """Whether another connection is writing at this very moment."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def copy_of_one_moment(databases: Mapping[str, PrivateDatabase], folder: Path) -> tuple[str, ...]:
    """Copy the files that are there into `folder` under their names here, all as they are at one moment.

    Nobody writes for that moment (some microseconds); while the copies are made everybody does. Gives the names.
    Raises DatabaseTrouble.
    """
    with ExitStack() as stack:
        readers: dict[str, sqlite3.Connection] = {}
        with ExitStack() as writers:
            for database in (each for each in databases.values() if each.place() is not None):
                with _said(database):
                    writers.enter_context(transaction(writers.enter_context(closing(database.open()))))
            for name, database in databases.items():
                with _said(database):
                    reader = database.read()
                    if reader is not None:
                        readers[name] = stack.enter_context(closing(reader))
                        reader.execute("BEGIN")
                        reader.execute(
                            "SELECT count(*) FROM sqlite_schema"
                        ).fetchone()  # from here on it stands still
        for name, reader in readers.items():
            with _said(databases[name]):
                _copy(reader, folder / name)
    return tuple(readers)


def _copy(source: sqlite3.Connection, file: Path) -> None:
    make_private_file(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        try:
            source.backup(target)
            (found,) = target.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _NOT_WRITTEN:
                raise
            text = f"the copy of {file.name} could not be written: {error}: make room on the disk that it goes to"
            raise DatabaseTrouble(text) from None
    if found != "ok":
        raise DatabaseTrouble(f"the copy for {file.name} is damaged, so the file itself may be: {found}")


@contextmanager
def _said(database: PrivateDatabase) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise database.trouble(error) from None


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Only who is alone may switch a new file over, and SQLite does not wait for that."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(0.002)


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


_NOT_WRITTEN = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
"""Where a file is copied that was read a moment before, these are about the copy."""
_ADVICE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "the folder or the disk cannot be written; make it writable",
    sqlite3.SQLITE_CANTOPEN: "look whether its folder is there and can be written",
    sqlite3.SQLITE_IOERR: "look whether the disk is full or broken",
    sqlite3.SQLITE_NOTADB: "move it away together with its -wal file, or put a backup in its place",
    sqlite3.SQLITE_CORRUPT: "move it away together with its -wal file, or put a backup in its place",
    sqlite3.SQLITE_BUSY: "another process has been writing for too long; try again",
}
