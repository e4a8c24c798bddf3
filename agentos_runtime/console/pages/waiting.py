"""Waiting: calls that wait for a person's yes, all of what each would do, and what was decided before."""

import json
from collections.abc import Mapping
from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.parts import part_of
from agentos_runtime.console.visits import Visit
from agentos_runtime.errors import NotFound
from agentos_runtime.runtime.operating.waiting import list_waiting
from agentos_runtime.visible import visible_json
from agentos_runtime.waiting.entries import OPEN, STATES

LONG = 600
"""Characters of a param's JSON from which on it is folded; no yes is possible before it was unfolded."""
OVER = tuple(state for state in STATES if state not in OPEN)
EARLIER = 20
AT_ONCE = 20
"""Calls that wait on one page, those first that wait longest."""
LAST_CALLS = 3
LOOKED_AT = 20
"""Further calls that are looked at: those that ask are none that were made."""
LINE = 80


async def waiting(visit: Visit) -> Page:
    """What waits, or one entry: `waiting/<id>`. Raises NotFound, Overloaded, InternalError."""
    found: Any = await list_waiting(visit.runtime, visit.caller, STATES)
    entries = found["waiting"]
    if len(visit.path) > 1:
        entries = [each for each in entries if each["id"] == visit.path[1]]
        if len(visit.path) > 2 or not entries:
            raise NotFound("Nothing waits under this id, and nothing did lately.")
    part = part_of([each for each in reversed(entries) if each["state"] == "pending"], visit, AT_ONCE)
    values = {
        "part": part,
        "pending": [each | await _details(visit, each) for each in part.rows],
        "approved": [each for each in entries if each["state"] == "approved"],
        "standing": found["standing"],
        "earlier": [each for each in entries if each["state"] in OVER][:EARLIER],
        "one": len(visit.path) > 1,
    }
    return Page("waiting.html", "Waiting", values)


async def count_waiting(visit: Visit) -> int:
    """How many calls wait now."""
    found: Any = await list_waiting(visit.runtime, visit.caller)
    return sum(each["state"] == "pending" for each in found["waiting"])


async def _details(visit: Visit, entry: Mapping[str, Any]) -> dict[str, Any]:
    call = entry["call"] or {}
    params = [
        {"name": name, "text": text, "long": len(text) > LONG}
        for name, value in call.get("params", {}).items()
        for text in [visible_json(_written(value))]
    ]
    asked = {"agent": entry["agent"], "limit": str(LAST_CALLS + LOOKED_AT)}
    last: Any = await visit.runtime.activity(asked, visit.caller)
    made = [row for row in last["rows"] if row["outcome"] != "waiting" and row["code"] != "decision_pending"]
    return {"params": params, "last": made[:LAST_CALLS]}


def _written(value: Any) -> str:
    """On one line where it fits on one."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)
