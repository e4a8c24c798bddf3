"""The routes behind the guard, and the one place where a bug becomes an answer."""

from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_runtime.console.access.door import Door
from agentos_runtime.errors import AgentOSError, MethodNotAllowed, NotFound
from agentos_runtime.mcp.toolsets import McpSettings
from agentos_runtime.proxy.faces import FaceSettings
from agentos_runtime.server.activity.routes import ActivityRoutes
from agentos_runtime.server.console.routes import console_routes
from agentos_runtime.server.error_log import caught
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.mcp.route import McpRoute
from agentos_runtime.server.messages import Response, admitted, error_response
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.operators.routes import operator_routes
from agentos_runtime.server.pages.described import Described, Reached
from agentos_runtime.server.pages.figures import FiguresRoute
from agentos_runtime.server.pages.front import Pages
from agentos_runtime.server.paths import settle_path
from agentos_runtime.server.routes_calls import CallRoute
from agentos_runtime.server.routes_reads import Reads
from agentos_runtime.server.use.faces import FacesRoute
from agentos_runtime.server.use.once import OnceRoute
from agentos_runtime.server.use.route import Passing, UseRoute
from agentos_runtime.server.use.shapes import FACES, USE, shape_of
from agentos_runtime.server.waiting.routes import WaitingRoutes


class HttpApp(Starlette):
    """Expects the guard in front. `opening` takes the runtime when it is there, `calls` knows what is running."""

    def __init__(
        self,
        limits: Limits,
        mcp: McpSettings = McpSettings(),  # noqa: B008 - a frozen value
        reached: Reached = Reached(),  # noqa: B008 - a frozen value
        faces: FaceSettings = FaceSettings(),  # noqa: B008 - a frozen value
        door: Door | None = None,
    ) -> None:
        self.calls = OpenCalls()
        self.opening = Opening()
        call = CallRoute(self.opening, self.calls, limits)
        reads = Reads(self.opening, self.calls)
        tools = McpRoute(self.opening, self.calls, limits, mcp, door)
        described, pages = Described(self.opening, reached), Pages(self.opening, reached)
        passing = Passing(self.opening, self.calls, limits.hold)
        passed: dict[str, ASGIApp] = {USE: UseRoute(passing, call), FACES: FacesRoute(passing, faces)}
        super().__init__(
            routes=[
                Route("/", pages.front),
                Route("/docs", pages.docs),
                Route("/docs/{file}", pages.file),
                Route("/metrics", FiguresRoute(self.opening, reached).read),
                Route("/openapi.json", described.whole),
                Route("/api/skills/{skill}/openapi.json", described.of_skill),
                Route(CALL_PATH + "{skill}/{utility}", call, methods=["POST"]),
                Route("/api/health", reads.health),
                Route("/api/skills", reads.skills),
                Route("/api/skills/{skill}", reads.skill),
                Route("/api/skills/{skill}/icon", reads.icon),
                Route("/api/skills/{skill}/{utility}", reads.utility),
                Route("/api/entities", reads.entities),
                Route("/api/entities/{entity}", reads.entity),
                *ActivityRoutes(self.opening, self.calls, limits).routes(),
                *operator_routes(self.opening),
                *WaitingRoutes(self.opening, self.calls).routes(),
                Route("/api/use", OnceRoute(passing, self.calls), methods=["POST"]),
                Route("/mcp", tools, methods=["POST"]),
                Route("/mcp/{skill}", tools, methods=["POST"]),
                *(console_routes(door, self.opening, self.calls, limits) if door else ()),
            ]
        )
        self.router.redirect_slashes = False
        self._answers = Answers(self.router, call, passed)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """One layer in place of Starlette's two, whose outer one hands every bug on to the server to be printed."""
        scope["app"] = self  # Starlette's router asks for it
        return self._answers(scope, receive, send)


class Answers:
    """What is raised behind it becomes the error of the contract."""

    def __init__(self, router: Router, call: CallRoute, passed: Mapping[str, ASGIApp]) -> None:
        self._router = router
        self._call = call
        self._passed = passed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settle_path(scope)
        try:
            await self._app(scope)(scope, receive, send)
        except HTTPException:
            response = self._unrouted(scope)
        except AgentOSError as error:
            response = error_response(error, admitted(scope).request_id, shape=shape_of(scope))
        except Exception as error:  # noqa: BLE001 - the top of the surface: a bug becomes an answer
            request_id = admitted(scope).request_id
            response = error_response(caught(error, request_id), request_id, shape=shape_of(scope))
        else:
            return
        await response(scope, receive, send)

    def _app(self, scope: Scope) -> ASGIApp:
        """What answers: calls, which are most of all, go there past the router."""
        path: str = scope["path"]
        if scope["method"] == "POST" and path.startswith(CALL_PATH):
            skill, slash, utility = path[len(CALL_PATH) :].partition("/")
            if skill and slash and utility and "/" not in utility:
                scope["path_params"] = {"skill": skill, "utility": utility}
                return self._call
        first = scope["raw_path"][: path.find("/", 1) + 1].decode("latin-1")
        if first in self._passed:
            return self._passed[first]
        return self._router

    def _unrouted(self, scope: Scope) -> Response:
        """No route takes both this path and this method."""
        request_id = admitted(scope).request_id
        allowed = self._allowed(scope)
        if not allowed:
            nowhere = NotFound(
                "Nothing is here. GET /api/skills lists the skills; POST /api/skills/<id>/<utility> calls one."
            )
            return error_response(nowhere, request_id)
        allow = (b"allow", ", ".join(allowed).encode())
        if scope["method"] == "OPTIONS":
            return Response(b"", 204, headers=(allow,))
        refused = MethodNotAllowed(
            f"{scope['method']} is not answered here, only {', '.join(allowed)}.", details={"allow": [*allowed]}
        )
        return error_response(refused, request_id, [allow])

    def _allowed(self, scope: Scope) -> list[str]:
        """The methods of all routes that take this path, not only of the first."""
        routes = [route for route in self._router.routes if isinstance(route, Route)]
        methods = {
            method
            for route in routes
            if route.matches(scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
        return sorted(methods | {"OPTIONS"}) if methods else []


CALL_PATH = "/api/skills/"
