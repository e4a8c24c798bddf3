"""Upstream: send a request, or open a stream, at most as often as is safe."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.retry_after import meant_status, retry_after
from agentos_runtime.config.settings import Settings
from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.bodies import decoder_of, read_whole, whole_body
from agentos_runtime.http_client.connections import Connections, Resolve
from agentos_runtime.http_client.deadlines import Deadlines
from agentos_runtime.http_client.failures import CAUGHT, Circumstances, Failure, failure, timed_out
from agentos_runtime.http_client.faults import PROXY_ASKS, ProxyRefused
from agentos_runtime.http_client.heads import head_of
from agentos_runtime.http_client.names import Names
from agentos_runtime.http_client.retry import RetryPlan
from agentos_runtime.http_client.routes import Destination, Router
from agentos_runtime.http_client.streams import UpstreamStream
from agentos_runtime.manifest.model import Retry

T = TypeVar("T")


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
        self._names = Names(resolve)
        self._tls = tls
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._deadlines = Deadlines()
        self._connections: Connections | None = None

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._settings.max_connections, resolve=self._resolve, tls=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            self._connections.close()
        self._names.close()
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

        async def opened(answer: Answer) -> UpstreamStream:
            return UpstreamStream(
                answer,
                decoder_of(answer),
                origin=destination.origin,
                idle_timeout=idle_timeout,
                deadlines=self._deadlines,
                max_reply=self._settings.max_reply,
            )

        ends = asyncio.get_running_loop().time() + timeout
        headers = _uncompressed(request)
        plain = UpstreamRequest(request.method, request.url, headers, request.body, request.upload)
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
        finish: Callable[[Answer], Awaitable[T]],
    ) -> T:
        """Send until there is an answer or nothing more may be tried; `ends` is a moment of the loop's clock."""
        connections = self._connections
        if connections is None:
            raise RuntimeError("an Upstream is used inside `async with`")
        attempt = 1
        while True:
            answer: Answer | None = None
            try:
                head = head_of(request, destination)
                if destination.unproven is not None:
                    await self._names.check(destination.origin, destination.unproven, destination.peer.port)
                wire = await connections.take(destination.way)
                answer = await wire.ask(request.method, head, request.upload or request.body)
                if answer.status == PROXY_ASKS and destination.proxy is not None and not destination.way.tunnelled:
                    raise ProxyRefused(answer.status)
                pause = None if answer.status < 400 else self._after_status(request, retry, attempt, answer)
                if pause is None or pause >= _left(ends):
                    return await finish(answer)
                answer.close()
            except CAUGHT as error:
                _leave(answer)
                failed = failure(error, Circumstances(destination.origin, request.method, answer is not None))
                pause = self._after_failure(request, retry, attempt, failed)
                if pause is None or pause >= _left(ends):
                    failed.error.may_have_arrived = failed.sent
                    failed.error.answered = None if answer is None else answer.status
                    raise failed.error from None
            except BaseException:
                _leave(answer)
                raise
            attempt += 1
            await self._sleep(pause)

    async def _whole(self, answer: Answer) -> UpstreamResponse:
        headers, most = answer.headers, self._settings.max_reply
        coding = headers.get("content-encoding")
        arrived = whole_body(answer, most) if coding is None else None
        body = await read_whole(answer, decoder_of(answer), most) if arrived is None else arrived
        return UpstreamResponse(answer.status, headers, body)

    def _after_status(
        self, request: UpstreamRequest, retry: Retry | None, attempt: int, answer: Answer
    ) -> float | None:
        plan = RetryPlan.of(request, retry)
        status = meant_status(answer.status, answer.headers)
        told = retry_after(answer.headers, self._clock()) if status in plan.statuses else None
        return plan.after_status(attempt, status, told, jitter=self._jitter())

    def _after_failure(
        self, request: UpstreamRequest, retry: Retry | None, attempt: int, failed: Failure
    ) -> float | None:
        if not failed.connection:
            return None
        return RetryPlan.of(request, retry).after_failure(attempt, sent=failed.sent, jitter=self._jitter())


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


def _leave(answer: Answer | None) -> None:
    if answer is not None:
        answer.close()
