"""`use_url`: an address of a service as a tool, where the operator wants that."""

from collections.abc import Mapping

from agentos_runtime.calls.call import Reply
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.kept import KeptReplies
from agentos_runtime.mcp.ports import Runtime
from agentos_runtime.mcp.protocol import Fields
from agentos_runtime.mcp.results import Room, beside
from agentos_runtime.mcp.toolsets import Toolset
from agentos_runtime.proxy.once import Caller, use_once
from agentos_runtime.proxy.service import METHODS, Proxy
from agentos_runtime.visible import visible

USE_URL = "use_url"


def is_offered(toolset: Toolset) -> bool:
    """Whether the tool is there: it may change anything, and belongs to no single skill."""
    return toolset.use and not toolset.read_only and toolset.skill is None


def use_tool() -> dict[str, Json]:
    """The tool as `tools/list` shows it."""
    return {
        "name": USE_URL,
        "description": "Call an address of a service that a skill knows; its key is added here. Prefer the skill's "
        "utilities. The result has status, headers and body, whatever the status.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "url": {"type": "string", "description": "https://…"},
                "method": {"type": "string", "enum": [*sorted(METHODS)], "description": "GET, or POST with a body"},
                "headers": {"type": "object"},
                "body": {"description": "JSON, or text as it is sent"},
                "skill": {"type": "string", "description": "Where several know the host"},
            },
            "required": ["url"],
            "additionalProperties": False,
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True},
    }


class UseTool:
    """Calls addresses for any caller."""

    def __init__(self, runtime: Runtime, kept: KeptReplies, max_text: int) -> None:
        self._runtime = runtime
        self._kept = kept
        self._max_text = max_text
        self._proxy: Proxy | None = None

    async def call(
        self, given: Mapping[str, Json], face: Face, patience: float | None
    ) -> tuple[Fields, dict[str, Json]]:
        """The result of the call, and what stands beside it; patience: as of a `Call`. Raises AgentOSError."""
        if self._proxy is None:
            self._proxy = Proxy(self._runtime.parts)
        caller = Caller(face.agent, face.request_id, patience, parent=face.parent)
        found = await use_once(self._proxy, given, caller)
        notes = [visible(found.warning)] if found.warning else []
        room = Room(self._max_text, face.agent, self._kept, "with the query of the url", notes)
        reply = Reply(
            found.answer,
            dump(found.answer),
            None,
            found.timings,
            warning=found.warning,
            simulated=found.simulated,
        )
        return room.reply(reply, structured=True), beside(reply, face.request_id)
