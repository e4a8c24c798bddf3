"""Server-sent events out: frames, pings in silence, back-pressure."""

import asyncio
from collections.abc import Sequence

from starlette.types import Send

from agentos_runtime import jsontext
from agentos_runtime.calls.call import Event
from agentos_runtime.jsontext import Json
from agentos_runtime.server.connections.at_once import begin_at_once, body_writer
from agentos_runtime.server.messages import Headers

TERMINAL = frozenset({"done", "error"})
PING = b": ping\n\n"
_DELTA, _END = b"event: delta\ndata: ", b"\n\n"


def frame(name: str, data: Json, text: bytes | None = None) -> bytes:
    """One event; JSON has no raw line ends, so the data is one line. text: the data as JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), jsontext.dump(data) if text is None else text)


def frames(events: Sequence[Event]) -> bytes:
    pieces: list[bytes] = []
    for event in events:
        if event.name == "delta" and event.text is not None:  # as most are
            pieces += (_DELTA, event.text, _END)
        else:
            pieces.append(frame(event.name, event.data, event.text))
    return b"".join(pieces)


class EventWriter:
    """Writes a response of events. `write` waits while the client reads slowly; silence is filled with pings."""

    def __init__(self, send: Send, ping_interval: float) -> None:
        self._send = send
        self._write_at_once = body_writer(send)
        self._interval = ping_interval
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None
        self._head: Headers | None = None
        """What is yet to be sent, with the first bytes."""

    def start_with_first(self, headers: Headers) -> None:
        """As `start`, with what is written first, which is there already: in one piece."""
        self._head = headers

    async def start(self, headers: Headers) -> None:
        self._head = None
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        self._last = self._loop.time()
        self._arm()

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Sends the bytes in one piece; `last` ends the response."""
        if self._head is not None and await self._began(self._head, data, last=last):
            return
        self._writing = True
        if last:
            self.close()
        ping, self._ping = self._ping, None
        if ping is not None:
            await ping
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        self._last = self._loop.time()
        self._writing = False

    async def _began(self, head: Headers, data: bytes, *, last: bool) -> bool:
        """Send the head, and whether the bytes went with it."""
        if not begin_at_once(self._send, head, data, last=last):
            await self.start(head)
            return False
        self._head = None
        self._last = self._loop.time()
        if not last:
            self._arm()
        return True

    def write_at_once(self, data: bytes) -> bool:
        """Sends the bytes as `write` does; False where that has to wait, and nothing was sent."""
        if self._writing or self._head is not None or self._ping is not None or not self._write_at_once(data):
            return False
        self._last = self._loop.time()
        return True

    def close(self) -> None:
        """No more pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._last + self._interval, self._fill_silence)

    def _fill_silence(self) -> None:
        now = self._loop.time()
        if self._writing or (self._ping is not None and not self._ping.done()):
            self._last = now
        elif now >= self._last + self._interval:
            self._ping = self._loop.create_task(self._send_ping())
            self._last = now
        self._arm()

    async def _send_ping(self) -> None:
        await self._send({"type": "http.response.body", "body": PING, "more_body": True})
