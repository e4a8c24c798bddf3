"""Old activity is dropped: whole weeks at once, the rest a few rows at a time."""

import time
from collections.abc import Callable

from agentos_runtime.storage.activity.pruning import Pruned
from agentos_runtime.storage.postgres.driver import Refused
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

AT_ONCE = 5_000
WITHIN = 120.0
"""Seconds for one week."""
TRIES = 60
PAUSE = 0.5
"""Seconds until a table that others use is tried again."""
_IN_USE = ("55P03", "40P01")


def prune(side: SideConnection, before: int, *, pause: Callable[[float], None] = time.sleep) -> Pruned:
    """Drop the closed rows of calls that began before a moment (milliseconds since 1970); replicas go on.

    Raises DatabaseTrouble.
    """
    rows, freed = 0, 0
    while (week := _week(side, before, pause)) is not None:
        rows, freed = rows + week[0], freed + week[1]
    while True:
        dropped = int(side.execute("SELECT drop_rows_v1(?, ?)", (before, AT_ONCE), within=WITHIN).fetchone()[0])
        rows += dropped
        if dropped < AT_ONCE:
            return Pruned(rows, freed, 0)


def now(side: SideConnection) -> int:
    """Milliseconds since 1970 on the database's clock. Raises DatabaseTrouble."""
    return int(side.execute("SELECT moment()").fetchone()[0])


def _week(side: SideConnection, before: int, pause: Callable[[float], None]) -> tuple[int, int] | None:
    """The rows and bytes of the week that was dropped; None when there was none."""
    for _ in range(TRIES):
        try:
            found = side.execute("SELECT gone, size FROM drop_week_v1(?)", (before,), within=WITHIN).fetchone()
        except Refused as error:
            if error.state not in _IN_USE:
                raise
            pause(PAUSE)
        else:
            return None if found is None else (int(found[0]), int(found[1]))
    raise DatabaseTrouble("an old week is read all the time, so that it could not be dropped: try again")
