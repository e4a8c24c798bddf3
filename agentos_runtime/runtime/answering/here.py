"""Calls of what runs on this machine, and calls in steps."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.evaluate import Empty
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.errors import UpstreamTimeout
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.answering.local import asked_of
from agentos_runtime.runtime.authorizing import authorize
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.reading import read, send
from agentos_runtime.skills.visibility import CallableUtility


async def reply_of_program(ctx: CallContext) -> Reply:
    """Run a program, a query or a function, and read what it gives. Raises AgentOSError."""
    draft = await build(ctx)
    draft = replace(draft, body=asked_of(ctx, draft))
    timeout = ctx.plan.utility.rest.timeout
    machine = ctx.services.machine
    auth = ctx.plan.request.auth
    handed = None if auth is None else replace(auth, templates=())
    if machine is None:
        return await read(ctx, await send(ctx, await authorize(ctx, draft, handed), timeout))
    body = draft.body
    assert isinstance(body, dict)
    shown: dict[str, Json] = {"method": draft.method, "url": draft.url, "headers": {}, "body": body}
    ctx.trace_stages([("request", shown)])
    if handed is not None:  # the credential, where an expression put it and nowhere else
        body = json.loads((await authorize(ctx, draft, handed)).request.body or b"{}")
    record = ctx.record
    told, record.counted_elsewhere = len(record.metering_sources), False
    try:
        return await read(ctx, await machine.send(ctx, body, timeout))
    finally:
        if record.counted_elsewhere:
            del record.metering_sources[told:]


async def reply_of_steps(ctx: CallContext) -> Reply:
    """Run the steps in order under one deadline, and read what they gave. Raises AgentOSError."""
    seconds = ctx.plan.utility.rest.timeout
    try:
        async with asyncio.timeout(seconds):
            results, last = await _run_steps(ctx)
    except TimeoutError:
        raise UpstreamTimeout(f"{ctx.call.skill}/{ctx.call.utility} took more than {seconds:g} s") from None
    local = ctx.plan.utility.local
    assert local is not None
    whole: Json = last if local.fixed.get("answer") == "last" else {"params": ctx.params, **results}
    try:
        return await read(ctx, UpstreamResponse(200, {"content-type": "application/json"}, dump(whole)))
    finally:
        ctx.record.repeats()


async def _run_steps(ctx: CallContext) -> tuple[Mapping[str, Json], Json]:
    """What each step gave, by its id, and what the last one gave that was not left out."""
    local = ctx.plan.utility.local
    assert local is not None
    results: dict[str, Json] = {}
    last: Json = None
    for step in local.steps:
        if step.skip is not None and await _is_skipped(_within(ctx, step.skip, results)):
            results[step.id] = None
            continue
        inner = _within(ctx, step.name, results)
        reply = await (reply_of_program(inner) if inner.plan.utility.local else _reply_of_service(inner))
        last = reply.value if reply.raw is None else reply.raw.body.decode("utf-8", "replace")
        results[step.id] = last
        ctx.record.add_up()
        ctx.trace_stages([("step", {"id": step.id, "gave": last})])
    return results, last


async def _reply_of_service(ctx: CallContext) -> Reply:
    authorized = await authorize(ctx, await build(ctx))
    return await read(ctx, await send(ctx, authorized, ctx.plan.utility.rest.timeout))


async def _is_skipped(ctx: CallContext) -> bool:
    body = (await build(ctx)).body
    return not isinstance(body, Empty) and isinstance(body, dict) and body.get("skip") not in (None, False)


def _within(ctx: CallContext, name: str, results: Mapping[str, Json]) -> CallContext:
    """The call, with a step of it as what is called."""
    plan = ctx.plan
    found = CallableUtility(plan.skill, plan.skill.inner[name], plan.settings)
    inner: CallPlan = ctx.services.plans.plan(found)
    return replace(ctx, plan=inner, inputs=replace(ctx.inputs, results=dict(results)))
