"""Events under the content type of a plain answer: they are read when all of them have come."""

from collections.abc import AsyncIterator, Callable, Mapping

from agentos_runtime.calls.deltas import StreamPlan
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.frozen import dataclass

_BEGINNINGS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""Of lines of an event stream; no JSON begins so."""


def holds_events(plan: StreamPlan, response: UpstreamResponse) -> bool:
    """Whether a whole answer is the stream that was asked for."""
    begins = response.body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_BEGINNINGS)
    return begins and 200 <= response.status < 300 and plan.stream.format == "sse"


@dataclass(frozen=True, slots=True)
class Arrived:
    """`runtime.ports.OpenUpstream` over an answer that is here."""

    response: UpstreamResponse

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def simulated(self) -> str | None:
        return self.response.simulated

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.response.body

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Everything is to be read."""

    async def whole(self, timeout: float) -> UpstreamResponse:
        return self.response

    def abort(self) -> None:
        """Nothing is open."""

    async def drain(self) -> None:
        """Nothing is left on a line."""
