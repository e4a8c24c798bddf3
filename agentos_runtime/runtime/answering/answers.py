"""How a utility answers, by what its manifest declares: one request, a stream, a list in pages, a job."""

from collections.abc import Awaitable
from typing import Protocol

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.deltas import SaidNothing
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.errors import AgentOSError, UpstreamInvalid
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.answering.arrived import Arrived, holds_events, is_stream
from agentos_runtime.runtime.answering.here import reply_of_program, reply_of_steps
from agentos_runtime.runtime.answering.jobs import follow_job
from agentos_runtime.runtime.answering.pages import PagesSource, open_pages, read_pages
from agentos_runtime.runtime.answering.passing import can_pass, pass_on
from agentos_runtime.runtime.answering.streaming import Source, WholeSource
from agentos_runtime.runtime.answering.upstream_events import UpstreamSource
from agentos_runtime.runtime.authorizing import authorize
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.reading import read, send
from agentos_runtime.runtime.tracing import readable


class Answer(Protocol):
    """One way to answer a call that was let in. Both methods raise AgentOSError."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        """All of it, in one piece."""
        ...

    async def open(self, ctx: CallContext) -> Source:
        """Piece by piece."""
        ...


def in_one(reply: Reply) -> Json:
    """A reply as the one event of a stream, which is JSON. Raises UpstreamInvalid for bytes that are no text."""
    if reply.raw is None:
        value: Json = reply.value
        return value
    try:
        return reply.raw.body.decode()
    except UnicodeDecodeError:
        raise UpstreamInvalid(
            "The service answered with bytes, which no event holds: call without `stream`"
        ) from None


class Plain:
    """One request, one reply; as a stream, a single event."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return _asked(ctx)

    async def open(self, ctx: CallContext) -> Source:
        return WholeSource(in_one(await self.reply(ctx)), ctx.results)


class Bytes(Plain):
    """Bytes, which some callers are given as they arrive."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return _passed(ctx) if can_pass(ctx) else _asked(ctx)

    async def open(self, ctx: CallContext) -> Source:
        return WholeSource(in_one(await _asked(ctx)), ctx.results)


async def _asked(ctx: CallContext) -> Reply:
    authorized = await authorize(ctx, await build(ctx))
    response = await send(ctx, authorized, ctx.plan.utility.rest.timeout)
    plan = ctx.plan.stream
    if plan is None or not holds_events(plan, response):
        return await read(ctx, response)
    try:
        return await _added_up(ctx, UpstreamSource(ctx, plan, Arrived(response), authorized))
    except SaidNothing:
        return await read(ctx, response)  # says how events are asked for


async def _added_up(ctx: CallContext, source: UpstreamSource) -> Reply:
    """The reply of a service that streams although nobody asked it to. Raises AgentOSError."""
    try:
        while (events := await source.next())[-1].name == "delta":
            pass
    except AgentOSError as error:
        await source.failed(error)  # what came so far is counted
        raise
    return ctx.results.reply(events[-1].data, ctx.timings())


async def _passed(ctx: CallContext) -> Reply:
    return await pass_on(ctx, await authorize(ctx, await build(ctx)))


class Streamed(Plain):
    """One request; as a stream, the upstream's events, or a single one when it answers plainly all the same."""

    async def open(self, ctx: CallContext) -> Source:
        plan, rest = ctx.plan.stream, ctx.plan.utility.rest
        assert plan is not None
        authorized = await authorize(ctx, await build(ctx))
        upstream = await ctx.services.transport.open(
            authorized, ctx.record, ctx.trace_stages, retry=rest.retry, idle=plan.stream.idle_timeout
        )
        if is_stream(plan, upstream):
            return UpstreamSource(ctx, plan, upstream, authorized)
        response = await upstream.whole(rest.timeout)
        if holds_events(plan, response):
            return UpstreamSource(ctx, plan, Arrived(response), authorized)
        if ctx.trace is not None:
            ctx.trace_stages([("body", readable(response.body))])
        reply = in_one(await read(ctx, response))
        return WholeSource(reply, ctx.results, chat=plan.stream.accumulate == "chat")


class Paged:
    """A list in pages: as one reply, or a page an event."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return read_pages(ctx)

    async def open(self, ctx: CallContext) -> Source:
        return PagesSource(ctx, await open_pages(ctx))


class Job(Plain):
    """A job that is started and then looked at until it is done."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return follow_job(ctx)


class Here(Plain):
    """A program, a query or a function of this machine."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return reply_of_program(ctx)


class Steps(Plain):
    """Other calls, one after the other."""

    def reply(self, ctx: CallContext) -> Awaitable[Reply]:
        return reply_of_steps(ctx)


PLAIN, BYTES, STREAMED, PAGED, JOB = Plain(), Bytes(), Streamed(), Paged(), Job()
HERE, STEPS = Here(), Steps()


def answer_of(plan: CallPlan, *, streaming: bool) -> Answer:
    """The way that the utility answers."""
    if plan.utility.local is not None:
        return STEPS if plan.utility.local.executor == "steps" else HERE
    if streaming and plan.stream is not None:
        return STREAMED
    if plan.pages is not None:
        return PAGED
    if plan.poll is not None:
        return JOB
    return BYTES if plan.reply.response.raw else PLAIN
