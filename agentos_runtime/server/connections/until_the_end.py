"""Answers to clients of HTTP/1.0, which know no chunks: what has no length lasts until the connection ends."""

import socket
import struct
from contextlib import suppress
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class UntilTheEnd:
    """In place of a cycle's own `send`. What breaks off ends with a reset, so that nobody takes it for all."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send: Any = cycle.send
        self._endless = False

    async def __call__(self, message: Message) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            if all(name != b"content-length" for name, _ in message["headers"]):
                cycle.chunked_encoding = False
                self._endless = True
                _reset_at_close(cycle, on=True)
        elif self._endless:
            cycle.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False):
                _reset_at_close(cycle, on=False)
        await self._send(message)


def _reset_at_close(cycle: RequestResponseCycle, *, on: bool) -> None:
    with suppress(AttributeError, OSError):
        wire = cycle.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))
