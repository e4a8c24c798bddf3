"""All routes, and what is said where none of them takes a request."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_runtime.errors import MethodNotAllowed, NotFound
from agentos_runtime.server.activity.routes import ActivityRoutes
from agentos_runtime.server.app import CALL_PATH, Parts
from agentos_runtime.server.console.routes import console_routes
from agentos_runtime.server.lifecycle.health import HEALTH
from agentos_runtime.server.mcp.route import McpRoute
from agentos_runtime.server.messages import Response, admitted, error_response
from agentos_runtime.server.operators.routes import operator_routes
from agentos_runtime.server.pages.described import Described
from agentos_runtime.server.pages.figures import FiguresRoute
from agentos_runtime.server.pages.front import Pages
from agentos_runtime.server.routes.reads import Reads
from agentos_runtime.server.use.faces import FacesRoute
from agentos_runtime.server.use.once import OnceRoute
from agentos_runtime.server.use.route import Passing, UseRoute
from agentos_runtime.server.use.shapes import FACES, USE
from agentos_runtime.server.waiting.routes import WaitingRoutes


class Routes:
    """An ASGI application: what is passed through goes past the router."""

    def __init__(self, parts: Parts) -> None:
        passing = Passing(parts.opening, parts.calls, parts.limits.hold, parts.reached.public_url)
        self.router = Router([*_routes(parts, passing)], redirect_slashes=False)
        self._passed: Mapping[str, ASGIApp] = {
            USE: UseRoute(passing, parts.call),
            FACES: FacesRoute(passing, parts.faces),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["raw_path"][: scope["path"].find("/", 1) + 1].decode("latin-1")
        passed = self._passed.get(first)
        if passed is not None:
            await passed(scope, receive, send)
            return
        scope["app"] = self  # Starlette's router asks for it
        try:
            await self.router(scope, receive, send)
        except HTTPException:
            await self._unrouted(scope)(scope, receive, send)

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
        routes = [route for route in self.router.routes if isinstance(route, Route)]
        methods = {
            method
            for route in routes
            if route.matches(scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
        return sorted(methods | {"OPTIONS"}) if methods else []


def _routes(parts: Parts, passing: Passing) -> list[Route]:
    opening, calls, limits, reached, door = parts.opening, parts.calls, parts.limits, parts.reached, parts.door
    reads, described, pages = Reads(opening), Described(opening, reached), Pages(opening, reached)
    tools = McpRoute(opening, calls, limits, parts.mcp, door)
    return [
        Route("/", pages.front),
        Route("/docs", pages.docs),
        Route("/docs/{file}", pages.file),
        Route("/metrics", FiguresRoute(opening, reached).read),
        Route("/openapi.json", described.whole),
        Route("/api/skills/{skill}/openapi.json", described.of_skill),
        Route(CALL_PATH + "{skill}/{utility}", parts.call, methods=["POST"]),
        Route(HEALTH, parts.health, methods=["GET"]),
        Route("/api/skills", reads.skills),
        Route("/api/skills/{skill}", reads.skill),
        Route("/api/skills/{skill}/icon", reads.icon),
        Route("/api/skills/{skill}/{utility}", reads.utility),
        Route("/api/entities", reads.entities),
        Route("/api/entities/{entity}", reads.entity),
        *ActivityRoutes(opening, calls, limits).routes(),
        *operator_routes(opening),
        *WaitingRoutes(opening, calls).routes(),
        Route("/api/use", OnceRoute(passing, calls), methods=["POST"]),
        Route("/mcp", tools, methods=["POST"]),
        Route("/mcp/{skill}", tools, methods=["POST"]),
        *(console_routes(door, opening, calls, limits) if door else ()),
    ]
