"""A toy OpenRouter that costs next to nothing: canned answers over a raw protocol, plain or streamed.

`GET /mode?chunks=50&interval_ms=10` says how the next streams are paced (0 = all at once), `GET /mode?words=3000`
how long plain answers are.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httptools
import uvloop

from benchmarks.replies import plain_reply, stream_head, stream_pieces

EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Mode:
    """How streams are sent, and what a plain answer is."""

    pieces: tuple[bytes, ...] = stream_pieces(50)
    interval: float = 0.0
    plain: bytes = plain_reply()

    def change(self, query: str) -> None:
        given = parse_qs(query)
        if "words" in given:
            self.plain = plain_reply(int(given["words"][0]))
            return
        self.pieces = stream_pieces(int(given["chunks"][0]))
        self.interval = int(given["interval_ms"][0]) / 1000


class Exchange(asyncio.Protocol):
    """One connection; answers each request when its body is complete."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url = self.body = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.url.startswith(b"/mode?"):
            self.mode.change(urlsplit(self.url.decode()).query)
            self.transport.write(EMPTY)
        elif b'"stream":true' in self.body or b'"stream": true' in self.body:
            self.stream()
        else:
            self.transport.write(self.mode.plain)

    def stream(self) -> None:
        if self.mode.interval:
            self.transport.write(stream_head())
            self.send_piece(self.mode, 0)
        else:
            self.transport.write(stream_head() + b"".join(self.mode.pieces))

    def send_piece(self, mode: Mode, index: int) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(mode.pieces[index])
        if index + 1 < len(mode.pieces):
            asyncio.get_running_loop().call_later(mode.interval, self.send_piece, mode, index + 1)


async def serve(port: int) -> None:
    mode = Mode()
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(mode), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
