"""aiohttp's connections, made strict: what it lets through silently is refused here.

Measured with aiohttp 3.14.5; each rule has a test with a socket on the other side.
"""

import asyncio
import functools
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from aiohttp import ClientOSError, ClientRequest, ClientTimeout, StreamReader, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.tracing import Trace

from agentos_runtime.upstream.addresses import public_socket

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses; raises OSError when the name does not exist."""

INFORMATIONAL_LIMIT = 32
"""1xx responses taken before one answer."""


class Wire(ResponseHandler):
    """One connection: closed at once or not at all, and no failure that looks like an end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.used = False
        self._informational = 0

    def close(self) -> None:
        """Never wait for unsent bytes or a TLS goodbye: whoever leaves a call leaves it now."""
        self.abort()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Count 1xx responses: an endless row of them would keep the reader busy until its deadline."""
        if self.exception() is not None:
            return
        code = data[0].code
        self._informational = self._informational + 1 if 100 <= code < 200 and code != 101 else 0
        if self._informational > INFORMATIONAL_LIMIT:
            self.abort()
            self.set_exception(HttpProcessingError(message="too many informational responses"))
            return
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Tell the body's reader too: after a broken chunk it would wait for ever."""
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(exc)
        super().set_exception(exc, exc if exc_cause is None else exc_cause)

    def connection_lost(self, exc: BaseException | None) -> None:
        """A reset is no end, also of a body that ends with its connection."""
        if exc is not None and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(ClientOSError("connection lost"))
        super().connection_lost(exc)


def _wire(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Wire(loop)


class Connector(TCPConnector):
    """A pool whose idle connections are looked at before they are used again.

    An idle connection that became readable was closed by the upstream, or holds an answer nobody asked for: sent on
    it, a POST would be lost without a trace, or answered with another call's answer.
    """

    def __init__(
        self,
        *,
        guarded: bool,
        limit: int,
        limit_per_host: int,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            limit=limit,
            limit_per_host=limit_per_host,
            ttl_dns_cache=10,
            resolver=None if resolve is None else Resolver(resolve),
            ssl=True if tls is None else tls,
            socket_factory=public_socket if guarded else None,
        )
        self._factory = functools.partial(_wire, loop=self._loop)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if _fit(connection):
                return connection
            connection.close()


def _fit(connection: Connection) -> bool:
    wire, transport = connection.protocol, connection.transport
    if not isinstance(wire, Wire) or transport is None:
        return False
    if not wire.used:
        wire.used = True
        return True
    if wire.should_close:
        return False
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not poll.poll(0)


class Resolver(AbstractResolver):
    """A `Resolve` function as aiohttp wants it."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
            for address in await self._resolve(host, port)
        ]

    async def close(self) -> None:
        pass
