"""A simulated service over HTTP, for whoever wants to see real requests leave: answers from cases."""

from starlette.types import Receive, Scope, Send

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.jsontext import dump
from agentos_runtime.testing.matching import read_body
from agentos_runtime.testing.model import SimulatedAnswer
from agentos_runtime.testing.simulate import Chooser, Pause, pieces


class SimulatedService:
    """An ASGI application that plays the service at `origin`; `arrived` is what it was asked, in order.

    chooser: picks the case; to be set before the first request.
    """

    def __init__(self, origin: str, pause: Pause) -> None:
        self.arrived: list[UpstreamRequest] = []
        self.answered: list[SimulatedAnswer] = []
        self.chooser: Chooser | None = None
        self._origin = origin
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await self._read(scope, receive)
        answer = self._answer(request)
        self.arrived.append(request)
        self.answered.append(answer)
        headers = [(name.encode(), text.encode()) for name, text in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for piece in pieces(answer):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if answer.events is not None:
                await self._pause()
        await send({"type": "http.response.body", "body": b""})

    async def _read(self, scope: Scope, receive: Receive) -> UpstreamRequest:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        headers = tuple((name.decode("latin-1"), text.decode("latin-1")) for name, text in scope["headers"])
        return UpstreamRequest(scope["method"], f"{self._origin}{scope['path']}{query}", headers, body or None)

    def _answer(self, request: UpstreamRequest) -> SimulatedAnswer:
        body = read_body(request.body)
        streaming = isinstance(body, dict) and body.get("stream") is True
        assert self.chooser is not None
        try:
            return self.chooser.choose(request, streaming=streaming).answer
        except UpstreamUnreachable as error:
            text = dump({"error": {"code": 404, "message": error.message}})
            return SimulatedAnswer(404, {"content-type": "application/json"}, text)
