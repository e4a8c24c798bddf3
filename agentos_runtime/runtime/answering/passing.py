"""Bytes of a service that are handed on while they arrive: a video is larger than what is held in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

from agentos_runtime.calls.call import Reply
from agentos_runtime.errors import AgentOSError, UpstreamTimeout
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.authorizing import check_again
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.runtime.reading import BYTES, is_json_type, read

AT_ONCE = 1 << 20
"""Bytes that are waited for: an answer that is no larger is a reply like any other."""


def can_pass(ctx: CallContext) -> bool:
    """Whether the caller can be given bytes as they arrive: by HTTP, where nobody keeps the reply."""
    call = ctx.call
    passes = call.surface == "http" and call.idempotency_key is None and call.depth == 0
    return passes and ctx.plan.reply.response.raw


async def pass_on(ctx: CallContext, authorized: AuthorizedRequest) -> Reply:
    """The reply, with its rest yet to come where it is large. Raises AgentOSError."""
    rest = ctx.plan.utility.rest
    upstream = await ctx.services.transport.open(
        authorized, ctx.record, ctx.trace_stages, retry=rest.retry, idle=rest.timeout
    )
    content_type = upstream.headers.get("content-type", BYTES)
    if not 200 <= upstream.status < 300 or is_json_type(content_type):
        return await read(ctx, await upstream.whole(rest.timeout))
    chunks = upstream.chunks()
    first, more = await _beginning(ctx, upstream, chunks, rest.timeout)
    if not more:
        return ctx.results.raw(first, content_type, ctx.timings())
    passing = Passing(ctx, upstream, chunks, first)
    if ctx.record.permit is not None:
        ctx.record.permit.can_stop(passing.interrupt)
    if ctx.services.recalls is not None:
        again = partial(check_again, ctx, authorized)
        passing.when_closed(ctx.services.recalls.watch(again, passing.interrupt, passing.aclose))
    ctx.record.goes_on_outside = True
    return ctx.results.passing(content_type, passing, ctx.timings())


async def _beginning(
    ctx: CallContext, upstream: OpenUpstream, chunks: AsyncIterator[bytes], timeout: float
) -> tuple[bytes, bool]:
    """The first bytes, and whether more may follow. Raises AgentOSError."""
    first = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while piece := await anext(chunks, b""):
                first += piece
                if len(first) > AT_ONCE:
                    return bytes(first), True
    except TimeoutError:
        upstream.abort()
        raise UpstreamTimeout(f"{ctx.plan.skill.name} did not answer within {timeout:g} s.") from None
    except BaseException:
        upstream.abort()
        raise
    return bytes(first), False


class Passing:
    """The bytes of an open answer without secrets; the ledger's row is closed where they end."""

    def __init__(
        self, ctx: CallContext, upstream: OpenUpstream, chunks: AsyncIterator[bytes], first: bytes
    ) -> None:
        self._ctx = ctx
        self._upstream = upstream
        self._chunks = chunks
        self._first = first
        self._redactor = ctx.results.bytes_stream(upstream.headers.get("content-type", BYTES))
        self._interruption: AgentOSError | None = None
        self._ended: Callable[[], None] = lambda: None

    def when_closed(self, ended: Callable[[], None]) -> None:
        """Have this called once it is over."""
        self._ended = ended

    def interrupt(self, error: AgentOSError) -> None:
        """End it soon with this error."""
        self._interruption = error
        self._upstream.abort()

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it. Raises AgentOSError when it breaks off: what came is then not all."""
        try:
            piece, self._first = self._first, b""
            while piece:
                if cleaned := self._redactor.feed(piece):
                    yield cleaned
                piece = await self._next()
            if rest := self._redactor.flush():
                yield rest
            if self._interruption is not None:
                raise self._interruption
        except AgentOSError as error:
            self._ended()
            failure = self._ctx.results.error(self._interruption or error)
            self._upstream.abort()
            await self._ctx.record.close(failure)
            raise failure from None
        self._ended()
        await self._ctx.record.close()

    async def aclose(self) -> None:
        """Close the service's connection and the row; an answer that is left early counts as cancelled."""
        self._ended()
        self._upstream.abort()
        await self._ctx.record.close(GeneratorExit())

    async def _next(self) -> bytes:
        """What comes next, its time counted; b"" at the end."""
        timer = self._ctx.record.timer
        started = timer.clock()
        try:
            return await anext(self._chunks, b"")
        finally:
            timer.upstream += timer.clock() - started
