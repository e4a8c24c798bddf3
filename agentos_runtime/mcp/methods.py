"""The methods of the protocol: who asks for what, and what is answered. The same for every transport."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from agentos_runtime.jsontext import Json, dump
from agentos_runtime.mcp.calling import Calls
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.folders import EXTENSION, MARKDOWN
from agentos_runtime.mcp.folders import PREFIX as SKILLS
from agentos_runtime.mcp.kept import PREFIX, KeptReplies, UnknownReply
from agentos_runtime.mcp.lists import Lists, Shown
from agentos_runtime.mcp.ports import Runtime
from agentos_runtime.mcp.protocol import (
    INVALID_PARAMS,
    LEGACY,
    METHOD_NOT_FOUND,
    MODERN,
    RESOURCE_NOT_FOUND,
    SERVER,
    Fields,
    Request,
    RpcError,
    cacheable,
    invalid_params,
    result,
)
from agentos_runtime.mcp.tools import array
from agentos_runtime.mcp.toolsets import McpSettings
from agentos_runtime.mcp.using import UseTool

LISTS_HOLD = 60.0
"""Seconds for which a client may keep a list; notices come earlier."""
LOADING_LISTS_HOLD = 1.0
"""While skills are still being loaded."""
SERVER_HOLDS = 3600.0

Handler: TypeAlias = Callable[["Methods", Request, Face], Awaitable[Fields]]


class Methods:
    """Answers requests of any caller. notices: whether legacy clients are told of changes, too."""

    def __init__(self, runtime: Runtime, settings: McpSettings, *, notices: bool = False) -> None:
        self.settings = settings
        self._notices = notices
        self._runtime = runtime
        self._kept = KeptReplies(keeps=settings.keeps, shelf=settings.shelf)
        self._lists = Lists(settings.select)
        use = UseTool(runtime, self._kept, settings.max_text)
        self._calls = Calls(runtime, settings, self._kept, use)

    async def answer(self, request: Request, face: Face) -> bytes:
        """The whole answer to a request. Raises RpcError, ShuttingDown, Unauthorized."""
        if request.method == "tools/call":
            fields, meta = await self._calls.call(request, face, partial(self.shown, face))
            await self._kept.shelved()
            return result(request, fields, meta)
        handler = (_MODERN if request.modern else _LEGACY).get(request.method)
        if handler is None:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {request.method[:80]}", status=404)
        return result(request, await handler(self, request, face))

    def shown(self, face: Face) -> Shown:
        """What this caller is shown now."""
        return self._lists.of(self._runtime.visible(face.agent), face.toolset)

    async def settled(self, face: Face) -> Shown:
        """The same once its skills are loaded, or that takes too long."""
        loading = self._runtime.visible(face.agent).loading
        if loading:
            await asyncio.gather(*(self._runtime.ready(each.id) for each in loading))
        return self.shown(face)

    def _hold(self, request: Request, face: Face) -> Fields:
        if not request.modern:
            return {}
        return cacheable(LOADING_LISTS_HOLD if self._runtime.visible(face.agent).loading else LISTS_HOLD)

    async def initialize(self, request: Request, face: Face) -> Fields:
        asked = request.params.get("protocolVersion")
        shown = self.shown(face)
        return {
            "protocolVersion": dump(asked if asked in LEGACY else LEGACY[0]),
            "capabilities": dump(_capabilities(notices=self._notices)),
            "serverInfo": dump(dict(SERVER)),
            "instructions": dump(shown.instructions),
        }

    async def discover(self, request: Request, face: Face) -> Fields:
        return {
            "supportedVersions": dump([MODERN]),
            "capabilities": dump({**_capabilities(notices=True), **_EXTENSIONS}),
            "instructions": dump(self.shown(face).instructions),
            **cacheable(SERVER_HOLDS),
        }

    async def ping(self, request: Request, face: Face) -> Fields:
        return {}

    async def tools(self, request: Request, face: Face) -> Fields:
        """All on one page: many clients drop what comes after the first."""
        _refuse_cursor(request)
        shown = await self.settled(face)
        return {"tools": shown.listed, **self._hold(request, face)}

    async def prompts(self, request: Request, face: Face) -> Fields:
        _refuse_cursor(request)
        return {"prompts": b"[]", **self._hold(request, face)}

    async def resources(self, request: Request, face: Face) -> Fields:
        _refuse_cursor(request)
        folders = (await self.settled(face)).folders.values()
        return {"resources": array(folder.resource() for folder in folders), **self._hold(request, face)}

    async def templates(self, request: Request, face: Face) -> Fields:
        _refuse_cursor(request)
        return {"resourceTemplates": array([_TEMPLATE]), **self._hold(request, face)}

    async def skills(self, request: Request, face: Face) -> Fields:
        """Of the skills extension."""
        _refuse_cursor(request)
        folders = (await self.settled(face)).folders.values()
        return {"skills": array(folder.entry() for folder in folders), **self._hold(request, face)}

    async def skill(self, request: Request, face: Face) -> Fields:
        """One of them."""
        uri = request.params.get("uri")
        folder = (await self.settled(face)).folders.get(uri) if isinstance(uri, str) else None
        if folder is None:
            raise invalid_params("There is no such skill; skills/list gives their uris")
        return {"skill": dump(folder.entry()), **self._hold(request, face)}

    async def read(self, request: Request, face: Face) -> Fields:
        uri = request.params.get("uri")
        if not isinstance(uri, str):
            raise invalid_params("params.uri must be text")
        return {"contents": dump(await self._contents(uri, request, face)), **self._hold(request, face)}

    async def _contents(self, uri: str, request: Request, face: Face) -> list[Json]:
        code = INVALID_PARAMS if request.modern else RESOURCE_NOT_FOUND
        if uri.startswith(PREFIX):
            await self._kept.fetch(face.agent, uri)
            try:
                return [*self._kept.read(face.agent, uri, self.settings.max_text)]
            except UnknownReply:
                raise RpcError(code, _NO_REPLY, data={"uri": uri}) from None
        if uri.startswith(SKILLS):
            folder = (await self.settled(face)).folders.get("/".join([*uri.split("/")[:3], "SKILL.md"]))
            text = folder.files.get(uri) if folder is not None else None
            if text is not None:
                return [{"uri": uri, "mimeType": MARKDOWN, "text": text.decode()}]
        raise RpcError(code, "There is no such resource, or not any more", data={"uri": uri})


_NO_REPLY = (
    "Nothing is kept under this address, or not any more: replies are kept for 10 minutes, for the agent that "
    "called. Make the call again, and ask for less with _select or limit"
)


def _capabilities(*, notices: bool) -> dict[str, Json]:
    """Notices of lists are said only where they come: clients wait for them instead of asking."""
    changes: dict[str, Json] = {"listChanged": True} if notices else {}
    return {"tools": changes, "resources": changes, "prompts": {}}


def _refuse_cursor(request: Request) -> None:
    if request.params.get("cursor") is not None:
        raise invalid_params("Lists have one page here: send no cursor")


_COMMON: Mapping[str, Handler] = MappingProxyType(
    {
        "tools/list": Methods.tools,
        "prompts/list": Methods.prompts,
        "resources/list": Methods.resources,
        "resources/templates/list": Methods.templates,
        "resources/read": Methods.read,
    }
)
_MODERN: Mapping[str, Handler] = MappingProxyType(
    {
        **_COMMON,
        "server/discover": Methods.discover,
        "skills/list": Methods.skills,
        "skills/get": Methods.skill,
    }
)
_EXTENSIONS: Mapping[str, Json] = MappingProxyType({"extensions": {EXTENSION: {}}})
_TEMPLATE: Mapping[str, Json] = MappingProxyType(
    {
        "uriTemplate": f"{SKILLS}{{skill}}/{{+path}}",
        "name": "skill",
        "description": "The files of a skill: SKILL.md, references/<utility>.md",
        "mimeType": MARKDOWN,
    }
)
_LEGACY: Mapping[str, Handler] = MappingProxyType(
    {**_COMMON, "initialize": Methods.initialize, "ping": Methods.ping}
)
