"""What answers behind the guard, and the one place where a bug becomes an answer."""

import asyncio
from importlib import import_module

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_runtime.console.access.door import Door
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.mcp.toolsets import McpSettings
from agentos_runtime.proxy.settings import FaceSettings
from agentos_runtime.server.error_log import caught
from agentos_runtime.server.lifecycle.health import HEALTH, Health
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import admitted, error_response
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.pages.reached import Reached
from agentos_runtime.server.paths import settle_path
from agentos_runtime.server.routes_calls import CallRoute
from agentos_runtime.server.use.shapes import shape_of

ROUTES = "agentos_runtime.server.routes.table"
"""All that is no call: loaded when it is first asked for, as it is a sixth of what a server would load."""
CALL_PATH = "/api/skills/"


@dataclass(slots=True)
class Parts:
    """What the routes are made of. `opening` takes the runtime when it is there, `calls` knows what is running."""

    opening: Opening
    calls: OpenCalls
    call: CallRoute
    health: Health
    limits: Limits
    mcp: McpSettings
    reached: Reached
    faces: FaceSettings
    door: Door | None


class HttpApp:
    """An ASGI application that expects the guard in front."""

    def __init__(
        self,
        limits: Limits,
        mcp: McpSettings = McpSettings(),  # noqa: B008 - a frozen value
        reached: Reached = Reached(),  # noqa: B008 - a frozen value
        faces: FaceSettings = FaceSettings(),  # noqa: B008 - a frozen value
        door: Door | None = None,
    ) -> None:
        self.calls, self.opening = OpenCalls(), Opening()
        self._call = CallRoute(self.opening, self.calls, limits)
        self._health = Health(self.opening, self.calls)
        self.parts = Parts(self.opening, self.calls, self._call, self._health, limits, mcp, reached, faces, door)
        self._routes: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is raised becomes the error of the contract."""
        settle_path(scope)
        try:
            await (self._at_hand(scope) or await self._loaded())(scope, receive, send)
        except AgentOSError as error:
            response = error_response(error, admitted(scope).request_id, shape=shape_of(scope))
        except Exception as error:  # noqa: BLE001 - the top of the surface: a bug becomes an answer
            request_id = admitted(scope).request_id
            response = error_response(caught(error, request_id), request_id, shape=shape_of(scope))
        else:
            return
        await response(scope, receive, send)

    def _at_hand(self, scope: Scope) -> ASGIApp | None:
        """What answers calls, which are most of all, and what is asked of every server at its start."""
        path: str = scope["path"]
        method = scope["method"]
        if method == "POST" and path.startswith(CALL_PATH):
            skill, slash, utility = path[len(CALL_PATH) :].partition("/")
            if skill and slash and utility and "/" not in utility:
                scope["path_params"] = {"skill": skill, "utility": utility}
                return self._call
        if path == HEALTH and method in ("GET", "HEAD"):
            return self._health
        return self._routes

    async def _loaded(self) -> ASGIApp:
        """Everything else: loaded in a thread, so that calls go on meanwhile."""
        made = await asyncio.to_thread(self._made)
        self._routes = self._routes or made
        return self._routes

    def _made(self) -> ASGIApp:
        made: ASGIApp = import_module(ROUTES).Routes(self.parts)
        return made
