"""A call whose answer is a job: accepted now, looked at until it is done."""

from dataclasses import replace

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.evaluate import EMPTY, Value
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.polling import NOT_YET, PollPlan, job_details, job_failed, look, still_running
from agentos_runtime.calls.reply import Body
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.retry_after import meant_status, retry_after
from agentos_runtime.calls.values import ValuePlan, truthy
from agentos_runtime.errors import AgentOSError, UpstreamTimeout, UpstreamTruncated, UpstreamUnreachable
from agentos_runtime.runtime.authorizing import authorize
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.reading import ask, body_of, check_error, check_status, read, send

SHORTEST_LOOK = 0.1
"""Seconds that the last look has when the deadline is that near."""


async def follow_job(ctx: CallContext) -> Reply:
    """Start the job and give its result, or with `wait: false` what the service said when it took the job.

    Raises AgentOSError; from the moment that the job was accepted with `details["job"]`.
    """
    plan = ctx.plan.poll
    assert plan is not None
    ends = ctx.services.clocks.monotonic() + plan.poll.deadline
    draft = await build(ctx)
    response = await send(ctx, await authorize(ctx, draft), min(ctx.plan.utility.rest.timeout, plan.poll.deadline))
    await check_status(ctx, response)
    accepted = await _body(ctx, response)
    if ctx.inputs.runtime_params.get("wait") is False:
        await check_error(ctx, accepted.response)
        return ctx.results.reply(accepted.whole, ctx.timings())
    job = _Job(ctx, plan, draft, accepted, ends)
    try:
        return await job.reply(response)
    except AgentOSError as error:
        error.details = {**job_details(job.url, accepted.whole), **error.details}
        raise


class _Job:
    """A job between two looks at it."""

    def __init__(self, ctx: CallContext, plan: PollPlan, first: Draft, accepted: Body, ends: float) -> None:
        self.url: str | None = None
        self._ctx = ctx
        self._plan = plan
        self._first = first
        self._accepted = accepted
        self._ends = ends

    async def reply(self, response: UpstreamResponse) -> Reply:
        """The reply made of the body that is done."""
        if await self._is_done(response):
            return await read(self._ctx, response)
        said: Value = EMPTY
        if isinstance(self._plan.url, ValuePlan):
            said = await ask(self._ctx, self._plan.url, self._accepted.whole, self._accepted.response)
        draft = look(self._plan, self._first, said, self._ctx.params)
        self.url = draft.url
        told = self._ctx.record.metering_sources
        begun = len(told)
        while True:
            del told[begun:-1]  # what a job took is told anew at every look, and the newest counts
            await self._pause(response)
            seen = await self._look(draft)
            response = seen or response
            if seen is not None and await self._is_done(seen):
                return await read(self._ctx, seen)

    async def _look(self, draft: Draft) -> UpstreamResponse | None:
        """The job as it stands; None when the service could not be asked, which says nothing of the job."""
        ctx = self._ctx
        authorized = await authorize(ctx, draft, self._plan.auth)
        left = max(self._ends - ctx.services.clocks.monotonic(), SHORTEST_LOOK)
        try:
            return await send(ctx, authorized, min(ctx.plan.utility.rest.timeout, left))
        except (UpstreamUnreachable, UpstreamTruncated, UpstreamTimeout):
            return None

    async def _is_done(self, response: UpstreamResponse) -> bool:
        """Raises the job's failure."""
        ctx, plan = self._ctx, self._plan
        if meant_status(response.status, response.headers) in NOT_YET:
            return False
        await check_status(ctx, response)
        body = await _body(ctx, response)
        whole, response = body.whole, body.response
        if plan.failed is not None and truthy(said := await ask(ctx, plan.failed, whole, response)):
            raise job_failed(plan.service, None if said is EMPTY else said, whole, ctx.services.clocks.wall())
        if truthy(await ask(ctx, plan.until, whole, response)):
            return True
        await check_error(ctx, response)
        return False

    async def _pause(self, response: UpstreamResponse) -> None:
        """Until the next look: the interval, or as long as the service asks for. Raises UpstreamTimeout."""
        clocks, poll = self._ctx.services.clocks, self._plan.poll
        told = retry_after({"retry-after": response.headers.get("retry-after", "")}, clocks.wall())
        seconds = max(poll.interval, told or 0.0)
        if clocks.monotonic() + seconds >= self._ends:
            raise still_running(self._plan.service, self.url or "", poll.deadline)
        await clocks.sleep(seconds)


async def _body(ctx: CallContext, response: UpstreamResponse) -> Body:
    """The body; null for an empty one. Raises the error that it holds, by the default predicate."""
    if not response.body.strip():
        return Body(None, None, replace(response, body=b"null"))
    return await body_of(ctx, response)
