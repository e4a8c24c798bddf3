"""A chat that is told in events although nobody asked for a stream: some gateways know no other way."""

from collections.abc import AsyncIterator, Mapping

from agentos_runtime.calls.call import Reply
from agentos_runtime.calls.deltas import StreamPlan
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.runtime.answering.streaming import UpstreamSource
from agentos_runtime.runtime.context import CallContext

_TYPES: Mapping[str, str] = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}


class Arrived:
    """A whole answer, read as one that arrives."""

    def __init__(self, response: UpstreamResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.simulated = response.simulated

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._response.body

    async def whole(self, timeout: float) -> UpstreamResponse:
        return self._response

    def abort(self) -> None:
        """Nothing is open any more."""

    async def drain(self) -> None:
        """Nothing is open any more."""


def told_in_events(plan: StreamPlan, response: UpstreamResponse) -> bool:
    """Whether a plain call of a chat got a stream."""
    if plan.stream.accumulate != "chat" or not 200 <= response.status < 300:
        return False
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == _TYPES[plan.stream.format]


async def reply_of_events(ctx: CallContext, plan: StreamPlan, response: UpstreamResponse) -> Reply:
    """What the stream's `done` would hold. Raises AgentOSError."""
    source = UpstreamSource(ctx, plan, Arrived(response), None)
    while (batch := await source.next())[-1].name == "delta":
        pass
    return ctx.results.reply(batch[-1].data, ctx.timings())
