"""The way to the upstream: circuit breaker, retry, time and trace of every request that leaves, in one place."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from agentos_runtime.calls.messages import SAFE_METHODS, UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.trace_context import text_of
from agentos_runtime.errors import AgentOSError, UpstreamError, UpstreamTimeout
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.circuit_breaker import CircuitBreakers
from agentos_runtime.manifest.model import Retry
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.runtime.answering.arrived import Arrived
from agentos_runtime.runtime.authorized import AuthorizedRequest, Renewed
from agentos_runtime.runtime.ports import OpenUpstream, Upstream
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.tracing import response_stages
from agentos_runtime.security.login.refused_tokens import FORBIDDEN, head_refuses_token, refuses_token

TRACEPARENT = "traceparent"
TraceStages: TypeAlias = Callable[[Iterable[tuple[str, Json]]], None]
"""Gets the stages of an answer."""


class TokenTransport:
    """Sends what asks for tokens, past the circuit breaker of its origin like every other request."""

    def __init__(self, upstream: Upstream, circuit_breakers: CircuitBreakers) -> None:
        self._upstream = upstream
        self._circuit_breakers = circuit_breakers

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: None, allow_private: bool
    ) -> UpstreamResponse:
        """The whole answer, whatever its status. Raises what `Transport.send` raises."""
        with self._circuit_breakers.attempt(origin_of(request.url) or "") as attempt:
            response = await self._upstream.send(request, timeout=timeout, retry=retry, allow_private=allow_private)
            attempt.status = response.status
        return response


class Transport:
    """Sends authorized requests, and notes in the call's record what became of them.

    traced: origins of services that are told the trace that a call belongs to.
    """

    def __init__(
        self, upstream: Upstream, circuit_breakers: CircuitBreakers, traced: frozenset[str] = frozenset()
    ) -> None:
        self._upstream = upstream
        self._circuit_breakers = circuit_breakers
        self._traced = traced

    def send(
        self,
        authorized: AuthorizedRequest,
        record: Record,
        trace_stages: TraceStages | None,
        *,
        retry: Retry | None,
        timeout: float,
    ) -> Awaitable[UpstreamResponse]:
        """The whole answer, whatever its status, within `timeout` seconds.

        After an answer that refuses its token the request is made once more if that can be renewed. Raises
        UpstreamError, UpstreamUnavailable while the origin's circuit is open, ApprovalRequired for a private
        address, InvalidParams for what cannot be sent.
        """
        if authorized.renewed is None:
            return self._send(authorized, record, trace_stages, retry, timeout)
        return self._send_twice(authorized, authorized.renewed, record, trace_stages, retry, timeout)

    async def _send_twice(
        self,
        authorized: AuthorizedRequest,
        renewed: Renewed,
        record: Record,
        trace_stages: TraceStages | None,
        retry: Retry | None,
        timeout: float,
    ) -> UpstreamResponse:
        """Once more after a refusal, with a renewed credential."""
        started = record.timer.clock()
        response = await self._send(authorized, record, trace_stages, retry, timeout)
        if not refuses_token(response):
            return response
        again = await renewed()
        if again is None:
            return response
        left = timeout - (record.timer.clock() - started)
        if left <= 0:
            raise UpstreamTimeout(
                f"{authorized.origin} refused a key that was renewed, and of {timeout:g} s no time was left to ask "
                "with the new one. Nothing was done: call again"
            )
        return await self._send(again, record, trace_stages, retry, left)

    async def _send(
        self,
        authorized: AuthorizedRequest,
        record: Record,
        trace_stages: TraceStages | None,
        retry: Retry | None,
        timeout: float,
    ) -> UpstreamResponse:
        request, span = self._told(authorized, record)
        origin, clock, breakers = authorized.origin, record.timer.clock, self._circuit_breakers
        changes = request.method not in SAFE_METHODS
        started = clock()
        try:
            probe = breakers.begin(origin)
            try:
                response = await self._upstream.send(
                    request, timeout=timeout, retry=retry, allow_private=authorized.authorization.allow_private
                )
            except BaseException as error:
                breakers.over(origin, probe, None, error)
                raise
        except BaseException as error:
            gone = not isinstance(error, AgentOSError) or error.may_have_arrived
            record.made = record.made or (changes and gone)
            record.hear_of(error)
            raise
        finally:
            record.exchanged(origin, clock() - started, span)
        status = response.status
        breakers.over(origin, probe, status)
        record.hear(status, response.headers, response.simulated)
        record.made = record.made or (changes and status < 400)
        if trace_stages is not None:
            trace_stages(response_stages(status, response.headers, response.body))
        return response

    async def open(
        self,
        authorized: AuthorizedRequest,
        record: Record,
        trace_stages: TraceStages,
        *,
        retry: Retry | None,
        idle: float,
        timeout: float | None = None,
    ) -> OpenUpstream:
        """The answer once its head is there, within `timeout` seconds (None = `idle`); else as `send`."""
        times = (idle if timeout is None else timeout, idle)
        upstream = await self._open(authorized, record, trace_stages, retry, times)
        if authorized.renewed is None:
            return upstream
        upstream, refused = await _looked_at(upstream, times[0])
        if not refused:
            return upstream
        try:
            again = await authorized.renewed()
        except BaseException:
            upstream.abort()
            raise
        if again is None or authorized.request.upload is not None:  # sent once: the new token is for the next call
            return upstream
        upstream.abort()
        return await self._open(again, record, trace_stages, retry, times)

    async def _open(
        self,
        authorized: AuthorizedRequest,
        record: Record,
        trace_stages: TraceStages,
        retry: Retry | None,
        times: tuple[float, float],
    ) -> OpenUpstream:
        request, span = self._told(authorized, record)
        timer = record.timer
        started = timer.clock()
        try:
            with self._circuit_breakers.attempt(authorized.origin) as attempt:
                upstream = await self._upstream.open(
                    request,
                    timeout=times[0],
                    idle_timeout=times[1],
                    retry=retry,
                    allow_private=authorized.authorization.allow_private,
                )
                attempt.status = upstream.status
        except AgentOSError as error:
            record.hear_of(error)
            raise
        finally:
            record.exchanged(authorized.origin, timer.clock() - started, span)
        record.hear(upstream.status, upstream.headers, upstream.simulated)
        trace_stages(response_stages(upstream.status, upstream.headers))
        return upstream

    def _told(self, authorized: AuthorizedRequest, record: Record) -> tuple[UpstreamRequest, str | None]:
        """The request, with the trace of its call where its service is told; and the id of the span that it is."""
        request, parent = authorized.request, record.call.parent
        if parent is None or authorized.origin not in self._traced:
            return request, None
        span = secrets.token_hex(8)
        others = tuple(pair for pair in request.headers if pair[0].lower() != TRACEPARENT)
        return replace(request, headers=(*others, (TRACEPARENT, text_of(parent, span)))), span


async def _looked_at(upstream: OpenUpstream, seconds: float) -> tuple[OpenUpstream, bool]:
    """The answer, and whether it refuses the token; of a 403 its words are read for that."""
    if upstream.status != FORBIDDEN or head_refuses_token(upstream.status, upstream.headers):
        return upstream, head_refuses_token(upstream.status, upstream.headers)
    try:
        response = await upstream.whole(seconds)
    except UpstreamError:  # what cannot be read is told by its status and headers
        response = UpstreamResponse(upstream.status, upstream.headers, b"", upstream.simulated)
    return Arrived(response, is_read_as_events=False), refuses_token(response)
