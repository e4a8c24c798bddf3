"""Activity: who called what, newest first; and one call with all that is known of it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from agentos_runtime.console.page import Page
from agentos_runtime.console.shown.codes import CODES
from agentos_runtime.console.visits import Visit
from agentos_runtime.errors import NotFound
from agentos_runtime.storage.activity.conditions import OUTCOMES

FILTERS = ("agent", "skill", "utility", "outcome", "code", "model", "since", "until", "request_id")
SHOWN = ("agent", "skill", "outcome")
"""Those that have a list to choose from; the others stand in the address."""
ROWS = 50
CHOSEN_SINCE = "30d"
MOST_CHOICES = 100
"""Those that called most, or were called; others can be named in the address."""


async def activity(visit: Visit) -> Page:
    """The list as the address filters it, or one call: `activity/<id>`. Raises InvalidParams, NotFound."""
    if len(visit.path) > 1:
        return await _one(visit)
    filters = {name: visit.query[name] for name in FILTERS if visit.query.get(name)}
    asked = filters | {"limit": str(ROWS)} | ({"cursor": visit.query["cursor"]} if "cursor" in visit.query else {})
    newest: Any = await visit.runtime.activity({"limit": "1"}, visit.caller)  # before the rows: none is missed
    found: Mapping[str, Any] = await visit.runtime.activity(asked, visit.caller)
    values = {
        "rows": found["rows"],
        "newest": newest["rows"][0]["id"] if newest["rows"] else 0,
        "next_cursor": found["next_cursor"],
        "filters": filters,
        "choices": await _choices(visit, filters),
        "first": "cursor" not in visit.query,
        "query": urlencode(filters),
    }
    return Page("activity.html", "Activity", values)


async def _choices(visit: Visit, filters: Mapping[str, str]) -> Mapping[str, list[str]]:
    """What there is to choose from, and what the address has chosen, whether there is such or not."""
    found: dict[str, list[str]] = {"outcome": [*OUTCOMES]}
    for name in ("agent", "skill"):
        used: Any = await visit.runtime.usage({"by": name, "since": CHOSEN_SINCE}, visit.caller)
        found[name] = [row[name] for row in sorted(used["rows"], key=_calls)][-MOST_CHOICES:]
    return {name: sorted({*found[name], *([filters[name]] if name in filters else [])}) for name in SHOWN}


def _calls(row: Mapping[str, Any]) -> int:
    return int(row["calls"])


async def _one(visit: Visit) -> Page:
    number = visit.path[1]
    if len(visit.path) > 2 or not re.fullmatch("[0-9]{1,18}", number):
        raise NotFound("There is no call of this number.")
    row: Any = await visit.runtime.activity_row(int(number), visit.caller)
    values = {"row": row, "meaning": CODES.get(row["code"] or "")}
    return Page("call.html", f"{row['skill']}/{row['utility']}", values)
