"""The routes behind the guard, and the one place where a bug becomes an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from agentos_runtime.errors import AgentOSError, MethodNotAllowed, Overloaded, ShuttingDown
from agentos_runtime.surfaces.http import routes_reads as reads
from agentos_runtime.surfaces.http.bugs import caught
from agentos_runtime.surfaces.http.limits import Limits
from agentos_runtime.surfaces.http.messages import (
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
    json_response,
)
from agentos_runtime.surfaces.http.open_calls import STOPPING, OpenCalls
from agentos_runtime.surfaces.http.ports import Runtime
from agentos_runtime.surfaces.http.router import Endpoint, Route, Router, allow_header
from agentos_runtime.surfaces.http.routes_calls import CallRoute

Read: TypeAlias = Callable[..., Awaitable[Response]]
"""Takes the runtime, the request, and the path's variables."""


class HttpApp:
    """An ASGI application; expects the guard in front, which leaves the request in the scope's state.

    Requests that come before `start` wait for it, except health, which says so. `calls` knows what is running.
    """

    def __init__(self, limits: Limits) -> None:
        self.calls = OpenCalls()
        self._call_route = CallRoute(self.calls, limits.ping)
        self._runtime: Runtime | None = None
        self._started = asyncio.Event()
        self._router = Router(
            [
                Route.of("POST", "/api/skills/*/*", self._call),
                Route.of("GET", "/api/health", self._health),
                Route.of("GET", "/api/skills", self._reading(reads.list_skills)),
                Route.of("GET", "/api/skills/*", self._reading(reads.show_skill)),
                Route.of("GET", "/api/skills/*/icon", self._reading(reads.show_icon)),
                Route.of("GET", "/api/skills/*/*", self._reading(reads.show_utility)),
                Route.of("GET", "/api/activity", self._reading(reads.show_activity)),
                Route.of("GET", "/api/usage", self._reading(reads.show_usage)),
            ]
        )

    def start(self, runtime: Runtime) -> None:
        """From now on requests are answered by this runtime."""
        self._runtime = runtime
        self._started.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = scope["state"]["request"]
        try:
            response = await self._router.answer(request, send)
        except MethodNotAllowed as error:
            allowed = error.details["allow"]
            assert isinstance(allowed, list)
            response = error_response(
                error, request.request_id, [allow_header([str(method) for method in allowed])]
            )
        except AgentOSError as error:
            response = error_response(error, request.request_id)
        except Exception as error:  # noqa: BLE001 - the top of the surface: a bug becomes an answer
            response = error_response(caught(error, request.request_id), request.request_id)
        if response is not None:
            await response.send(send, request.request_id)

    async def _call(self, request: Request, send: Send, skill: str, utility: str) -> Response | None:
        return await self._call_route(self._runtime or await self._ready(), request, send, skill, utility)

    def _reading(self, read: Read) -> Endpoint:
        async def endpoint(request: Request, send: Send, *variables: str) -> Response:
            return await read(self._runtime or await self._ready(), request, *variables)

        return endpoint

    async def _health(self, request: Request, send: Send) -> Response:
        if self.calls.stopping:
            raise ShuttingDown(STOPPING, details={"status": "stopping"})
        if self._runtime is None:
            raise Overloaded("The server is starting.", retry_after=1, details={"status": "starting"})
        return json_response(self._runtime.health())

    async def _ready(self) -> Runtime:
        await self._started.wait()
        assert self._runtime is not None
        return self._runtime
