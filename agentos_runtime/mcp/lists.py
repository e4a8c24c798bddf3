"""What each caller is shown, written once per change of the skills."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import field
from functools import cached_property
from hashlib import sha256

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.mcp.folders import Folder, folders_of
from agentos_runtime.mcp.tools import Search, Tool, array, definition, joined, tools_of
from agentos_runtime.mcp.toolsets import Toolset
from agentos_runtime.mcp.using import is_offered, use_tool
from agentos_runtime.skills.visibility import VisibleSkills
from agentos_runtime.visible import visible

MOST_TOOLS = 40
"""Tools that are listed before `auto` turns to search; the least that a client in use shows."""
MOST_CHARACTERS = 40_000
"""Of all definitions together, before `auto` turns to search."""
MOST_KEPT = 100
"""Lists, of callers who see different ones."""
LONGEST_INSTRUCTIONS = 1500

_NAME: Mapping[str, Json] = {
    "type": "string",
    "description": "As search_utilities gives it, e.g. open-meteo_forecast",
}


class Shown:
    """The tools of one connection, as they are until the skills change."""

    def __init__(self, skills: VisibleSkills, toolset: Toolset, *, select: bool) -> None:
        self.toolset = toolset
        served = [entry for entry in skills.entries if entry.skill is not None]
        self.skills: tuple[Skill, ...] = tuple(
            entry.skill for entry in served if entry.skill and toolset.skill in (None, entry.id)
        )
        self.bundled = frozenset(entry.id for entry in served if entry.folder.bundled)
        self.tools: tuple[Tool, ...] = tuple(tool for tool in tools_of(self.skills) if _lists(toolset, tool))
        self._select = select
        few = len(self.tools) <= MOST_TOOLS
        self._definitions = array(definition(tool, select=select, advertise=select and few) for tool in self.tools)
        fits = few and len(self._definitions.decode("utf-8", "replace")) <= MOST_CHARACTERS
        self.searches = toolset.mode == "search" or (toolset.mode == "auto" and not fits)

    @cached_property
    def listed(self) -> bytes:
        """The array of `tools/list`."""
        more = [use_tool()] if is_offered(self.toolset) else []
        if self.searches:
            return array([*meta_tools(self.toolset, select=self._select), *more])
        return joined(self._definitions, array(more))

    @cached_property
    def folders(self) -> Mapping[str, Folder]:
        """The skills as the skills extension shows them, by uri."""
        return folders_of(self.skills, self.tools, self.bundled)

    @cached_property
    def tags(self) -> Mapping[str, bytes]:
        """By kind of notice, what differs when what is listed, or can be found, differs."""
        tools = sha256(self._definitions + self.listed).digest()
        skills = sha256(tools + b"".join(skill.digest.encode() for skill in self.skills)).digest()
        return {"toolsListChanged": tools, "resourcesListChanged": skills}

    @cached_property
    def search(self) -> Search:
        return Search(self.tools)

    @cached_property
    def instructions(self) -> str:
        """What a client tells its model of this server."""
        if self.searches:
            how = (
                "Find a utility with search_utilities, read its params with describe_utility, "
                "call it with call_utility. "
            )
        else:
            how = "Each tool is one utility of a skill: <skill>_<utility>. "
        lines = [how + "Keys are added here: never ask for one. Skills:"]
        for skill in self.skills:
            said = visible(skill.description).split("\n")[0]
            lines.append(f"- {skill.id}: {said}"[:160])
        return _cut(lines)


def _lists(toolset: Toolset, tool: Tool) -> bool:
    shows = toolset.shows(tool.skill.id, tool.utility.name)
    return shows and (not toolset.read_only or tool.utility.effect == "read")


def _cut(lines: list[str]) -> str:
    """As many lines as fit, and how many were left out."""
    room, kept = LONGEST_INSTRUCTIONS - 60, list[str]()
    for number, line in enumerate(lines):
        if len(line) + 1 > room:
            return "\n".join([*kept, f"- and {len(lines) - number} more"])
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)


def meta_tools(toolset: Toolset, *, select: bool) -> list[dict[str, Json]]:
    """The three tools that stand for all utilities."""
    call: dict[str, Json] = {
        "name": dict(_NAME),
        "params": {"type": "object", "description": "As describe_utility says"},
    }
    if select:
        call["select"] = {"type": "string", "description": "jq over the reply, so that less comes back"}
    read: dict[str, Json] = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
    calls: dict[str, Json] = {
        "readOnlyHint": toolset.read_only,
        "destructiveHint": not toolset.read_only,
        "openWorldHint": True,
    }
    return [
        _meta("call_utility", "Call a utility.", call, ["name"], calls),
        _meta("describe_utility", "The params and reply of a utility.", {"name": dict(_NAME)}, ["name"], read),
        _meta(
            "search_utilities",
            "Find utilities by words; without any, the skills that there are.",
            {
                "query": {"type": "string"},
                "skill": {"type": "string", "description": "Of this skill only"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
            },
            [],
            read,
        ),
    ]


def _meta(
    name: str, description: str, properties: dict[str, Json], required: list[str], hints: dict[str, Json]
) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = [*required]
    return {"name": name, "description": description, "inputSchema": schema, "annotations": hints}


@dataclass(slots=True)
class Lists:
    """Keeps what was shown last to each kind of caller, for as long as the skills are the same."""

    select: bool
    _kept: OrderedDict[Hashable, tuple[int, Shown]] = field(default_factory=OrderedDict)

    def of(self, skills: VisibleSkills, toolset: Toolset) -> Shown:
        key, generation = (skills.rule, toolset), skills.registry.generation
        kept = self._kept.get(key)
        if kept is None or kept[0] != generation:
            kept = (generation, Shown(skills, toolset, select=self.select))
            self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept[1]
