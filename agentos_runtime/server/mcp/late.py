"""An answer in one piece while it is quick; a stream of events when it is not, so that clients go on waiting.

Clients end a request after a minute of silence, and begin the minute anew with a notice of progress.
"""

import asyncio

from starlette.types import Send

from agentos_runtime.mcp.protocol import notification
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import Admitted, Response, event_stream_headers, names
from agentos_runtime.server.sse import EventWriter


class LateAnswer:
    """Use: `send` what was answered, and `cancel` whatever happens.

    token: of the client that wants to be told of progress. A client that takes no events is answered in one piece.
    """

    def __init__(self, send: Send, request: Admitted, token: str | int | None, limits: Limits) -> None:
        self._request = request
        self._token = token
        self._every = limits.progress_every
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._writer = EventWriter(send, limits.ping)
        self._begun = False
        self._saying: asyncio.Task[None] | None = None
        first = limits.patience if token is None else limits.progress_after
        takes = names(request.headers.get(b"accept", b""), b"text/event-stream")
        self._timer = self._loop.call_later(first, self._say) if takes else None

    async def send(self, response: Response) -> Response | None:
        """The response, for whoever sends it; None when it went out as the stream's last event."""
        self.cancel()
        if self._saying is not None:
            await self._saying
        self.cancel()
        if not self._begun:
            return response
        await self._writer.write(message_event(response.body), last=True)
        return None

    def cancel(self) -> None:
        """Nothing more is said on its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._begun:
            self._writer.close()

    def _say(self) -> None:
        self._saying = self._loop.create_task(self._go_on())

    async def _go_on(self) -> None:
        if not self._begun:
            self._begun = True
            await self._writer.start(event_stream_headers(self._request.request_id))
        if self._token is not None:
            seconds = round(self._loop.time() - self._began, 3)
            told = {"progressToken": self._token, "progress": seconds, "message": "waiting for the service"}
            await self._writer.write(message_event(notification("notifications/progress", told)))
            self._timer = self._loop.call_later(self._every, self._say)


def message_event(message: bytes) -> bytes:
    """JSON has no raw line ends, so the data is one line."""
    return b"event: message\ndata: %s\n\n" % message
