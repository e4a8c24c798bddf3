"""What starts, balances and watches this server asks: whether it lives, and whether to send it calls."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_runtime.errors import MethodNotAllowed
from agentos_runtime.jsontext import dump
from agentos_runtime.server.messages import Response, error_response, request_id_of
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening

LIVE = "/api/health/live"
READY = "/api/health/ready"


class Probes:
    """ASGI middleware in front of the guard.

    Probes come by the address of a pod or from another user, without a token: they are answered to anybody, by one
    word. Everything else goes on; once the server is told to end, connections are closed behind their answers, so
    that clients of a balancer come back to another server.
    """

    def __init__(self, app: ASGIApp, opening: Opening, calls: OpenCalls) -> None:
        self._app = app
        self._opening = opening
        self._calls = calls

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"] in (LIVE, READY):
            return self._answer(scope, receive, send)
        ends = self._calls.draining or self._calls.stopping
        return self._app(scope, receive, _closing(send) if ends else send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"] = request_id_of(dict(scope["headers"]))
        if scope["method"] not in ("GET", "HEAD"):
            refused = MethodNotAllowed(f"{scope['method']} is not answered here, only GET.")
            response = error_response(refused, request_id, [(b"allow", b"GET, HEAD")])
        else:
            status = self._status() if scope["path"] == READY else "ok"
            response = Response(dump({"status": status}), 200 if status == "ok" else 503)
        await response(scope, receive, send)

    def _status(self) -> str:
        if self._calls.draining or self._calls.stopping:
            return "stopping"
        runtime = self._opening.runtime
        if runtime is None:
            return "starting"
        return "ok" if runtime.wants_calls else "database"


def _closing(send: Send) -> Send:
    async def last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return last
