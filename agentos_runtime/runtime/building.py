"""What a call asks of the upstream, still without its secrets."""

import re
from dataclasses import replace
from urllib.parse import quote

from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.reply import failed_draft
from agentos_runtime.calls.requests.drafting import (
    Draft,
    document,
    draft_request,
    plain_documents,
    program_document,
    settled_outputs,
)
from agentos_runtime.calls.requests.placeholders import Placeholders
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program, value_program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.context import CallContext


async def build(ctx: CallContext) -> Draft:
    """The request without its secrets. Raises AgentOSError: expressions, params."""
    plan = ctx.request_plan
    if ctx.trace is not None and ctx.call.depth == 0:
        await _trace_page(ctx)
    placeholders = Placeholders.fresh(plan.auth.fields) if plan.auth and plan.sees_auth else Placeholders()
    seen = document(ctx.inputs.params, ctx.plan.settings, placeholders, ctx.call.params)
    if ctx.inputs.results:
        seen |= ctx.inputs.results
    outputs: list[Json] = []
    carries = plan.rooted or plan.samples is not None
    if plan.program is not None:
        outcome = await _outcome(ctx, plan.program, program_document(plan, seen))
        outputs = settled_outputs(plan, outcome.outputs, placeholders)
        carries = carries or placeholders.suspected_in(outcome.written())
    plain: list[Json] = []
    if plan.url_program is not None:
        plain = [await _plain_url(ctx, plan.url_program, text) for text in plain_documents(plan, seen)]
    return draft_request(
        plan,
        Inputs(seen, outputs),
        streaming=ctx.wants_events,
        plain_urls=plain,
        placeholders=placeholders,
        carries=carries,
        uploads=ctx.inputs.uploads,
    )


async def _trace_page(ctx: CallContext) -> None:
    """Show where a person would look; nothing where that cannot be told, or is no https address."""
    utility = ctx.plan.utility
    page: Json = None
    if utility.web_url is not None:
        given = {name: quote(str(value), safe="") for name, value in ctx.params.items()}
        page = re.sub(r"\{\+?(\w+)\}", lambda found: given.get(found[1], ""), utility.web_url)
    elif utility.page is not None:
        text = b'{"params":{},"settings":{},"response":null,"body":%s}' % dump({"params": ctx.params})
        outcome = await ctx.services.workers.run(value_program("", utility.page.source), text)
        found = outcome.outputs[0] if outcome.failure is None else None
        page = found[0] if isinstance(found, list) and len(found) == 1 else None
    if isinstance(page, str) and re.fullmatch(r"https://[^\s\\]+", page):
        ctx.trace_stages([("page", page)])


async def _outcome(ctx: CallContext, program: Program, seen: dict[str, Json]) -> Outcome:
    outcome = await ctx.run(program, ctx.input_of(seen, lambda: dump(seen)))
    if outcome.failure is not None:
        nodes = ctx.request_plan.nodes
        failure = replace(outcome.failure, index=outcome.failure.index % len(nodes))
        raise failed_draft(nodes, replace(outcome, failure=failure))
    return outcome


async def _plain_url(ctx: CallContext, program: Program, text: bytes) -> Json:
    """The outputs for plain texts: the url that they make, and none where the expression refuses them.

    A program that did not come to its end says nothing about the params.
    """
    outcome = await ctx.run(program, text)
    if outcome.failure is None:
        return outcome.outputs[0]
    if outcome.failure.kind == "error":
        return []
    raise failed_draft(ctx.request_plan.nodes, outcome)  # the url's is the first of them
