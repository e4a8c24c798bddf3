"""`GET /api/health`: what starts a server, and what watches it, asks it for that first."""

from starlette.types import Receive, Scope, Send

from agentos_runtime.errors import Overloaded, ShuttingDown
from agentos_runtime.server.messages import Response, json_response
from agentos_runtime.server.open_calls import STOPPING, OpenCalls
from agentos_runtime.server.opening import Opening

HEALTH = "/api/health"


class Health:
    """An ASGI application; the only one that does not wait for the runtime to open."""

    def __init__(self, opening: Opening, calls: OpenCalls) -> None:
        self._opening = opening
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer()(scope, receive, send)

    def _answer(self) -> Response:
        if self._calls.stopping or self._calls.draining:
            raise ShuttingDown(STOPPING, details={"status": "stopping"})
        if self._opening.runtime is None:
            raise Overloaded("The server is starting.", retry_after=1, details={"status": "starting"})
        return json_response(self._opening.runtime.health())
