"""Which page lies at which address."""

from collections.abc import Mapping, Sequence

from agentos_runtime.console.page import Page, Section
from agentos_runtime.console.pages.activity import activity
from agentos_runtime.console.pages.agents import agents
from agentos_runtime.console.pages.home import home
from agentos_runtime.console.pages.keys import keys
from agentos_runtime.console.pages.skills import skills
from agentos_runtime.console.pages.usage import usage
from agentos_runtime.console.pages.waiting import waiting
from agentos_runtime.console.visits import Visit
from agentos_runtime.errors import NotFound


async def _nowhere(visit: Visit) -> Page:
    raise NotFound("There is no such page in the console.")


PAGES: Mapping[str, Section] = {
    "": Section("home", "Home", home),
    "waiting": Section("waiting", "Waiting", waiting),
    "skills": Section("skills", "Skills", skills),
    "activity": Section("activity", "Activity", activity),
    "usage": Section("usage", "Usage", usage),
    "keys": Section("keys", "Keys", keys),
    "agents": Section("agents", "Agents", agents),
}
NOWHERE = Section("none", "Not found", _nowhere)


def find_page(path: Sequence[str]) -> Section:
    """The section of the path; NOWHERE for one that there is not."""
    return PAGES.get(path[0] if path else "", NOWHERE)
