"""Utilities as tools: their names, what is said of each, and how they are searched."""

from collections.abc import Iterable, Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.names import LONGEST_TOOL_NAME, tool_name
from agentos_runtime.skills.tool_schemas import sent_schema
from agentos_runtime.visible import visible

SELECT = "_select"
ROWS = 20
"""What `limit` is where a caller does not say: a page of rows fits into a model's context."""
_SELECT_SCHEMA: Mapping[str, Json] = {
    "type": "string",
    "description": "jq over the reply, so that less comes back, e.g. .[] | {id, name}",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A utility that a caller may call, and the skill it belongs to."""

    skill: Skill
    utility: Utility

    @property
    def name(self) -> str:
        return tool_name(self.skill.id, self.utility.alias or self.utility.name)

    @property
    def takes_select(self) -> bool:
        """Whether `_select` is a param of the tool, and ours."""
        return not self.owns_select and not self.gives_bytes

    @property
    def owns_select(self) -> bool:
        """Whether the utility has a param of that name itself."""
        return SELECT in declared(self.utility)

    @property
    def gives_bytes(self) -> bool:
        """Whether its replies are handed on as they come: no jq can select from those."""
        return self.utility.rest.response.raw

    @property
    def has_rows(self) -> bool:
        """Whether `limit` is the runtime's, for a list in pages."""
        return self.utility.rest.paginate is not None and "limit" in self.utility.runtime_params

    def description(self) -> str:
        return visible(self.utility.description, keep="\n\t").strip()


def split_name(name: str) -> tuple[str, str] | None:
    """Skill and utility: the id of a skill has no `_`, so the first one ends it. None for what cannot be one."""
    skill, separator, utility = name.partition("_")
    return (skill, utility) if separator and skill and utility else None


def tools_of(skills: Iterable[Skill]) -> list[Tool]:
    """By name; without those whose names are too long for clients."""
    found = [Tool(skill, utility) for skill in skills for utility in skill.utilities.values()]
    return sorted((each for each in found if len(each.name) <= LONGEST_TOOL_NAME), key=lambda each: each.name)


def declared(utility: Utility) -> Mapping[str, Json]:
    properties = utility.params.get("properties")
    return properties if isinstance(properties, dict) else {}


def definition(tool: Tool, *, select: bool, advertise: bool) -> dict[str, Json]:
    """What `tools/list` says of it. select: replies may be selected from; advertise: and it is said."""
    utility = tool.utility
    shown: dict[str, Json] = {
        "name": tool.name,
        "title": f"{visible(tool.skill.name)}: {utility.name}",
        "description": tool.description(),
        "inputSchema": input_schema(tool, select=advertise),
        "annotations": annotations(utility),
    }
    returns = output_schema(tool, select=select)
    if returns is not None:
        shown["outputSchema"] = returns
    return shown


def input_schema(tool: Tool, *, select: bool) -> dict[str, Json]:
    """The params as clients take them, `limit` with the default that it has here."""
    sent = sent_schema(dict(tool.utility.params))
    properties = sent["properties"]
    assert isinstance(properties, dict)
    limit = properties.get("limit")
    if tool.has_rows and isinstance(limit, dict):
        properties["limit"] = {**limit, "description": "Rows at most", "default": ROWS}
    if select and tool.takes_select:
        properties[SELECT] = dict(_SELECT_SCHEMA)
    return sent


def output_schema(tool: Tool, *, select: bool) -> dict[str, Json] | None:
    """Of objects that are promised: clients refuse a result that breaks it, even where nobody promised anything.

    What `_select` makes of the reply is of another shape, so it is wrapped, and the schema says so.
    """
    if not promises_object(tool.utility):
        return None
    returns = dict(tool.utility.returns or {})
    if not (select and tool.takes_select):
        return returns
    selected: dict[str, Json] = {"type": "object", "properties": {"selected": {}}, "required": ["selected"]}
    return {"type": "object", "anyOf": [returns, selected]}


def promises_object(utility: Utility) -> bool:
    returns = utility.returns or {}
    raw = utility.rest.response.raw
    return returns.get("type") == "object" and utility.strict_returns and not utility.void and not raw


def annotations(utility: Utility) -> dict[str, Json]:
    return {
        "readOnlyHint": utility.effect == "read",
        "destructiveHint": utility.effect == "destroy",
        "idempotentHint": utility.effect == "read" or utility.rest.method in ("GET", "HEAD", "PUT", "DELETE"),
        "openWorldHint": True,
    }


def described(tool: Tool) -> dict[str, Json]:
    """What `describe_utility` tells: the whole declaration, for a model and not for a validator."""
    utility = tool.utility
    return {
        "name": tool.name,
        "description": tool.description(),
        "params": input_schema(tool, select=False),
        "returns": dict(utility.returns or {}),
        "streams": utility.streams,
        "paginates": utility.rest.paginate is not None,
        "effect": utility.effect,
        "credential": utility.credential,
    }


def found(tool: Tool) -> dict[str, Json]:
    """What `search_utilities` tells."""
    return {"name": tool.name, "description": tool.description(), "effect": tool.utility.effect}


class Search:
    """Finds tools by words."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._texts = [(tool, _texts(tool)) for tool in tools]

    def find(self, query: str, skill: str | None, limit: int) -> list[Tool]:
        """Those with all the words, the best first; where none has them all, those with the most.

        A word in a tool's name counts more than one in its description, and that more than one in its skill's.
        """
        words = query.lower().split()
        ranked: list[tuple[int, int, Tool]] = []
        for tool, texts in self._texts:
            if skill is not None and tool.skill.id != skill:
                continue
            scores = [_score(word, texts) for word in words]
            hits = sum(score > 0 for score in scores)
            if hits or not words:
                ranked.append((hits, sum(scores), tool))
        most = max((hits for hits, _, _ in ranked), default=0)
        best = [each for each in ranked if each[0] == most]
        best.sort(key=lambda each: (-each[1], each[2].name))
        return [tool for _, _, tool in best[:limit]]


def _texts(tool: Tool) -> tuple[str, str, str]:
    skill = tool.skill
    return (
        f"{tool.name} {tool.utility.name.replace('_', ' ')}".lower(),
        tool.utility.description.lower(),
        f"{skill.id} {skill.name} {skill.description}".lower(),
    )


def _score(word: str, texts: tuple[str, str, str]) -> int:
    return next((weight for weight, text in zip((9, 3, 1), texts, strict=True) if word in text), 0)


def array(items: Iterable[Mapping[str, Json]]) -> bytes:
    return b"[%s]" % b",".join([dump(dict(item)) for item in items])


def joined(first: bytes, second: bytes) -> bytes:
    """One array of two."""
    return first if second == b"[]" else second if first == b"[]" else b"%b,%b" % (first[:-1], second[1:])
