"""Small documents that all replicas share, each in place of a private file of the home: read whole, copied here.

A change is made alone among all who change, and lies on the database's disk when it returns.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.private_files import Contents, PrivateFile, PrivateFileError, Stamp
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

COPY_HOLDS = 0.5
"""Seconds, where nobody tells of changes."""
_TRIES = 50


class Documents:
    """The copies of this process. followed: somebody hands on what changed, so nothing is asked for."""

    def __init__(self, side: SideConnection, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.side = side
        self.followed = False
        self.seen = 0
        """The newest version of which anything is known here."""
        self._copies: dict[str, Contents] = {}
        self._monotonic = monotonic
        self._read_at = float("-inf")
        self.clock: Callable[[], float] | None = None
        """Epoch seconds on the database's clock, once it is known here."""

    def named(self, name: str) -> "SharedDocument":
        return SharedDocument(self, name)

    def take(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        """Documents that changed: name, version, text."""
        for name, version, data in rows:
            known = self._copies.get(name)
            if known is None or known.stamp < (version,):  # what was changed here may be newer than what was read
                self._copies[name] = Contents(bytes(data), (version,))
            self.seen = max(self.seen, version)

    def copy(self, name: str) -> Contents | None:
        """Raises DatabaseTrouble where nobody follows and the database is away."""
        if not self.followed and self._monotonic() - self._read_at > COPY_HOLDS:
            rows = self.side.execute(CHANGED, (self.seen,)).fetchall()
            self.take((row[2], row[3], row[4]) for row in rows if row[2] is not None)
            self._read_at = self._monotonic()
        return self._copies.get(name)

    def now(self) -> float:
        """Epoch seconds on the database's clock, or on this machine's where the database cannot be asked."""
        if self.clock is None:
            try:
                began = self._monotonic()
                told = int(self.side.execute("SELECT moment()").fetchone()[0]) / 1000
            except DatabaseTrouble:
                return time.time()
            offset = told - (began + self._monotonic()) / 2
            self.clock = lambda: offset + self._monotonic()
        return self.clock()

    def change(self, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Raises DatabaseTrouble, and what `change` raises."""
        for _ in range(_TRIES):
            row = self.side.execute("SELECT version, data FROM document WHERE name = ?", (name,)).fetchone()
            old, data = (row[0], bytes(row[1])) if row else (0, None)
            text = change(data)
            version = self.side.execute("SELECT put_document_v1(?, ?, ?)", (name, old, text)).fetchone()[0]
            if version is not None:
                self._copies[name] = Contents(text, (version,))
                return
        raise DatabaseTrouble(f"{name} in the database is changed by others all the time; try again")


class SharedDocument(PrivateFile):
    """One of them, in place of the file."""

    def __init__(self, documents: Documents, name: str) -> None:
        super().__init__(Path("database") / name)
        self._documents = documents
        self._name = name

    def stamp(self) -> Stamp | None:
        """Its version; no query where somebody follows."""
        try:
            copy = self._documents.copy(self._name)
        except DatabaseTrouble:
            return (-1,)
        return None if copy is None else copy.stamp

    def glance(self) -> Stamp | None:
        """The same."""
        return self.stamp()

    def now(self) -> float:
        """On the database's clock."""
        return self._documents.now()

    def read(self) -> Contents | None:
        """Raises PrivateFileError."""
        try:
            return self._documents.copy(self._name)
        except DatabaseTrouble as error:
            raise PrivateFileError(f"{self.path} cannot be read: {error}") from None

    def update(self, change: Callable[[bytes | None], bytes]) -> None:
        """Replace the text by what `change` makes of it; it may be asked again. Raises PrivateFileError."""
        try:
            self._documents.change(self._name, change)
        except DatabaseTrouble as error:
            raise PrivateFileError(f"{self.path} could not be changed: {error}") from None

    def sweep(self) -> None:
        """Nothing is left behind here."""


def open_documents(settings: Settings) -> Documents:
    """Those of the settings' database; it is connected to when it is first needed. Raises SettingsError."""
    return Documents(SideConnection(address_of(settings)))


def address_of(settings: Settings) -> Address:
    """Raises SettingsError."""
    assert settings.database is not None
    try:
        return Address.of(settings.database, settings.database_password_file)
    except DatabaseTrouble as error:
        raise SettingsError(str(error)) from None


CHANGED = (
    "SELECT o.rules, o.documents, d.name, d.version, d.data FROM standing_orders o"
    " LEFT JOIN document d ON d.version > ?"
)
"""Which limits hold, and what documents changed since a version, as they are at one moment."""
