"""Home: what needs its owner, today's figures, the last calls."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.needs import needs_of
from agentos_runtime.console.shown.figures import added_cost
from agentos_runtime.console.visits import Visit
from agentos_runtime.frozen import dataclass
from agentos_runtime.runtime.operating.attention import attention
from agentos_runtime.runtime.operating.waiting import list_waiting
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.version import __version__

LAST = 10
WEEK = 6 * 86400.0
"""Seconds from the beginning of the first of seven days to that of the last."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Calls added up; `cost` is None when no call said one."""

    calls: int
    errors: int
    tokens: int
    cost: Decimal | None


async def home(visit: Visit) -> Page:
    """Raises InternalError when the ledger cannot be read."""
    catalog = visit.runtime.catalog(visit.caller, everything=True)
    entries: list[Any] = list(catalog.entries())
    last: Any = await visit.runtime.activity({"limit": str(LAST)}, visit.caller)
    values = {
        "version": __version__,
        "states": _states(entries),
        "needs": needs_of(await _waiting(visit), await aside(partial(attention, visit.runtime)), visit.now),
        "today_sums": await _sums(visit, visit.today.timestamp()),
        "week_sums": await _sums(visit, visit.today.timestamp() - WEEK),
        "rows": last["rows"],
        "newest": last["rows"][0]["id"] if last["rows"] else 0,
    }
    return Page("home.html", "Home", values)


async def _waiting(visit: Visit) -> list[Any]:
    found: Any = await list_waiting(visit.runtime, visit.caller)
    return [each for each in found["waiting"] if each["state"] == "pending"]


def _states(entries: list[Any]) -> dict[str, int]:
    states = [each["state"] for each in entries]
    return {state: states.count(state) for state in ("ready", "needs_credential", "needs_approval", "broken")}


async def _sums(visit: Visit, since: float) -> Sums:
    found: Any = await visit.runtime.usage({"by": "skill", "since": _iso(since)}, visit.caller)
    rows = found["rows"]
    return Sums(
        sum(row["calls"] for row in rows),
        sum(row["errors"] for row in rows),
        sum(row["input_tokens"] + row["output_tokens"] for row in rows),
        added_cost(row["cost"] for row in rows),
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
