"""A conversation answered by the server that runs on this machine. Starts quickly: no framework is loaded."""

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlencode

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.mcp.protocol import (
    INTERNAL_ERROR,
    META,
    MODERN,
    NAMED,
    Request,
    RpcError,
    header_text,
    notification,
)
from agentos_runtime.mcp.stdio import Say
from agentos_runtime.server.connections.peer import Peers

PATIENCE = 5.0
"""Seconds a server may take to say that it is one. Where none listens that is known at once."""
ANY_ADDRESS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
AGAIN = 2.0
"""Seconds after which a server that went away is asked again to tell of changes."""


@dataclass(frozen=True, slots=True)
class ForwardDesk:
    """headers: who sends; agent: the name that was given, None when the client's own says."""

    host: str
    port: int
    path: str
    headers: Mapping[str, str]
    names_itself: bool
    """Whether the client's own name is the agent's."""

    async def answer(self, line: bytes, request: Request, client: str | None, say: Say) -> None:
        """Raises RpcError when the server does not answer."""
        exchange = _Exchange(self, self._headers_for(request, client), line)
        await exchange.run(_telling(say) if request.method == "initialize" else say)

    async def notices(self, client: str | None, say: Say) -> None:
        """Hands the server's notices on to a legacy client, also those of a server that was started again."""
        meta: dict[str, Json] = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
        asked: dict[str, Json] = {"toolsListChanged": True, "resourcesListChanged": True}
        params: dict[str, Json] = {"notifications": asked, "_meta": meta}
        request = Request("notices", "subscriptions/listen", params, modern=True)
        line = dump({"jsonrpc": "2.0", "id": request.id, "method": request.method, "params": params})

        def tell(message: bytes) -> None:
            method = _method(message)
            if method and method.endswith("/list_changed"):
                say(notification(method))

        while True:
            with suppress(RpcError):
                await _Exchange(self, self._headers_for(request, client), line).run(tell)
            await asyncio.sleep(AGAIN)

    def _headers_for(self, request: Request, client: str | None) -> dict[str, str]:
        headers = {**self.headers, "Content-Type": "application/json"}
        headers["Accept"] = "application/json, text/event-stream"
        if self.names_itself and client is not None:
            headers["X-Agent"] = client
        version = request.meta.get(f"{META}protocolVersion")
        if isinstance(version, str):
            headers |= {"MCP-Protocol-Version": header_text(version), "Mcp-Method": header_text(request.method)}
            name = request.params.get(NAMED.get(request.method, ""))
            if isinstance(name, str):
                headers["Mcp-Name"] = header_text(name)
        return headers


class _Exchange:
    """One request to the server, in a thread; cancelled, its connection is closed, and the server ends the call."""

    def __init__(self, desk: ForwardDesk, headers: Mapping[str, str], body: bytes) -> None:
        self._desk = desk
        self._headers = headers
        self._body = body
        self._connection = http.client.HTTPConnection(desk.host, desk.port)
        self._loop = asyncio.get_running_loop()
        self._over = False
        """Nobody waits any more. Set before the connection is looked at, and looked at once there is one."""

    async def run(self, say: Say) -> None:
        """Raises RpcError."""
        done: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._talk, args=(say, done), daemon=True).start()
        try:
            await done
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """Also under a thread that reads: it then reads the end. One that does not yet talk does not begin."""
        self._over = True
        wire = self._connection.sock
        if wire is not None:
            with suppress(OSError):
                wire.shutdown(2)

    def _talk(self, say: Say, done: "asyncio.Future[None]") -> None:
        error: RpcError | None = None
        try:
            with closing(self._connection) as connection:
                connection.connect()
                if self._over:
                    return
                connection.request("POST", self._desk.path, self._body, dict(self._headers))
                for message in _messages(connection.getresponse()):
                    self._tell(say, message)
        except (OSError, http.client.HTTPException, ValueError) as failed:
            error = RpcError(
                INTERNAL_ERROR,
                f"The server at {self._desk.host}:{self._desk.port} does not answer "
                f"({type(failed).__name__}). Start it (agentos serve), or call without it (agentos mcp --local)",
            )
        except RpcError as refused:
            error = refused
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_finish, done, error)

    def _tell(self, say: Say, message: bytes) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._say, say, message)

    def _say(self, say: Say, message: bytes) -> None:
        if not self._over:
            say(message)


def _finish(done: "asyncio.Future[None]", error: RpcError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _messages(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The messages of an answer. Raises RpcError for an answer of HTTP that is none of MCP."""
    kind = response.headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        while line := response.readline():
            if line.startswith(b"data: "):
                yield line.removeprefix(b"data: ").rstrip(b"\r\n")
        return
    body = response.read()
    if response.status == 202:
        return
    found = _object(body)
    if "jsonrpc" not in found:
        told = str(found.get("error", f"The server answered with {response.status}"))
        raise RpcError(INTERNAL_ERROR, told, data=found or None)
    yield body


def _object(body: bytes) -> dict[str, Json]:
    try:
        found = parse(body)
    except JsonTextError:
        return {}
    return found if isinstance(found, dict) else {}


def _method(message: bytes) -> str | None:
    method = _object(message).get("method")
    return method if isinstance(method, str) else None


def _telling(say: Say) -> Say:
    """Says in the answer to a handshake that lists are told to change: over stdio they are."""

    def tell(message: bytes) -> None:
        found: Any = _object(message)
        capabilities = found.get("result", {}).get("capabilities")
        if isinstance(capabilities, dict):
            changes: Json = {"listChanged": True}
            capabilities |= {"tools": changes, "resources": changes}
            message = dump(found)
        say(message)

    return tell


def running_server(settings: Settings) -> tuple[str, int] | None:
    """Where an agentos of this user answers; asked without a token, and before anything is sent."""
    host = ANY_ADDRESS.get(settings.host, settings.host)
    with closing(http.client.HTTPConnection(host, settings.port, timeout=PATIENCE)) as connection:
        try:
            connection.request("GET", "/api/health")
            wire = connection.sock
            response = connection.getresponse()
            with closing(Peers()) as peers:  # now: before it was accepted, a connection has no owner
                foreign = peers.is_foreign(wire.getpeername(), wire.getsockname())
            health = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
    known = isinstance(health, dict) and {"status", "version", "skills"} <= health.keys()
    return (host, settings.port) if known and health["status"] == "ok" and not foreign else None


def path_of(tools: str | None, mode: str | None, *, read_only: bool) -> str:
    query = {"tools": tools, "mode": mode, "readonly": "1" if read_only else None}
    given = {name: value for name, value in query.items() if value}
    return f"/mcp?{urlencode(given)}" if given else "/mcp"
