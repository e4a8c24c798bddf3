"""The database's tables and functions: numbered SQL files, applied by `agentos database migrate` alone."""

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
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
ALTER TABLE migration ADD COLUMN IF NOT EXISTS works_from integer;
"""
_WORKS_FROM = regex(r"^-- Works with programs from (\d{4}) on\.$", re.MULTILINE)


class WrongSchema(DatabaseTrouble):
    """The database is not as this program needs it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: applied once, in one transaction, and never changed after it was released.

    A program that does not know it works with it all the same if it knows migrations up to the number in its line
    `-- Works with programs from 0004 on.`: what was there before is there as it was. Without the line none does.
    """

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def works_from(self) -> int:
        """The least number that a program has to know to work with it."""
        found = _WORKS_FROM.search(self.text)
        return int(found[1]) if found else self.number


@dataclass(frozen=True, slots=True)
class Status:
    """What was applied, and what is still to be. newer: of what was applied, what only newer programs know."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    newer: tuple[str, ...] = ()


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
                "INSERT INTO migration (number, name, sha256, version, works_from) VALUES (?, ?, ?, ?, ?)",
                (each.number, each.name, each.digest, __version__, each.works_from),
            )
            done.append(each.name)
    if partitions:
        side.execute("SELECT make_partitions_v1(?)", (PARTITIONS_AHEAD,))
    return tuple(done)


def status(side: SideConnection) -> Status:
    """Raises DatabaseTrouble, also for a file that was changed and for one that this program cannot work with."""
    return _status(side, migrations())


def _status(side: SideConnection, known: Sequence[Migration]) -> Status:
    applied, numbers = _applied(side, known), {each.number for each in known}
    return Status(
        tuple(name for _, name in sorted(applied.items())),
        tuple(each.name for each in known if each.number not in applied),
        tuple(name for number, name in sorted(applied.items()) if number not in numbers),
    )


def check(side: SideConnection, known: Sequence[Migration] | None = None) -> None:
    """Raises WrongSchema when a server cannot work with the database as it is, and DatabaseTrouble."""
    version = int(side.execute("SELECT current_setting('server_version_num')").fetchone()[0])
    if version < _OLDEST:
        raise WrongSchema(f"the database is PostgreSQL {version // 10000}, and 15 or newer is needed")
    if pending := _status(side, migrations() if known is None else known).pending:
        raise WrongSchema(
            f"the database lacks {', '.join(pending)}: run agentos database migrate, then start again"
        )


def _applied(side: SideConnection, known: Sequence[Migration]) -> dict[int, str]:
    """The names by their numbers."""
    try:
        rows = side.execute(_APPLIED).fetchall()
    except Refused as error:
        if error.state not in ("42P01", "3F000"):
            raise
        return {}
    by_number = {each.number: each for each in known}
    for number, name, digest, version, works_from in rows:
        mine = by_number.get(number)
        if mine is None and (works_from is None or int(works_from) > max(by_number)):
            raise WrongSchema(
                f"the database was migrated by a newer agentos ({version}): {name} is not known to {__version__}. "
                "Install that version, or a newer one"
            )
        if mine is not None and mine.digest != digest:
            raise WrongSchema(
                f"{name} was applied by agentos {version} with another text than this program has: "
                "install the version that the database was migrated by"
            )
    return {row[0]: row[1] for row in rows}


_APPLIED = (
    "SELECT number, name, sha256, version, CAST(to_jsonb(m) ->> 'works_from' AS integer)"
    " FROM migration m ORDER BY number"
)
"""Databases that were migrated before have no such column yet."""
