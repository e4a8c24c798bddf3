"""Upstream: send a request, or open a stream, at most as often as is safe."""

import asyncio
import io
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar

from agentos_runtime import __version__
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.retry_after import retry_after
from agentos_runtime.manifest.model import Retry
from agentos_runtime.settings import Settings
from agentos_runtime.upstream.bodies import plain_headers, read_whole
from agentos_runtime.upstream.connections import Connector, Resolve
from agentos_runtime.upstream.deadlines import Deadlines
from agentos_runtime.upstream.decoding import decoder
from agentos_runtime.upstream.failures import CAUGHT, Circumstances, Failure, NotAnAnswer, failure, timed_out
from agentos_runtime.upstream.retry import RetryPlan
from agentos_runtime.upstream.routes import Destination, Router
from agentos_runtime.upstream.streams import UpstreamStream

T = TypeVar("T")

_TIMEOUT = ClientTimeout(total=None, sock_connect=10)
"""Per address: TCP and TLS. Everything else is under the call's own deadline."""
_READ_BUFFER = 64 * 1024
_WHOLE_BODY = 1 << 20
"""Larger request bodies are written in steps, so that other calls go on meanwhile."""
_PER_HOST = 512
_NO_CONTENT_TYPE = ("Content-Type",)
"""aiohttp would invent one."""


class Upstream:
    """All calls to upstreams go through one of these, inside `async with`.

    `resolve`, `tls`, `clock` (epoch seconds), `sleep` and `jitter` (0 to 1) are there to be replaced; what they
    default to is the system's.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._router = Router(settings)
        self._resolve = resolve
        self._tls = tls
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._deadlines = Deadlines()
        self._sessions: dict[bool, ClientSession] = {}

    async def __aenter__(self) -> Self:
        self._sessions = {guarded: self._session(guarded) for guarded in (True, False)}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()
        self._deadlines.close()

    async def send(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        retry: Retry | None = None,
        allow_private: bool = False,
    ) -> UpstreamResponse:
        """The whole answer, whatever its status, within `timeout` seconds, repeats and their pauses included.

        `retry` None = the manifest says nothing of it; `allow_private`: the origin may be at a private address.
        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamTruncated, UpstreamInvalid; ApprovalRequired for a
        private address; InvalidParams for a url or header that cannot be sent. A cancelled call closes its
        connection at once.
        """
        destination = self._router.destination(request.url, allow_private=allow_private)
        ends = asyncio.get_running_loop().time() + timeout
        try:
            with self._deadlines.at(ends):
                return await self._attempts(request, destination, retry, ends, self._whole)
        except TimeoutError:
            raise timed_out(destination.origin, request.method, timeout) from None

    async def open(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        idle_timeout: float,
        retry: Retry | None = None,
        allow_private: bool = False,
    ) -> UpstreamStream:
        """The answer as a stream, once its headers are there; `timeout` is until then. Raises like `send`."""
        destination = self._router.destination(request.url, allow_private=allow_private)

        async def opened(response: ClientResponse) -> UpstreamStream:
            return UpstreamStream(
                response,
                plain_headers(response.headers),
                decoder(response.headers.get("Content-Encoding")),
                origin=destination.origin,
                idle_timeout=idle_timeout,
                deadlines=self._deadlines,
                max_reply=self._settings.max_reply,
            )

        ends = asyncio.get_running_loop().time() + timeout
        plain = replace(request, headers=_uncompressed(request))
        try:
            with self._deadlines.at(ends):
                return await self._attempts(plain, destination, retry, ends, opened)
        except TimeoutError:
            raise timed_out(destination.origin, request.method, timeout) from None

    async def _attempts(
        self,
        request: UpstreamRequest,
        destination: Destination,
        retry: Retry | None,
        ends: float,
        finish: Callable[[ClientResponse], Awaitable[T]],
    ) -> T:
        """Send until there is an answer or nothing more may be tried; `ends` is a moment of the loop's clock."""
        attempt = 1
        while True:
            response: ClientResponse | None = None
            try:
                response = await self._once(request, destination)
                pause = None if response.status < 400 else self._after_status(request, retry, attempt, response)
                if pause is None or pause >= _left(ends):
                    return await finish(response)
                response.close()
            except CAUGHT as error:
                _leave(response)
                failed = failure(error, Circumstances(destination.origin, request.method, response is not None))
                pause = self._after_failure(request, retry, attempt, failed)
                if pause is None or pause >= _left(ends):
                    raise failed.error from None
            except BaseException:
                _leave(response)
                raise
            attempt += 1
            await self._sleep(pause)

    async def _once(self, request: UpstreamRequest, destination: Destination) -> ClientResponse:
        body = request.body
        response = await self._sessions[destination.guarded].request(
            request.method,
            destination.url,
            headers=request.headers,
            skip_auto_headers=None if _has(request, "content-type") else _NO_CONTENT_TYPE,
            data=io.BytesIO(body) if body is not None and len(body) > _WHOLE_BODY else body,
            allow_redirects=False,
            proxy=destination.proxy,
        )
        if response.status < 200:
            response.close()
            raise NotAnAnswer("its status ends no call")
        return response

    async def _whole(self, response: ClientResponse) -> UpstreamResponse:
        headers = response.headers
        body = await read_whole(response, decoder(headers.get("Content-Encoding")), self._settings.max_reply)
        return UpstreamResponse(response.status, plain_headers(headers), body)

    def _after_status(
        self, request: UpstreamRequest, retry: Retry | None, attempt: int, response: ClientResponse
    ) -> float | None:
        plan = RetryPlan.of(request, retry)
        told = retry_after(response.headers, self._clock()) if response.status in plan.statuses else None
        return plan.after_status(attempt, response.status, told, jitter=self._jitter())

    def _after_failure(
        self, request: UpstreamRequest, retry: Retry | None, attempt: int, failed: Failure
    ) -> float | None:
        if not failed.connection:
            return None
        return RetryPlan.of(request, retry).after_failure(attempt, sent=failed.sent, jitter=self._jitter())

    def _session(self, guarded: bool) -> ClientSession:
        """Two pools: a connection to an approved private address is out of reach of guarded calls."""
        connector = Connector(
            guarded=guarded,
            limit=self._settings.max_connections,
            limit_per_host=_PER_HOST,
            resolve=self._resolve,
            tls=self._tls,
        )
        session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": f"agentos-runtime/{__version__}", "Accept-Encoding": "gzip"},
            timeout=_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER,
        )
        session._retry_connection = False  # aiohttp repeats PUT and DELETE by itself; what is safe is decided here
        return session


def _uncompressed(request: UpstreamRequest) -> tuple[tuple[str, str], ...]:
    """A stream is asked for as it is: compressors hold events back."""
    if _has(request, "accept-encoding"):
        return request.headers
    return (("Accept-Encoding", "identity"), *request.headers)


def _has(request: UpstreamRequest, header: str) -> bool:
    for name, _ in request.headers:  # noqa: SIM110 - a generator costs more than the loop
        if name.lower() == header:
            return True
    return False


def _left(ends: float) -> float:
    return ends - asyncio.get_running_loop().time()


def _leave(response: ClientResponse | None) -> None:
    if response is not None:
        response.close()
