"""Keys: where each would come from, where it may go. Set, removed, tried; never shown."""

from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.parts import part_of
from agentos_runtime.console.pages.troubles import told
from agentos_runtime.console.visits import Visit
from agentos_runtime.runtime.operating.credentials import list_credentials

MOST = 50


async def keys(visit: Visit) -> Page:
    """All of them, or those of one skill: `keys?skill=<id>`. Raises InternalError."""
    with told():
        found: Any = list_credentials(visit.runtime)
    credentials = sorted(found["credentials"], key=lambda each: (not each["loaded"], str(each["name"]).lower()))
    skill = visit.query.get("skill", "")
    wanted = [each for each in credentials if each["skill"] == skill] if skill else credentials
    values = {
        "part": part_of(wanted, visit, MOST),
        "skill": skill,
        "file": found["file"],
        "simulated": found["file"] is None,
    }
    return Page("keys.html", "Keys", values)
