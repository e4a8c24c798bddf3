"""Connections: made to the addresses that are permitted, kept while idle, never more than the bounds say."""

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias, cast

from aiohappyeyeballs import start_connection

from agentos_runtime.http_client.addresses import public_socket
from agentos_runtime.http_client.faults import (
    BadHost,
    CertificateRefused,
    ConnectTooSlow,
    HandshakeFailed,
    Lost,
    NameUnknown,
    NotConnected,
    ProxyRefused,
    ProxyUnreachable,
    WireError,
)
from agentos_runtime.http_client.routes import Peer, Way
from agentos_runtime.http_client.wire import Wire

AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
"""A row of `getaddrinfo`."""
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses; raises OSError when the name does not exist."""

KEPT = 15.0
"""Seconds for which an idle connection is kept."""
KNOWN = 10.0
"""Seconds for which a name's addresses are known."""
CONNECT = 10.0
"""Seconds for one connection: TCP to all addresses, the proxy's answer, and TLS each."""
STAGGER = 0.25
"""Seconds before the next address is tried beside one that does not answer (RFC 8305)."""
PER_PEER = 512
_MOST_NAMES = 4096


class _Lane:
    """The connections of one way: those that are idle, the oldest first, and how many carry a call or are made."""

    __slots__ = ("idle", "taken", "way")

    def __init__(self, way: Way) -> None:
        self.way = way
        self.idle: list[Wire] = []
        self.taken = 0


class Connections:
    """A pool. `most`: connections that are open at once; further calls wait until one is free."""

    def __init__(self, most: int, *, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._names = _Addresses(resolve)
        self._tls = tls
        self._lanes: dict[Way, _Lane] = {}
        """Of every way that is in use."""
        self._ways: dict[Wire, _Lane] = {}
        """Of every open connection."""
        self._all_taken = 0
        self._waiting: deque[tuple[Way, asyncio.Future[None]]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self, way: Way) -> Wire:
        """A connection that is free for a request; it comes back by itself. Raises WireError."""
        lane = self._lane(way)
        while self._all_taken >= self._most or lane.taken >= PER_PEER:
            await self._wait(way)
            lane = self._lane(way)  # the one before may be forgotten
        while lane.idle:
            wire = lane.idle[-1]
            if wire.is_fit:
                del lane.idle[-1]
                lane.taken += 1
                self._all_taken += 1
                return wire
            self._drop_idle(wire)
        self._make_room()
        lane = self._lane(way)
        lane.taken += 1
        self._all_taken += 1
        try:
            wire = await self._connect(way)
        except BaseException:
            self._release(lane)
            raise
        self._ways[wire] = lane
        return wire

    def _lane(self, way: Way) -> _Lane:
        lane = self._lanes.get(way)
        if lane is None:
            lane = self._lanes[way] = _Lane(way)
        return lane

    def close(self) -> None:
        """Close all connections, those that carry a call too."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for wire in tuple(self._ways):
            wire.abort()

    # ------------------------------------------------------------------ how many

    def _has_room(self, way: Way) -> bool:
        lane = self._lanes.get(way)
        return self._all_taken < self._most and (lane is None or lane.taken < PER_PEER)

    async def _wait(self, way: Way) -> None:
        turn = self._loop.create_future()
        self._waiting.append((way, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._wake_next()  # the turn was given, and is not used
            else:
                with suppress(ValueError):
                    self._waiting.remove((way, turn))
            raise

    def _make_room(self) -> None:
        """Close the connection that is idle for longest when a new one would be one too many."""
        if len(self._ways) < self._most:
            return
        oldest = [lane.idle[0] for lane in self._lanes.values() if lane.idle]
        if oldest:
            self._drop_idle(min(oldest, key=lambda each: each.idle_since))

    def _release(self, lane: _Lane) -> None:
        lane.taken -= 1
        self._all_taken -= 1
        self._forget_unused(lane)
        if self._waiting:
            self._wake_next()

    def _forget_unused(self, lane: _Lane) -> None:
        if not lane.taken and not lane.idle:
            self._lanes.pop(lane.way, None)

    def _wake_next(self) -> None:
        """Give the turn to the first who still waits and for whom there is room."""
        for entry in self._waiting:
            way, turn = entry
            if not turn.done() and self._has_room(way):
                self._waiting.remove(entry)
                turn.set_result(None)
                return

    # ------------------------------------------------------------------ what becomes of one

    def _put_back(self, wire: Wire) -> None:
        """It is free again."""
        lane = self._ways[wire]
        if self._closed:
            wire.abort()
            return
        wire.idle_since = self._loop.time()
        lane.idle.append(wire)
        self._release(lane)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(KEPT, self._sweep)

    def _lost(self, wire: Wire) -> None:
        """It is closed, by whoever."""
        lane = self._ways.pop(wire, None)
        if lane is not None and not self._forget_idle(wire, lane):
            self._release(lane)

    def _drop_idle(self, wire: Wire) -> None:
        """Close an idle connection; forgotten before, since its end frees the place of no call."""
        self._forget_idle(wire, self._ways.pop(wire))
        wire.abort()

    def _forget_idle(self, wire: Wire, lane: _Lane) -> bool:
        """Whether it was among the idle ones."""
        if wire not in lane.idle:
            return False
        lane.idle.remove(wire)
        self._forget_unused(lane)
        return True

    def _sweep(self) -> None:
        """Close what has been idle for long."""
        self._sweeper = None
        ends = self._loop.time() - KEPT
        for lane in tuple(self._lanes.values()):
            for wire in tuple(lane.idle):
                if wire.idle_since <= ends:
                    self._drop_idle(wire)
        if any(lane.idle for lane in self._lanes.values()):
            self._sweeper = self._loop.call_later(KEPT, self._sweep)

    # ------------------------------------------------------------------ making one

    async def _connect(self, way: Way) -> Wire:
        first = way.proxy.peer if way.proxy else way.peer
        try:
            sock = await self._socket(first, way.guarded)
        except (NotConnected, ConnectTooSlow, NameUnknown):
            if way.proxy is not None:
                raise ProxyUnreachable from None
            raise
        wire = Wire(self._put_back, self._lost)
        try:
            transport = await self._over(sock, wire, first)
            if way.tunnelled:
                await self._tunnel(wire, transport, way)
            if wire.is_closed:
                raise Lost(begun=False)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _socket(self, peer: Peer, guarded: bool) -> socket.socket:
        rows = await self._names.of(peer.host, peer.port)
        try:
            async with asyncio.timeout(CONNECT):
                return await start_connection(
                    rows,
                    happy_eyeballs_delay=STAGGER,
                    interleave=1,
                    loop=self._loop,
                    socket_factory=public_socket if guarded else None,
                )
        except TimeoutError as error:
            if error.errno is None:
                raise ConnectTooSlow from None
            raise NotConnected(error) from None
        except OSError as error:
            raise NotConnected(error) from None

    async def _over(self, sock: socket.socket, wire: Wire, peer: Peer) -> asyncio.Transport:
        """Put the protocol on a connected socket, under TLS where the peer wants it."""
        tls = self._context() if peer.tls else None
        name = peer.host if peer.tls else None
        timeout = CONNECT if peer.tls else None
        try:
            with _handshake():
                transport, _ = await self._loop.create_connection(
                    lambda: wire, sock=sock, ssl=tls, server_hostname=name, ssl_handshake_timeout=timeout
                )
        except BaseException:
            sock.close()
            raise
        return transport

    async def _tunnel(self, wire: Wire, transport: asyncio.Transport, way: Way) -> None:
        """Ask the proxy for the peer, and speak TLS with it through the proxy."""
        status = await self._connected(wire, way)
        if status != 200:
            raise ProxyRefused(status)
        with _handshake():
            over = await self._loop.start_tls(
                transport, wire, self._context(), server_hostname=way.peer.host, ssl_handshake_timeout=CONNECT
            )
        if over is None:
            raise HandshakeFailed
        wire.carry_on(over)

    async def _connected(self, wire: Wire, way: Way) -> int:
        peer = f"{way.peer.bracketed}:{way.peer.port}"
        lines = [f"CONNECT {peer} HTTP/1.1", f"Host: {peer}"]
        if way.proxy and way.proxy.authorization:
            lines.append(f"Proxy-Authorization: {way.proxy.authorization}")
        head = "\r\n".join([*lines, "", ""]).encode()
        try:
            async with asyncio.timeout(CONNECT):
                return await wire.connect_through(head)
        except TimeoutError:
            raise ConnectTooSlow from None
        except Lost:
            raise ProxyUnreachable from None

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class _handshake:  # noqa: N801 - used as a block
    """What a TLS handshake raises, in our words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            raise CertificateRefused(error.verify_message) from None
        if isinstance(error, ssl.SSLError | ConnectionError):
            raise HandshakeFailed from None
        if isinstance(error, TimeoutError):
            raise ConnectTooSlow from None
        if isinstance(error, OSError) and not isinstance(error, WireError):
            raise NotConnected(error) from None


class _Addresses:
    """Where names lead, remembered for a while."""

    def __init__(self, resolve: Resolve | None) -> None:
        self._resolve = resolve
        self._known: dict[tuple[str, int], tuple[float, list[AddrInfo]]] = {}

    async def of(self, host: str, port: int) -> list[AddrInfo]:
        """Rows as `getaddrinfo` gives them, at least one. Raises NameUnknown."""
        loop = asyncio.get_running_loop()
        if _is_canonical(host):
            return [_row(host, port)]
        if host.isdigit():
            raise BadHost  # systems differ in whether they take `134744072` for an address
        ends, rows = self._known.get((host, port), (0.0, []))
        if ends > loop.time():
            return rows
        try:
            if self._resolve is None:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
                rows = cast(list[AddrInfo], found)  # rows of another form are of Pythons without IPv6
            else:
                rows = [_row(address, port) for address in await self._resolve(host, port)]
        except (OSError, UnicodeError):
            raise NameUnknown from None
        if not rows:
            raise NameUnknown
        if len(self._known) >= _MOST_NAMES:
            self._known.clear()
        self._known[host, port] = loop.time() + KNOWN, rows
        return rows


def _is_canonical(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _row(address: str, port: int) -> AddrInfo:
    """An address as `getaddrinfo` would give it; whether it is one, `public_socket` looks at."""
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
