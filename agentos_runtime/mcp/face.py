"""Whom one request comes from, and what its connection wants to be shown."""

from agentos_runtime.calls.trace_context import TraceParent
from agentos_runtime.errors import Unauthorized
from agentos_runtime.frozen import dataclass
from agentos_runtime.mcp.ports import Runtime
from agentos_runtime.mcp.toolsets import Toolset
from agentos_runtime.security.agents import ANONYMOUS


@dataclass(frozen=True, slots=True)
class Face:
    """What one caller sees."""

    agent: str
    toolset: Toolset
    request_id: str
    parent: TraceParent | None = None
    """As the header of the request says; what a message says of itself wins."""
    console: str | None = None
    """The address of the console, where a person behind this client may be led to it."""


def agent_of(runtime: Runtime, agent: str, *, proven: bool, client: str | None) -> str:
    """The caller's name: as proven or given; else what its client calls itself, which proves nothing.

    Raises Unauthorized for a client whose name is bound to a token.
    """
    if agent != ANONYMOUS or client is None or client == ANONYMOUS:
        return agent
    if not proven and runtime.is_bound(client):
        raise Unauthorized(
            f'The client calls itself "{client}", and that name is bound to a token: send it as Authorization: '
            "Bearer agentos_…, or another name as X-Agent."
        )
    return client
