"""Requests as bytes and as people write them, and what came back."""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Protocol


class Listening(Protocol):
    """Whatever listens on a port of this machine."""

    @property
    def port(self) -> int: ...


@dataclass(frozen=True)
class Address:
    port: int


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The error's code; also checks that the error has the shape of the contract."""
        if self.status < 300:
            return None
        body = self.json
        assert isinstance(body["error"], str)
        assert body["error"]
        assert body["request_id"] == self.headers["x-request-id"]
        code = body["code"]
        assert isinstance(code, str)
        return code


def ask(
    server: Listening, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request on a connection of its own; a body that is not bytes is sent as JSON."""
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=sent)
        with connection.getresponse() as response:
            return _answer(response)


def send_raw(server: Listening, request: bytes) -> Answer:
    """The first answer to bytes as they stand; raises http.client's errors when there is none."""
    with connected(server) as wire:
        wire.sendall(request)
        return read_answer(wire)


def read_answer(wire: socket.socket) -> Answer:
    with HTTPResponse(wire) as response:
        response.begin()
        return _answer(response)


@contextlib.contextmanager
def connected(server: Listening) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        yield wire


def post(server: Listening, path: str, body: bytes, *headers: str) -> bytes:
    """A POST as bytes, with right headers unless others are given under the same name; no length when chunked."""
    lines = {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    for header in headers:
        name, _, value = header.partition(": ")
        lines[name.lower()] = value
    if "transfer-encoding" in lines:
        del lines["content-length"]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _answer(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def read_until(wire: socket.socket, mark: bytes) -> bytes:
    got = bytearray()
    looked = 0
    while got.find(mark, max(0, looked - len(mark))) < 0:
        looked = len(got)
        chunk = wire.recv(1 << 20)
        assert chunk, f"the server closed before {mark!r}"
        got += chunk
    return bytes(got)
