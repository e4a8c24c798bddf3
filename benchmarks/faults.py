"""The toy upstream, misbehaving when the model (`fault/reset`) asks for it: `python -m benchmarks.faults PORT`."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

import uvloop

from benchmarks.replies import plain_reply, stream_head, stream_pieces
from benchmarks.upstream import Exchange, Mode

NO = b'{"error": {"message": "not now", "code": 429}}'
HEAD = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
Fault: TypeAlias = Callable[["FaultyExchange"], None]


class FaultyExchange(Exchange):
    """One connection; a fault is done in place of the answer."""

    def on_message_complete(self) -> None:
        name = self.body.partition(b'"fault/')[2].partition(b'"')[0].decode()
        fault = FAULTS.get(name)
        if fault is None:
            super().on_message_complete()
        else:
            fault(self)

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self, data: bytes = b"") -> None:
        self.transport.write(data)
        self.transport.close()

    def reset(self, data: bytes = b"") -> None:
        self.transport.write(data)
        self.transport.abort()


def wait(exchange: FaultyExchange) -> None:
    """Say nothing; the caller leaves."""


FAULTS: Mapping[str, Fault] = {
    "reset": FaultyExchange.reset,
    "close": FaultyExchange.close,
    "cut": lambda exchange: exchange.close(plain_reply()[:700]),
    "cut-stream": lambda exchange: exchange.close(stream_head() + b"".join(stream_pieces(5)[:4])),
    "429": lambda exchange: exchange.say(HEAD % (b"429 Slow", len(NO)) + NO),
    "500": lambda exchange: exchange.say(HEAD % (b"500 Oops", len(NO)) + NO),
    "html": lambda exchange: exchange.say(HEAD % (b"200 OK", 6) + b"<html>"),
    "early-hints": lambda exchange: exchange.close(b"HTTP/1.1 103 Hints\r\n\r\n" * 200),
    "wait": wait,
}


async def serve(port: int) -> None:
    mode = Mode()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FaultyExchange(mode), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
