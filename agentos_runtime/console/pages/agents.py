"""Agents: their tokens, what each may do, how much of its limits it has used."""

from functools import partial
from typing import Any

from agentos_runtime.console.page import Page
from agentos_runtime.console.pages.parts import part_of
from agentos_runtime.console.pages.troubles import told
from agentos_runtime.console.visits import Visit
from agentos_runtime.runtime.operating.agents import list_agents
from agentos_runtime.runtime.operating.attention import NEARLY
from agentos_runtime.storage.file_threads import aside

WEEK = "7d"
MOST = 50
"""On one page."""


async def agents(visit: Visit) -> Page:
    """Those with a token or limits, and whoever called within seven days. Raises InternalError."""
    used: Any = await visit.runtime.usage({"by": "agent", "since": WEEK}, visit.caller)
    calls = {row["agent"]: row for row in used["rows"]}
    with told():
        found: Any = await aside(partial(list_agents, visit.runtime.home.agents, visit.runtime.limits, calls))
    agents = sorted(found["agents"], key=_least_known)
    part = part_of([row | {"limits": [*map(_with_bar, row["limits"])]} for row in agents], visit, MOST)
    values = {"part": part, "total": [*map(_with_bar, found["total"])], "calls": calls}
    return Page("agents.html", "Agents", values)


def _least_known(row: Any) -> bool:
    """Names with a token, limits or a stop come first: callers make others up."""
    own = row["may"]["ask_person"] or row["may"]["deny"] or row["may"]["allow"] is not None
    return not (row["bound"] or row["stopped_at"] or row["limits"] or own)


def _with_bar(limit: Any) -> dict[str, Any]:
    """The limit, and how full the limit is, in percent for the bar, and whether that is near or over."""
    part = limit["used"] / limit["allowed"] if limit["allowed"] else 1.0
    tone = "over" if part >= 1 else "near" if part >= NEARLY else ""
    return {**limit, "percent": round(min(part, 1) * 100, 1), "tone": tone}
