"""Skills, and one skill with its tabs."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.parts import part_of
from agentos_runtime.console.pages.troubles import told
from agentos_runtime.console.shown.lines import Excerpt, excerpts
from agentos_runtime.console.shown.params import described
from agentos_runtime.console.visits import Visit
from agentos_runtime.errors import NotFound
from agentos_runtime.manifest.model import Skill
from agentos_runtime.resources import read_schema
from agentos_runtime.runtime.operating.approvals import show_approval
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.testing.load import load_cases
from agentos_runtime.testing.model import CaseFile
from agentos_runtime.testing.schema import CaseSchema

MOST = 100
MOST_UTILITIES = 30
"""On one page."""


async def skills(visit: Visit) -> Page:
    """The list, or one skill: `skills/<id>[/<tab>]`. Raises UnknownSkill, NotFound."""
    if len(visit.path) == 1:
        return await _listed(visit)
    skill_id, tab, *rest = (*visit.path[1:], "")
    await visit.runtime.ready(skill_id)
    catalog = visit.runtime.catalog(visit.caller, everything=True)
    entry, detail = catalog.entry(skill_id), catalog.detail(skill_id)
    tabs = _tabs(entry)
    tab = tab or next(iter(tabs))
    if tab not in tabs or any(rest):
        raise NotFound(f"The skill {skill_id} has no page of that name.")
    values = {"skill": detail, "tab": tab, "tabs": tabs, **await TABS[tab](visit, entry, detail)}
    return Page("skill.html", f"{detail['name']}", values)


async def _listed(visit: Visit) -> Page:
    catalog = visit.runtime.catalog(visit.caller, everything=True)
    q = visit.query.get("q", "")
    found: list[Any] = sorted(catalog.entries(q), key=lambda each: str(each["name"]).lower())
    states = Counter(str(each["state"]) for each in found)
    values = {"part": part_of(found, visit, MOST), "states": states, "loading": catalog.loading(), "q": q}
    return Page("skills.html", "Skills", values)


def _tabs(entry: SkillEntry) -> Mapping[str, str]:
    """Those that have something to show; what is wrong comes first when nothing serves."""
    tabs = {"try": "Try", "about": "About", "utilities": "Utilities", "authority": "Authority", "cases": "Cases"}
    problems = {"problems": f"Problems ({len(entry.problems)})"} if entry.problems else {}
    if entry.skill is None:
        return problems or {"about": "About"}
    if not entry.skill.utilities:
        tabs = {"about": "About"}
    return tabs | problems


async def _try(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    utilities: Mapping[str, Any] = detail["utilities"]
    chosen = visit.query.get("utility", "")
    chosen = chosen if chosen in utilities else next(iter(utilities))
    credential = utilities[chosen]["credential"]
    found = [auth for auth in detail["auth"] if auth["credential"] == credential]
    return {
        "utilities": utilities,
        "chosen": chosen,
        "utility": utilities[chosen],
        "auth": found[0] if found else None,
    }


async def _about(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {}


async def _utilities(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    words = visit.query.get("q", "").lower().split()
    found = [
        (name, each, described(each["params"]))
        for name, each in detail["utilities"].items()
        if all(word in f"{name} {each['description']}".lower() for word in words)
    ]
    return {
        "part": part_of(found, visit, MOST_UTILITIES),
        "q": visit.query.get("q", ""),
        "long": MOST_UTILITIES // 3,
    }


async def _authority(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    if visit.runtime.home.keys is None:  # a simulation, in which nothing has to be approved
        return {"approval": None}
    with told():
        return {"approval": show_approval(visit.runtime, entry.id)}


async def _cases(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    assert entry.skill is not None
    return {"cases": await aside(partial(_read_cases, entry.skill, entry))}


def _read_cases(skill: Skill, entry: SkillEntry) -> Sequence[CaseFile]:
    return load_cases(skill, entry.folder, CaseSchema(read_schema("case")))


async def _problems(visit: Visit, entry: SkillEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    found: Sequence[Excerpt] = await aside(partial(excerpts, entry.problems, entry.folder.read))
    return {"problems": found}


TABS: Mapping[str, Callable[[Visit, SkillEntry, Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
    "try": _try,
    "about": _about,
    "utilities": _utilities,
    "authority": _authority,
    "cases": _cases,
    "problems": _problems,
}
