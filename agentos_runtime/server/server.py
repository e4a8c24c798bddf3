"""Listening, serving, and stopping without hanging."""

import asyncio
import contextlib
import itertools
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from email.utils import formatdate
from typing import Any, TypeAlias, TypeVar

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.console.access.door import open_door
from agentos_runtime.mcp.toolsets import read_mcp
from agentos_runtime.metrics.settings import read_metrics
from agentos_runtime.proxy.settings import read_faces
from agentos_runtime.server.app import HttpApp
from agentos_runtime.server.connections.connection import Connection, sweep
from agentos_runtime.server.connections.ending import accept_waiting, hear_no_more, refuse_from_now_on
from agentos_runtime.server.connections.peer import Peers
from agentos_runtime.server.garbage import Collector
from agentos_runtime.server.guard import Guard
from agentos_runtime.server.lifecycle.probes import Probes
from agentos_runtime.server.lifecycle.processes import End, Inherited
from agentos_runtime.server.limits import DEFAULT_LIMITS, Limits
from agentos_runtime.server.pages.reached import Reached
from agentos_runtime.server.ports import Runtime
from agentos_runtime.storage.reply_files import ReplyFiles

Opened = TypeVar("Opened")
OpenRuntime: TypeAlias = Callable[[], AbstractAsyncContextManager[Runtime]]


def run(
    open_runtime: OpenRuntime,
    settings: Settings,
    *,
    ready: Callable[[str], object],
    notice: Callable[[str], object],
    inherited: Inherited | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; see `serve`. A thread that reads a large file soon gives way to calls."""
    sys.setswitchinterval(0.001)  # seconds
    uvloop.run(serve(open_runtime, settings, ready=ready, notice=notice, inherited=inherited))


async def serve(
    open_runtime: OpenRuntime,
    settings: Settings,
    *,
    ready: Callable[[str], object],
    notice: Callable[[str], object],
    limits: Limits = DEFAULT_LIMITS,
    stop: asyncio.Event | None = None,
    inherited: Inherited | None = None,
) -> None:
    """Open the runtime and serve it until `stop` is set or the process is told to end by SIGTERM or SIGINT.

    One of several processes serves on the listeners it `inherited`, and stops when its parent is gone.
    `ready` gets the address once calls are answered; `notice` gets a sentence for everything this platform cannot
    promise. Raises SettingsError when the address cannot be listened on, and whatever opening the runtime raises.
    """
    end = End(stop or asyncio.Event(), of_all=inherited is None)
    listener = inherited.listener if inherited else listen(settings.host, settings.port)
    replies = ReplyFiles(settings.replies_folder, settings.activity_file)
    with contextlib.closing(listener), contextlib.closing(Peers()) as peers, _ended_by_signals(end), replies:
        if not peers.available:
            notice(
                "This system does not tell whose a connection is: other users of this machine can call this server."
            )
        _allow_open_files(settings.max_connections)
        port = listener.getsockname()[1]
        door = open_door(settings, port)
        file = settings.config_file
        figures = read_metrics(settings.metrics, file)
        reached = Reached(settings.public_url, settings.token is not None, figures.open)
        mcp = replace(read_mcp(settings.mcp, file), keeps=settings.database is None, shelf=replies)
        app = HttpApp(limits, mcp, reached, read_faces(settings.faces, file), door)
        collector = Collector(app.opening.is_loading)
        guard = Guard(app, settings, port, limits, door, open_figures=figures.open)
        front = Probes(guard, app.opening, app.calls)
        server = Server(front, listener, peers, limits, settings.max_connections, collector, end)
        async with (
            server.running(),
            _awaited(end, inherited, server) as ending,
            contextlib.AsyncExitStack() as opened,
        ):
            runtime = await _unless(ending, opened.enter_async_context(open_runtime()))
            if runtime is None:
                return
            app.opening.finish(runtime)
            ready(address(settings.host, port))
            await asyncio.wait({ending})
            orphaned = not end.told.is_set()
            if not orphaned:
                await app.calls.drain(settings.drain, end.hurry)
            if app.calls.draining or orphaned:  # who starts the server again needs the port
                await server.take_last()
            await app.calls.stop(limits.call_grace, limits.stream_grace)
            await server.close()


class Server:
    """Its listening socket, those of others that it accepts on for a while, and the connections of all."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        peers: Peers,
        limits: Limits,
        most: int,
        collector: Collector,
        end: End | None = None,
    ) -> None:
        self._collector = collector
        self._end = end or End()
        self._listener = listener
        self._peers = peers
        self._limits = limits
        self._most = most
        self._state = ServerState()
        self._closed = False
        """Whether it accepts no more."""
        self._ended = False
        self._accepting: dict[socket.socket, asyncio.Server] = {}
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            log_level="critical",
            proxy_headers=False,
            timeout_keep_alive=limits.keep_alive,
        )
        self._config.load()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Accepts connections inside the block; all are closed after it."""
        self._set_date()
        housekeeping = asyncio.create_task(self._keep_house())
        await self.accept(self._listener)
        try:
            yield
        finally:
            housekeeping.cancel()
            await self.close()

    async def accept(self, listener: socket.socket) -> None:
        """Accept its connections, too, until told to `leave` it; the socket itself stays its owner's."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        accepting = await loop.create_server(self._connection, sock=listener.dup(), backlog=_BACKLOG)
        if self._closed or listener in self._accepting:
            accepting.close()
            return
        self._accepting[listener] = accepting

    def leave(self, listener: socket.socket) -> None:
        """Accept no more of its connections; those that there are go on."""
        accepting = self._accepting.pop(listener, None)
        if accepting is not None:
            accepting.close()

    async def take_last(self) -> None:
        """Accept no more, and give what was accepted a moment to say what it came for.

        A balancer that has no news of the server but its end connects to the last: a connection that is closed
        with a request on its way is a call that failed, and that nobody may send again.
        """
        listeners = list(self._accepting)
        if self._end.of_all:
            for listener in listeners:
                hear_no_more(listener)
            await asyncio.sleep(self._limits.last_handshakes)
        for listener in listeners:
            await accept_waiting(listener, self._limits.last_requests)
        self._accept_no_more()
        await self._drained(self._limits.last_requests)

    def _accept_no_more(self) -> None:
        self._closed = True
        for listener in list(self._accepting):
            if self._end.of_all:
                refuse_from_now_on(listener)
            self.leave(listener)
        self._listener.close()

    async def close(self) -> None:
        """No more connections; answers under way have a moment to leave, then what is open is cut."""
        if self._ended:
            return
        self._ended = True
        self._accept_no_more()
        for connection in self._connections():
            connection.shutdown()
        await self._drained(_FLUSH)
        for connection in self._connections():
            connection.transport.abort()
        await self._drained(_FLUSH)
        for task in list(self._state.tasks):
            task.cancel()
        await self._drained(_FLUSH)

    async def _drained(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not self._state.connections and not self._state.tasks:
                return
            await asyncio.sleep(_LOOK_AGAIN)

    def _connections(self) -> list[Connection]:
        return [connection for connection in self._state.connections if isinstance(connection, Connection)]

    def _connection(self) -> Connection:
        return Connection(self._config, self._state, self._peers, self._limits, self._most)

    def _set_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]

    async def _keep_house(self) -> None:
        while True:
            self._set_date()
            sweep(self._connections(), time.monotonic(), self._limits)
            self._collector.look(idle=not self._state.tasks)
            await asyncio.sleep(min(1.0, self._limits.head_timeout / 4, self._limits.write_stall / 4))


def listen_apart(host: str, port: int, count: int) -> list[socket.socket]:
    """A listening socket for each of several processes, all on one address; port 0 is any free one.

    Linux spreads connections over them; elsewhere one of them would get all, and so they share one. Raises
    SettingsError.
    """
    # Without `beside`, first: what listens there already must not be joined in silence, by a second server.
    with contextlib.closing(listen(host, port)) as probe:
        if not sys.platform.startswith("linux"):
            return [probe.dup() for _ in range(count)]
        port = probe.getsockname()[1]
    with contextlib.ExitStack() as opened:
        listeners = [
            opened.enter_context(contextlib.closing(listen(host, port, beside=True))) for _ in range(count)
        ]
        opened.pop_all()
    for listener in listeners:
        listener.listen(_BACKLOG)
    return listeners


def listen(host: str, port: int, *, beside: bool = False) -> socket.socket:
    """A socket to listen on; port 0 is any free one. `beside` others of the same kind. Raises SettingsError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}: {error.strerror}. Set AGENTOS_HOST to an address of this machine."
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if beside:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {_authority(host, port)}: {error.strerror}. "
            "Stop what listens there (another agentos serve?), or choose another AGENTOS_PORT."
        ) from None
    return listener


def address(host: str, port: int) -> str:
    """The url under which a server on this host and port is found."""
    return f"http://{_authority(host, port)}"


@contextlib.asynccontextmanager
async def _awaited(end: End, inherited: Inherited | None, server: "Server") -> AsyncIterator["asyncio.Task[None]"]:
    """Ends when the server is to end: it is told to, or its parent is gone."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(end.told.wait())]
    if inherited:
        waits.append(asyncio.ensure_future(inherited.follow(server, end)))
    first = asyncio.ensure_future(_first_of(waits))
    try:
        yield first
    finally:
        for task in (first, *waits):
            task.cancel()
        await asyncio.wait([first, *waits])


async def _first_of(waits: "Sequence[asyncio.Future[Any]]") -> None:
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)


async def _unless(ending: "asyncio.Task[None]", work: Coroutine[Any, Any, Opened]) -> Opened | None:
    """What comes of the work; None when the end comes before it is done."""
    working = asyncio.create_task(work)
    try:
        await _first_of([working, ending])
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
    return None if working.cancelled() else working.result()


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _allow_open_files(connections: int) -> None:
    """Room for the clients' and the upstreams' sockets, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@contextlib.contextmanager
def _ended_by_signals(end: End) -> Iterator[None]:
    """SIGTERM and SIGINT tell the end, a second one to hurry; only the main thread can listen to them."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = itertools.count()

    def told() -> None:
        (end.hurry if next(signals) else end.told).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


_BACKLOG = 1024
_FLUSH = 0.5
_LOOK_AGAIN = 0.01
_OTHER_FILES = 256
