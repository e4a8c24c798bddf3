"""A listener on this machine alone that waits for one answer from the browser, and is gone after it."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from agentos_runtime.frozen import dataclass
from agentos_runtime.security.login.callback import Callback, LoginError, NotTheAnswer, OtherPage

LARGEST_HEAD = 16 * 1024
HEAD_TIMEOUT = 10.0
"""Seconds for one request to arrive; browsers open connections that they may not use."""
TRIES = 20
"""Ports to try, each of which has to be free at both addresses."""

_LOOPBACK: Mapping[str, Sequence[tuple[str, socket.AddressFamily]]] = {
    "127.0.0.1": (("127.0.0.1", socket.AF_INET),),
    "localhost": (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)),
}
_PAGES: Mapping[int, tuple[str, str]] = {
    200: ("Received", "The answer has arrived: the terminal says how it went. This page may be closed."),
    400: ("Not the answer", "This page does not belong to the login that is waited for. The wait goes on."),
    403: ("Refused", "Only a browser that comes back from the login may open this."),
    404: ("Nothing here", "This address only receives the answer to a login."),
    405: ("Refused", "This page is only opened, never written to."),
    409: ("Already received", "The answer came before. This page may be closed."),
    421: ("Refused", "This is not the address that the login was told to come back to."),
}
_REASONS: Mapping[int, str] = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    421: "Misdirected Request",
}
_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Cache-Control: no-store\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Connection: close\r\n"
)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: Mapping[str, str]
    """By lower-case name; values of a repeated one joined by commas, which fit nothing then."""


class Listener:
    """Loopback sockets, inside `with`; nothing is answered before `answer` is called.

    declared: `http://localhost:3000/callback`. Its port is taken when it is free, else another one. `localhost` is
    listened for at both of its addresses, so that no other program gets what is meant for this one.
    """

    def __init__(self, declared: str) -> None:
        parts = urlsplit(declared)
        host = parts.hostname or "127.0.0.1"
        self._sockets = _bound(host, parts.port) if parts.port else []
        self.preferred = bool(self._sockets) or parts.port is None
        """Whether the port is the declared one, or none was declared."""
        self._sockets = self._sockets or _bound_somewhere(host)
        self.port: int = self._sockets[0].getsockname()[1]
        self.page = urlunsplit((parts.scheme, f"{host}:{self.port}", parts.path, "", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def answer(self, callback: Callback, *, timeout: float) -> str:
        """The code that the browser brings within `timeout` seconds; the listener is closed then.

        Raises LoginError when the service said no, or nobody came.
        """
        waiting = _Waiting(callback)
        try:
            for each in self._sockets:
                waiting.listen(each)
            async with asyncio.timeout(timeout):
                return await waiting.answered
        except TimeoutError:
            raise LoginError(
                f"Nobody came back from the browser within {timeout:g} s. If the browser runs on another machine, "
                "add --no-browser and paste what it shows."
            ) from None
        finally:
            await waiting.leave()
            self.close()

    def close(self) -> None:
        for each in self._sockets:
            each.close()


class _Waiting:
    """The connections there are while one answer is waited for.

    On bare sockets: whatever is under way when the answer is there is closed with its task, at once.
    """

    def __init__(self, callback: Callback) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._connections: dict[asyncio.Task[None], socket.socket] = {}
        self._taken = False
        self.answered: asyncio.Future[str] = self._loop.create_future()

    def listen(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        self._listening.append(listening)
        self._loop.add_reader(listening, self._accept, listening)

    async def leave(self) -> None:
        for listening in self._listening:
            self._loop.remove_reader(listening)
        connections = dict(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        for connection in connections.values():
            connection.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            connection.setblocking(False)
            task = self._loop.create_task(self._serve(connection))
            self._connections[task] = connection
            task.add_done_callback(self._connections.pop)

    async def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(HEAD_TIMEOUT):
                head = await self._head(connection)
                if head is not None:
                    await self._respond(_parse(head), connection)

    async def _head(self, connection: socket.socket) -> bytes | None:
        """Up to the empty line; None when it does not come, or is too long."""
        head = b""
        while b"\r\n\r\n" not in head and len(head) <= LARGEST_HEAD:
            data = await self._loop.sock_recv(connection, LARGEST_HEAD)
            if not data:
                return None
            head += data
        return head.partition(b"\r\n\r\n")[0] if b"\r\n\r\n" in head else None

    async def _respond(self, request: _Request | None, connection: socket.socket) -> None:
        """The answer counts once, and is handed on when its page has been written."""
        status = _refused(request, self._callback.host)
        outcome: str | LoginError | None = None
        if request is not None and status is None:
            status, outcome = self._judged(request.target)
        try:
            await self._loop.sock_sendall(connection, _page(status or 400))
        finally:
            if outcome is not None and not self.answered.done():
                self._finish(outcome)

    def _finish(self, outcome: str | LoginError) -> None:
        if isinstance(outcome, str):
            self.answered.set_result(outcome)
        else:
            self.answered.set_exception(outcome)

    def _judged(self, target: str) -> tuple[int, str | LoginError | None]:
        try:
            outcome: str | LoginError = self._callback.code(target)
        except OtherPage:
            return 404, None
        except NotTheAnswer:
            return 400, None
        except LoginError as error:
            outcome = error
        if self._taken:
            return 409, None
        self._taken = True
        return 200, outcome


def _refused(request: _Request | None, host: str) -> int | None:
    """The status for what no browser sends when it comes back from a login; None = it may be the answer."""
    if request is None:
        return 400
    if request.headers.get("host", "").lower() != host:
        return 421
    if request.method != "GET":
        return 405
    if "origin" in request.headers or request.headers.get("sec-fetch-mode", "navigate") != "navigate":
        return 403
    return None


def _parse(head: bytes) -> _Request | None:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        before = f"{headers[name.lower()]}," if name.lower() in headers else ""
        headers[name.lower()] = before + value.strip()
    return _Request(words[0], words[1], headers)


def _page(status: int) -> bytes:
    """A page of fixed words: nothing of the request stands in it."""
    title, words = _PAGES[status]
    body = f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><p>{words}</p></html>\n'.encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _bound_somewhere(host: str) -> list[socket.socket]:
    for _ in range(TRIES):
        sockets = _bound(host, 0)
        if sockets:
            return sockets
    raise LoginError("No port of this machine can be listened on. Add --no-browser to paste the answer instead.")


def _bound(host: str, port: int) -> list[socket.socket]:
    """A socket per address of the host, all on one port; empty when one of them is in use."""
    sockets: list[socket.socket] = []
    for address, family in _LOOPBACK[host]:
        try:
            made = socket.create_server((address, port), family=family)
        except OSError as error:
            if sockets and error.errno not in (errno.EADDRINUSE, errno.EACCES):
                continue  # a machine without IPv6
            for each in sockets:
                each.close()
            return []
        sockets.append(made)
        port = made.getsockname()[1]
    return sockets
