"""The manifest's own word on the params, before anything else happens to the call."""

from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.reply import failed_draft
from agentos_runtime.calls.requests.judging import check_refusal, ignored_params, seen_by
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.context import CallContext


async def judge(ctx: CallContext) -> None:
    """Refuse the call, or note in its record which of the params are not sent. Raises AgentOSError."""
    plan = ctx.plan.params
    if plan is None:
        return
    seen = seen_by(ctx.params, ctx.settings, ctx.call.params)
    outputs: list[Json] = []
    if plan.program is not None:
        outcome = await ctx.run(plan.program, ctx.input_of(seen, lambda: dump(seen)))
        if outcome.failure is not None:
            raise failed_draft(plan.nodes, outcome)
        outputs = outcome.outputs
    inputs = Inputs(seen, outputs)
    check_refusal(plan, inputs)
    ctx.record.ignored += ignored_params(plan, inputs, ctx.call.params)
    if ctx.trace is not None and ctx.record.ignored:
        ctx.trace_stages([("ignored", [*ctx.record.ignored])])
