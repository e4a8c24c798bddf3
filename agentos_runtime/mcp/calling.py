"""`tools/call`: a call of the one pipeline, and what it gave."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from agentos_runtime.calls.call import Call, Reply, usable_key
from agentos_runtime.calls.trace_context import parent_of
from agentos_runtime.errors import (
    AgentOSError,
    InvalidParams,
    NotAllowed,
    NotCallable,
    ParamProblem,
    ShuttingDown,
    Unauthorized,
    UnknownSkill,
    UnknownUtility,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.kept import KeptReplies
from agentos_runtime.mcp.leading import led, patience
from agentos_runtime.mcp.lists import Shown
from agentos_runtime.mcp.ports import Runtime, Selection
from agentos_runtime.mcp.protocol import Fields, Request, invalid_params
from agentos_runtime.mcp.results import Room, beside, error_fields, value_fields
from agentos_runtime.mcp.tools import ROWS, SELECT, Tool, described, found, promises_object, split_name
from agentos_runtime.mcp.toolsets import McpSettings
from agentos_runtime.mcp.using import USE_URL, UseTool, is_offered
from agentos_runtime.visible import visible

Called: TypeAlias = tuple[Fields, dict[str, Json]]
"""The members of a result, and what stands in its `_meta`."""
IDEMPOTENCY_KEY = "agentos/idempotency_key"
SEARCHED = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be called, and with what."""

    tool: str
    arguments: dict[str, Json]
    select: Json = None
    """A selection that `call_utility` was given."""
    wraps: bool = True
    """Whether the tool has an output schema of its own, which the result has to fit."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls for any caller."""

    runtime: Runtime
    settings: McpSettings
    kept: KeptReplies
    use: UseTool

    async def call(self, request: Request, face: Face, shown: Callable[[], Shown]) -> Called:
        """The result of `tools/call`, and what stands beside it; shown: what the caller can search.

        Raises RpcError, ShuttingDown, Unauthorized.
        """
        name = request.params.get("name")
        arguments = request.params.get("arguments")
        if not isinstance(name, str):
            raise invalid_params("params.name must be the name of a tool")
        if arguments is not None and not isinstance(arguments, dict):
            raise invalid_params("params.arguments must be an object")
        given = dict(arguments or {})
        try:
            if name == "search_utilities":
                return _json(self._search(given, shown())), {}
            if name == "describe_utility":
                return _json(await self._describe(given, face)), {}
            if name == USE_URL and is_offered(face.toolset):
                return await self.use.call(given, face, patience(request, face))
            asked = _of_call_utility(given) if name == "call_utility" else Asked(name, given)
            return await self._utility(asked, request, face)
        except (ShuttingDown, Unauthorized):
            raise
        except AgentOSError as error:
            fields = led(error, request, face) or error_fields(error, face.request_id)
            return fields, {"agentos/request_id": face.request_id}

    async def _utility(self, asked: Asked, request: Request, face: Face) -> Called:
        named = split_name(asked.tool.replace("/", "_", 1))
        if named is None:
            raise _unknown(asked.tool)
        skill, utility = named
        tool = await self._find(face, skill, utility)
        arguments, notes = dict(asked.arguments), list[str]()
        if tool is not None and face.toolset.read_only and tool.utility.effect != "read":
            raise NotAllowed(f"This connection is read-only, and {asked.tool} changes something at the service.")
        selection = await self._selection(asked, arguments, tool)
        rows = tool is not None and tool.has_rows and arguments.get("limit") is None and not arguments.get("all")
        if rows:
            arguments["limit"] = ROWS
        parent = parent_of(request.meta.get("traceparent")) or face.parent
        call = Call(
            skill,
            utility,
            arguments,
            face.agent,
            face.request_id,
            _idempotency_key(request),
            patience=patience(request, face),
            surface="mcp",
            parent=parent,
        )
        try:
            reply = await self.runtime.invoke(call)
        except (UnknownSkill, UnknownUtility, NotCallable) as error:
            raise _unknown(asked.tool, error.message) from None
        except AgentOSError as error:
            error.details = {"skill": skill, "utility": utility, **error.details}
            raise
        if rows and reply.more:
            notes.append(f"{ROWS} rows, and there are more: pass limit, or all.")
        if reply.ignored:
            notes.append(
                f"Not sent, since the service cannot honour them: {', '.join(map(visible, reply.ignored))}"
            )
        if reply.warning:
            notes.append(visible(reply.warning))
        fields = await self._fields(reply, selection, asked, tool, notes, request, face)
        return fields, beside(reply, face.request_id)

    async def _fields(
        self,
        reply: Reply,
        selection: Selection | None,
        asked: Asked,
        tool: Tool | None,
        notes: list[str],
        request: Request,
        face: Face,
    ) -> Fields:
        room = Room(self.settings.max_text, face.agent, self.kept, self._how(tool, asked), notes)
        if reply.raw is not None:
            if selection is not None:
                notes.append("Nothing was selected from it: the service did not answer with JSON.")
            return room.raw(reply.raw)
        wraps = asked.wraps and tool is not None and promises_object(tool.utility)
        if selection is not None:
            value = await selection.of(reply)
            value = {"selected": value} if wraps else value
            reply = replace(reply, value=value, text=dump(value))
        structured = isinstance(reply.value, dict) or request.modern
        return room.reply(reply, structured=structured)

    def _how(self, tool: Tool | None, asked: Asked) -> str:
        """How less of a reply is asked for."""
        ways = ["limit"] if tool is not None and tool.has_rows else []
        if self.settings.select and (tool is None or tool.takes_select or not (asked.wraps or tool.gives_bytes)):
            ways.append(f"{SELECT if asked.wraps else 'select'}, a jq program")
        return " or ".join(ways) or "with its params"

    async def _find(self, face: Face, skill: str, utility: str) -> Tool | None:
        """None when there is none that may be called; the call will say why."""
        await self.runtime.ready(skill)
        try:
            it = self.runtime.visible(face.agent).utility(skill, utility)
        except AgentOSError:
            return None
        return Tool(it.skill, it.utility)

    async def _selection(self, asked: Asked, arguments: dict[str, Json], tool: Tool | None) -> Selection | None:
        """Takes `_select` out of the arguments. Raises InvalidParams, Overloaded."""
        source = asked.select
        if source is None and not (tool is not None and tool.owns_select):
            source = arguments.pop(SELECT, None)
        if source is None:
            return None
        if tool is not None and tool.gives_bytes:
            must = "must be left out: the replies of this utility are bytes, and jq reads JSON"
            raise InvalidParams(f"{SELECT} {must}. Nothing was sent", problems=[ParamProblem(SELECT, must)])
        if not self.settings.select or not isinstance(source, str):
            must = "must be a jq program, as text" if self.settings.select else "is turned off here (mcp.select)"
            raise InvalidParams(f"{SELECT} {must}. Nothing was sent", problems=[ParamProblem(SELECT, must)])
        return await self.runtime.selection(source)

    def _search(self, given: dict[str, Json], shown: Shown) -> Json:
        query, skill, limit = given.get("query") or "", given.get("skill"), given.get("limit")
        limit = SEARCHED if limit is None else limit
        problems = [
            *([] if isinstance(query, str) else [ParamProblem("query", "must be text")]),
            *([] if skill is None or isinstance(skill, str) else [ParamProblem("skill", "must be a skill's id")]),
            *([] if _is_count(limit) else [ParamProblem("limit", "must be a whole number from 1 to 100")]),
            *_unknown_keys(given, "query", "skill", "limit"),
        ]
        if not problems and skill is not None and all(each.id != skill for each in shown.skills):
            problems = [ParamProblem("skill", "is no id of a skill here; a search without words gives them")]
        _refuse("search_utilities", problems)
        assert isinstance(query, str)
        assert skill is None or isinstance(skill, str)
        assert isinstance(limit, int)
        if not query.split() and skill is None:
            return {"skills": [{"id": each.id, "description": visible(each.description)} for each in shown.skills]}
        return {"utilities": [found(tool) for tool in shown.search.find(query, skill, limit)]}

    async def _describe(self, given: dict[str, Json], face: Face) -> Json:
        name = given.get("name")
        text = [] if isinstance(name, str) else [ParamProblem("name", "must be text")]
        _refuse("describe_utility", [*text, *_unknown_keys(given, "name")])
        assert isinstance(name, str)
        named = split_name(name.replace("/", "_", 1))
        if named is None:
            raise _unknown(name)
        await self.runtime.ready(named[0])
        try:
            it = self.runtime.visible(face.agent).utility(*named)
        except (UnknownSkill, UnknownUtility, NotCallable) as error:
            raise _unknown(name, error.message) from None
        return described(Tool(it.skill, it.utility))


def _of_call_utility(given: Mapping[str, Json]) -> Asked:
    name, params = given.get("name"), given.get("params")
    problems = [
        *([] if isinstance(name, str) else [ParamProblem("name", "must be the name of a utility")]),
        *([] if params is None or isinstance(params, dict) else [ParamProblem("params", "must be an object")]),
        *_unknown_keys(given, "name", "params", "select"),
    ]
    _refuse("call_utility", problems, ". Nothing was sent")
    assert isinstance(name, str)
    assert params is None or isinstance(params, dict)
    return Asked(name, dict(params or {}), given.get("select"), wraps=False)


def _unknown_keys(given: Mapping[str, Json], *known: str) -> list[ParamProblem]:
    return [ParamProblem(key, f"is not known here; known: {', '.join(known)}") for key in given if key not in known]


def _refuse(tool: str, problems: list[ParamProblem], so: str = "") -> None:
    """Raises InvalidParams where there is a problem."""
    if problems:
        first = problems[0]
        raise InvalidParams(f"{tool}: {visible(first.path)} {first.message}{so}", problems=problems)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100


def _json(value: Json) -> Fields:
    return value_fields(dump(value), value, structured=True, notes=[])


def _unknown(name: str, why: str | None = None) -> Exception:
    return invalid_params(f"There is no tool {visible(name)[:80]!r}" + (f": {why}" if why else ""))


def _idempotency_key(request: Request) -> str | None:
    """Raises InvalidParams."""
    key = request.meta.get(IDEMPOTENCY_KEY)
    return None if key is None else usable_key(key)
