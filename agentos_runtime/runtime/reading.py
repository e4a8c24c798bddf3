"""What an answer of the upstream says, as a reply or as a typed error."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.evaluate import Value
from agentos_runtime.calls.formats.as_it_comes import ANY, differs, holds_json, says_all_is_well
from agentos_runtime.calls.formats.unread import json_in_utf8, json_of_event, json_response
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.reply import (
    Body,
    check_returns,
    error_input,
    failed_response,
    is_failed,
    read_body,
    read_error,
    read_reply,
    reply_document,
    reply_input,
    transformed,
)
from agentos_runtime.calls.values import ValuePlan, read_value, value_input
from agentos_runtime.errors import AgentOSError, ReplyMismatch, UpstreamError, UpstreamInvalid
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json, JsonTextError, is_json, parse
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.tracing import reply_stages

READ_AT_ONCE = 1 << 16
"""Bytes of another form than JSON that are read between two calls; more are read beside them."""

BYTES = "application/octet-stream"
JSON = "json"
"""The kind of answers that need not be read into JSON first."""


def send(ctx: CallContext, authorized: AuthorizedRequest, timeout: float) -> Awaitable[UpstreamResponse]:
    """The whole answer, whatever its status, within `timeout` seconds. Raises AgentOSError."""
    trace_stages = ctx.trace_stages if ctx.trace is not None else None
    retry = ctx.plan.utility.rest.retry
    return ctx.services.transport.send(authorized, ctx.record, trace_stages, retry=retry, timeout=timeout)


async def check_status(ctx: CallContext, response: UpstreamResponse) -> None:
    """Raise the typed error of an answer that is no 2xx."""
    plan = ctx.plan.reply
    if not is_failed(response):
        return
    response = json_of_event(json_in_utf8(response))  # first: no secret is known again in another charset
    _count(ctx, response)
    headers = {name: ctx.results.text(value) for name, value in response.headers.items()}
    response = replace(response, headers=headers, body=ctx.results.body(response.body))
    text = error_input(plan, await _failed_in_json(ctx, response), ctx.settings) if plan.error_program else None
    said = await ctx.run(plan.error_program, text) if plan.error_program and text else None
    raise failed_response(plan, response, said, ctx.services.clocks.wall())


async def check_error(ctx: CallContext, response: UpstreamResponse) -> None:
    """Raise what the manifest's own `error` says of a 2xx answer that no reply is made of."""
    plan = ctx.plan.reply
    text = error_input(plan, response, ctx.settings)
    if plan.error_program is not None and text is not None:
        read_error(plan, await ctx.run(plan.error_program, text), ctx.services.clocks.wall())


async def read(ctx: CallContext, response: UpstreamResponse) -> Reply:
    """The reply that an answer makes. Raises AgentOSError."""
    plan, record = ctx.plan.reply, ctx.record
    if is_failed(response):
        await check_status(ctx, response)
    if plan.response.raw:
        return await _raw(ctx, response)
    if _comes_otherwise(ctx, response):
        return _as_it_comes(ctx, response)
    if plan.response.format.kind == JSON:
        body = _parsed(ctx, response)
    else:
        body = await body_of(ctx, response)
    outcome = None if plan.program is None else await _ran(ctx, plan.program, body)
    try:
        value = _value(ctx, body, outcome)
    except AgentOSError:
        if outcome is not None:
            record.metering_sources += transformed(plan, outcome)
        raise
    if value is not body.whole:
        record.metering_sources.append(value)
    return record.results.reply(value, record.timer.timings())


def _comes_otherwise(ctx: CallContext, response: UpstreamResponse) -> bool:
    """Whether the answer is handed on as it comes: where anything may come, or nobody has proved what does."""
    plan, utility = ctx.plan.reply.response, ctx.plan.utility
    if plan.format.kind == ANY:
        return not holds_json(response.headers.get("content-type", ""), response.body)
    needs_json = plan.root is not None or plan.transform or plan.mapping or utility.streams
    content_type = response.headers.get("content-type", "")
    if utility.strict_returns or needs_json:
        is_awaited = utility.void and not needs_json and plan.format.kind == JSON and plan.error is None
        return is_awaited and not is_json(response.body) and says_all_is_well(content_type, response.body)
    if not differs(plan.format, content_type, response.body):
        return False
    ctx.record.mismatched = True
    ctx.trace_stages([("mismatch", [{"path": "", "message": f"no {plan.format.kind}, but {content_type}"}])])
    return True


def _as_it_comes(ctx: CallContext, response: UpstreamResponse) -> Reply:
    """Raises the error that JSON holds, by the default predicate."""
    if ctx.plan.utility.void:
        return ctx.results.reply(None, ctx.timings())
    content_type = response.headers.get("content-type", "")
    if not holds_json(content_type, response.body):
        return ctx.results.raw(response.body, content_type or BYTES, ctx.timings())
    return ctx.results.reply(_parsed(ctx, response).whole, ctx.timings())


async def body_of(ctx: CallContext, response: UpstreamResponse) -> Body:
    """The parsed body of a 2xx answer. Raises the error that it holds, by the default predicate."""
    readable = await in_json(ctx, response)
    body = _parsed(ctx, readable)
    if readable is not response:
        ctx.trace_stages([("body", body.whole)])
    return body


def _parsed(ctx: CallContext, response: UpstreamResponse) -> Body:
    """As `read_body`; what the answer says that it took is counted, also when it holds an error."""
    try:
        body = read_body(ctx.plan.reply, response, ctx.services.clocks.wall())
    except UpstreamError:
        _count(ctx, response)
        raise
    ctx.record.metering_sources.append(body.whole)
    return body


def _count(ctx: CallContext, response: UpstreamResponse) -> None:
    """What a failure says that it took is counted."""
    with suppress(JsonTextError):
        ctx.record.metering_sources.append(parse(response.body))


async def in_json(ctx: CallContext, response: UpstreamResponse) -> UpstreamResponse:
    """The answer with its body as JSON, read as the manifest says. Raises UpstreamInvalid."""
    plan = ctx.plan.reply
    if len(response.body) > READ_AT_ONCE and plan.response.format.kind != JSON:
        return await asyncio.to_thread(json_response, plan.service, plan.utility, response)
    return json_response(plan.service, plan.utility, response)


async def _failed_in_json(ctx: CallContext, response: UpstreamResponse) -> UpstreamResponse:
    """A failed answer for the manifest's `error`: JSON as it stands, else read as the manifest says."""
    try:
        return response if is_json(response.body) else await in_json(ctx, response)
    except UpstreamInvalid:
        return response


async def value_of(ctx: CallContext, body: Body) -> Json:
    """What `error`, `transform` and `mapping` make of a body, checked. Raises AgentOSError."""
    program = ctx.plan.reply.program
    return _value(ctx, body, None if program is None else await _ran(ctx, program, body))


async def _ran(ctx: CallContext, program: Program, body: Body) -> Outcome:
    """What the reply's program gave for a body."""
    plan, params, settings = ctx.plan.reply, ctx.params, ctx.settings
    document = reply_document(plan, body, params, settings)
    write = partial(reply_input, plan, body, params, settings)
    return await ctx.run(program, ctx.input_of(document, write, body.response.body))


def _value(ctx: CallContext, body: Body, outcome: Outcome | None) -> Json:
    plan = ctx.plan.reply
    if ctx.trace is not None:
        ctx.trace_stages(reply_stages(plan, body, outcome))
    reply = read_reply(plan, body, outcome, ctx.services.clocks.wall())
    keep_promise(ctx, reply)
    return reply


def keep_promise(ctx: CallContext, reply: Json) -> None:
    """Raise ReplyMismatch for a reply that is not what `returns` says; where nobody has proved that, count it."""
    if ctx.plan.utility.void:
        return
    try:
        check_returns(ctx.plan.utility, reply)
    except ReplyMismatch as mismatch:
        if ctx.plan.utility.strict_returns:
            raise
        ctx.record.mismatched = True
        problems: list[Json] = [{"path": each.path, "message": each.message} for each in mismatch.problems]
        ctx.trace_stages([("mismatch", problems)])


async def ask(ctx: CallContext, plan: ValuePlan, whole: Json, response: UpstreamResponse) -> Value:
    """One expression over a body. Raises ExpressionFailed, ExpressionLimit."""
    outcome = None
    if plan.program is not None:
        outcome = await ctx.run(plan.program, value_input(plan.program, response, ctx.params, ctx.settings))
    return read_value(plan, whole, outcome)


def is_json_type(content_type: str) -> bool:
    """Whether it is JSON, which may hold a failure where bytes are expected."""
    return content_type.split(";")[0].strip().lower() == "application/json"


async def _raw(ctx: CallContext, response: UpstreamResponse) -> Reply:
    """Bytes handed on. Raises the upstream's error when a JSON body holds one instead of the bytes."""
    content_type = response.headers.get("content-type", BYTES)
    if is_json_type(content_type):
        await body_of(ctx, response)
    return ctx.results.raw(response.body, content_type, ctx.timings())
