"""The database's tables and functions: numbered SQL files, applied by `agentos database migrate` alone."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.postgres.driver import SCHEMA, Refused
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.version import __version__

PARTITIONS_AHEAD = 4
_TURN = 84
_OLDEST = 150000
"""PostgreSQL 15."""
_BEGINNING = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
SET search_path = {SCHEMA};
CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    version text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class WrongSchema(DatabaseTrouble):
    """The database is not as this program needs it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: applied once, in one transaction, and never changed after it was released."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Status:
    """What was applied, and what is still to be."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def migrations() -> tuple[Migration, ...]:
    """Those of this program, in order."""
    found = sorted(
        (each for each in (files(__package__) / "sql").iterdir() if each.name.endswith(".sql")),
        key=lambda each: each.name,
    )
    return tuple(
        Migration(int(each.name[:4]), each.name.removesuffix(".sql"), each.read_text(encoding="utf-8"))
        for each in found
    )


def migrate(
    side: SideConnection, known: Sequence[Migration] | None = None, *, partitions: bool = True
) -> tuple[str, ...]:
    """Bring the database up to date, alone among all who try; the names of what was applied.

    partitions: those of the coming weeks are made too. Raises DatabaseTrouble.
    """
    known = migrations() if known is None else known
    done: list[str] = []
    for each in known:
        with side.transaction(_TURN):
            side.script(_BEGINNING)
            if each.number in _applied(side, known):
                continue
            side.script(each.text)
            side.execute(
                "INSERT INTO migration (number, name, sha256, version) VALUES (?, ?, ?, ?)",
                (each.number, each.name, each.digest, __version__),
            )
            done.append(each.name)
    if partitions:
        side.execute("SELECT make_partitions_v1(?)", (PARTITIONS_AHEAD,))
    return tuple(done)


def status(side: SideConnection) -> Status:
    """Raises DatabaseTrouble, also for a database of a newer program and for a file that was changed."""
    known = migrations()
    applied = _applied(side, known)
    return Status(
        tuple(each.name for each in known if each.number in applied),
        tuple(each.name for each in known if each.number not in applied),
    )


def check(side: SideConnection) -> None:
    """Raises WrongSchema when a server cannot work with the database as it is, and DatabaseTrouble."""
    version = int(side.execute("SELECT current_setting('server_version_num')").fetchone()[0])
    if version < _OLDEST:
        raise WrongSchema(f"the database is PostgreSQL {version // 10000}, and 15 or newer is needed")
    if pending := status(side).pending:
        raise WrongSchema(
            f"the database lacks {', '.join(pending)}: run agentos database migrate, then start again"
        )


def _applied(side: SideConnection, known: Sequence[Migration]) -> frozenset[int]:
    try:
        rows = side.execute("SELECT number, name, sha256, version FROM migration ORDER BY number").fetchall()
    except Refused as error:
        if error.state not in ("42P01", "3F000"):
            raise
        return frozenset()
    by_number = {each.number: each for each in known}
    for number, name, digest, version in rows:
        mine = by_number.get(number)
        if mine is None:
            raise WrongSchema(
                f"the database was migrated by a newer agentos ({version}): {name} is not known to {__version__}. "
                "Install that version, or a newer one"
            )
        if mine.digest != digest:
            raise WrongSchema(
                f"{name} was applied by agentos {version} with another text than this program has: "
                "install the version that the database was migrated by"
            )
    return frozenset(row[0] for row in rows)
