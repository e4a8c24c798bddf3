"""A scripted upstream on raw sockets, in threads, so that it serves tests, event loops and other processes alike.

    with Toy(answer(429, headers=[("Retry-After", "1")]), answer(body=b"{}")) as toy:
        ...                        # calls to toy.origin; the last behaviour answers all further requests
        toy.requests[0].body       # what arrived, byte for byte

A behaviour is a function of one Exchange: it may look at `exchange.request` and then send, stall, reset or close.
"""

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeAlias

Headers: TypeAlias = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    head: bytes
    """Request line and headers up to and with the empty line."""
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]

    def header(self, name: str) -> str | None:
        return ", ".join(value for key, value in self.headers if key == name.lower()) or None


class Exchange:
    """One request on one connection, seen by a behaviour."""

    def __init__(self, connection: "Connection", request: Received) -> None:
        self.connection = connection
        self.request = request

    def send(self, data: bytes) -> None:
        """Send all of it; ends the connection's thread when the client has gone."""
        self.connection.send(data)

    def close(self) -> None:
        """Close the connection the usual way."""
        raise ConnectionFinished

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionFinished

    def tunnel(self, address: tuple[str, int]) -> None:
        """Answer a CONNECT by carrying bytes to and from the address until either side goes."""
        with socket.create_connection(address) as there:
            self.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            here = self.connection.socket
            here.settimeout(None)
            back = threading.Thread(target=pump, args=(there, here), daemon=True)
            back.start()
            pump(here, there)
            back.join(10)
        raise ConnectionFinished

    def stall(self) -> None:
        """Say nothing until the client goes."""
        self.connection.wait_until_gone()
        raise ConnectionFinished


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until the source ends, and say so to the target."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


Behaviour: TypeAlias = Callable[[Exchange], None]


class ConnectionFinished(Exception):
    """The connection is over."""


class Connection:
    """One accepted connection; `gone` is set as soon as the toy has seen its end."""

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.gone = threading.Event()
        self.blocked = threading.Event()
        """Set when a send had to wait because the client does not read."""
        self.sent = 0
        self._unread = b""

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self.socket.settimeout(0.2)
            try:
                count = self.socket.send(view)
            except TimeoutError:
                self.blocked.set()
                continue
            except OSError:
                raise ConnectionFinished from None
            self.sent += count
            view = view[count:]

    def read_request(self) -> Received:
        while b"\r\n\r\n" not in self._unread:
            self._more()
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        request = Received(head + b"\r\n\r\n", b"")
        length = int(request.header("content-length") or 0)
        self._unread = rest
        while len(self._unread) < length:
            self._more()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Received(request.head, body)

    def wait_until_gone(self) -> None:
        with contextlib.suppress(ConnectionFinished):
            while True:
                self._more()

    def _more(self) -> None:
        self.socket.settimeout(None)
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise ConnectionFinished
        self._unread += data

    def finish(self) -> None:
        self.gone.set()
        with contextlib.suppress(OSError):
            self.socket.close()


@dataclass
class Toy:
    """The server: listens on a free port of 127.0.0.1 from construction on, serves inside `with`."""

    script: tuple[Behaviour, ...]
    requests: list[Received] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def __init__(
        self, *script: Behaviour, tls: ssl.SSLContext | None = None, send_buffer: int | None = None
    ) -> None:
        self.script = script
        self.requests = []
        self.connections = []
        self._tls = tls
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        if send_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.port: int = self._listener.getsockname()[1]

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def url(self, target: str = "/") -> str:
        return self.origin + target

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._serve, accepted)

    def _serve(self, accepted: socket.socket) -> None:
        try:
            connection = Connection(self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted)
        except OSError:
            accepted.close()
            return
        self.connections.append(connection)
        try:
            while True:
                request = connection.read_request()
                self._behaviour(request)(Exchange(connection, request))
        except ConnectionFinished:
            connection.finish()

    def _behaviour(self, request: Received) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            return self.script[min(len(self.requests), len(self.script)) - 1]


# ------------------------------------------------------------------ what an upstream may do


def render(status: int = 200, body: bytes = b"", headers: Headers = (), *, length: int | None = None) -> bytes:
    """A plain response as bytes; `length` is what Content-Length says when that is to be a lie."""
    lines = [f"HTTP/1.1 {status} Toy", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def render_chunks(chunks: Iterable[bytes], status: int = 200, headers: Headers = (), *, end: bool = True) -> bytes:
    """A chunked response as bytes; without its last chunk when `end` is false."""
    return chunked_head(status, headers) + b"".join(map(one_chunk, chunks)) + (b"0\r\n\r\n" if end else b"")


def chunked_head(status: int = 200, headers: Headers = ()) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Toy",
        *(f"{name}: {value}" for name, value in headers),
        "Transfer-Encoding: chunked",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def one_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(status: int = 200, body: bytes = b"", headers: Headers = (), *, length: int | None = None) -> Behaviour:
    """A plain answer; the connection is kept."""
    return say(render(status, body, headers, length=length))


def answer_json(value: object, status: int = 200, headers: Headers = ()) -> Behaviour:
    return answer(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])


def say(data: bytes) -> Behaviour:
    """Exactly these bytes; the connection is kept."""
    return lambda exchange: exchange.send(data)


def cut(data: bytes, at: int | None = None) -> Behaviour:
    """The first `at` bytes (None = all), then the connection is closed."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data[:at])
        exchange.close()

    return behave


def reset(data: bytes = b"") -> Behaviour:
    """These bytes, then a TCP reset."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.reset()

    return behave


def stall(data: bytes = b"") -> Behaviour:
    """These bytes, then nothing until the client goes."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.stall()

    return behave


def pieces(parts: Iterable[bytes], gate: Callable[[], object] = lambda: None) -> Behaviour:
    """Each part in a send of its own, `gate` called before each; the connection is kept."""
    kept = list(parts)

    def behave(exchange: Exchange) -> None:
        for part in kept:
            gate()
            exchange.send(part)

    return behave


def endless(head: bytes, again: bytes) -> Behaviour:
    """`head`, then `again` without end, as fast as the client reads."""

    def behave(exchange: Exchange) -> None:
        exchange.send(head)
        while True:
            exchange.send(again)

    return behave


def flood(status: int = 103) -> Behaviour:
    """Informational responses without end."""
    return endless(b"", f"HTTP/1.1 {status} Toy\r\nLink: </x>\r\n\r\n".encode() * 64)


def bomb(size: int, headers: Headers = ()) -> Behaviour:
    """`size` zero bytes as a small gzip body."""
    return answer(body=zipped(size), headers=[("Content-Encoding", "gzip"), *headers])


def zipped(size: int) -> bytes:
    """gzip of `size` zero bytes, made without holding them: one compressed megabyte, again and again."""
    block = bytes(1 << 20)
    whole, rest = divmod(size, len(block))
    head = gzip.compress(b"", mtime=0)[:10]
    once, last = (zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS) for _ in range(2))
    repeated = once.compress(block) + once.flush(zlib.Z_FULL_FLUSH)
    ending = last.compress(block[:rest]) + last.flush()
    checksum = 0
    for part in (*[block] * whole, block[:rest]):
        checksum = zlib.crc32(part, checksum)
    return head + repeated * whole + ending + struct.pack("<II", checksum, size % (1 << 32))


def gzipped(body: bytes, status: int = 200, headers: Headers = ()) -> Behaviour:
    return answer(status, gzip.compress(body, mtime=0), [("Content-Encoding", "gzip"), *headers])


def redirect(location: str, status: int = 302) -> Behaviour:
    return answer(status, headers=[("Location", location)])


def echo(exchange: Exchange) -> None:
    """Answer with what was asked: `{method, target, headers, body}`."""
    request = exchange.request
    body = request.body.decode("utf-8", "replace")
    answer_json({"method": request.method, "target": request.target, "headers": request.headers, "body": body})(
        exchange
    )


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """An origin whose port refuses connections and stays taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
