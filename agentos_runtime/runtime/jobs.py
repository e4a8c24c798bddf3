"""A call whose answer is a job: accepted now, looked at until it is done."""

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.evaluate import EMPTY, Value
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.polling import NOT_YET, PollPlan, job_details, job_failed, look, still_running
from agentos_runtime.calls.request import Draft
from agentos_runtime.calls.retry_after import retry_after
from agentos_runtime.calls.values import ValuePlan, truthy
from agentos_runtime.errors import AgentOSError, UpstreamTimeout, UpstreamTruncated, UpstreamUnreachable
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.exchange import Exchange

SHORTEST_LOOK = 0.1
"""Seconds that the last look has when the deadline is that near."""


async def follow_job(exchange: Exchange) -> Reply:
    """Start the job and give its result, or with `wait: false` what the service said when it took the job.

    Raises AgentOSError; from the moment that the job was accepted with `details["job"]`.
    """
    session = exchange.session
    plan = session.plan.poll
    assert plan is not None
    ends = exchange.clocks.monotonic() + plan.poll.deadline
    draft = await session.draft()
    response = await exchange.send(
        session.finish(draft), min(session.plan.utility.rest.timeout, plan.poll.deadline)
    )
    await exchange.check_status(response)
    accepted = _whole(exchange, response)
    if session.owned.get("wait") is False:
        await exchange.check_said(response)
        return exchange.plain(accepted)
    job = _Job(exchange, plan, draft, accepted, ends)
    try:
        return await job.reply(response)
    except AgentOSError as error:
        details: Json = session.redactor.clean(job_details(job.url, accepted))
        error.details = {**(details if isinstance(details, dict) else {}), **error.details}
        raise


class _Job:
    """A job between two looks at it."""

    def __init__(self, exchange: Exchange, plan: PollPlan, first: Draft, accepted: Json, ends: float) -> None:
        self.url: str | None = None
        self._exchange = exchange
        self._plan = plan
        self._first = first
        self._accepted = accepted
        self._ends = ends

    async def reply(self, response: UpstreamResponse) -> Reply:
        """The reply made of the body that is done."""
        if await self._is_done(response):
            return await self._exchange.reply(response)
        said: Value = EMPTY
        if isinstance(self._plan.url, ValuePlan):
            said = await self._exchange.ask(self._plan.url, self._accepted, response)
        draft = look(self._plan, self._first, said, self._exchange.session.params)
        self.url = draft.url
        while True:
            await self._pause(response)
            seen = await self._look(draft)
            response = seen or response
            if seen is not None and await self._is_done(seen):
                return await self._exchange.reply(seen)

    async def _look(self, draft: Draft) -> UpstreamResponse | None:
        """The job as it stands; None when the service could not be asked, which says nothing of the job."""
        exchange = self._exchange
        request = exchange.session.finish(draft, self._plan.auth)
        left = max(self._ends - exchange.clocks.monotonic(), SHORTEST_LOOK)
        try:
            return await exchange.send(request, min(exchange.session.plan.utility.rest.timeout, left))
        except (UpstreamUnreachable, UpstreamTruncated, UpstreamTimeout):
            return None

    async def _is_done(self, response: UpstreamResponse) -> bool:
        """Raises the job's failure."""
        exchange, plan = self._exchange, self._plan
        if response.status in NOT_YET:
            return False
        await exchange.check_status(response)
        whole = _whole(exchange, response)
        if plan.failed is not None and truthy(said := await exchange.ask(plan.failed, whole, response)):
            raise job_failed(plan.service, None if said is EMPTY else said, whole, exchange.clocks.wall())
        if truthy(await exchange.ask(plan.until, whole, response)):
            return True
        await exchange.check_said(response)
        return False

    async def _pause(self, response: UpstreamResponse) -> None:
        """Until the next look: the interval, or as long as the service asks for. Raises UpstreamTimeout."""
        clocks, poll = self._exchange.clocks, self._plan.poll
        told = retry_after({"retry-after": response.headers.get("retry-after", "")}, clocks.wall())
        seconds = max(poll.interval, told or 0.0)
        if clocks.monotonic() + seconds >= self._ends:
            raise still_running(self._plan.service, self.url or "", poll.deadline)
        await clocks.sleep(seconds)


def _whole(exchange: Exchange, response: UpstreamResponse) -> Json:
    """The body; null for an empty one. Raises the error that it holds, by the default predicate."""
    if not response.body.strip():
        return None
    return exchange.body(response).whole
