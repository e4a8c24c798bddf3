"""Whether an answer is a stream of events; those under the content type of a plain answer are read when all of them
have come."""

from collections.abc import AsyncIterator, Callable, Mapping

from agentos_runtime.calls.deltas import StreamPlan
from agentos_runtime.calls.events import UpstreamEvent, parted
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import is_json
from agentos_runtime.runtime.ports import OpenUpstream

_BEGINNINGS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""Of lines of an event stream; no JSON begins so."""
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def is_stream(plan: StreamPlan, upstream: OpenUpstream) -> bool:
    """Whether the answer is a stream: no failed status, no web page, no plain JSON where events were asked for."""
    kind = upstream.headers.get("content-type", "").split(";")[0].strip().lower()
    plain = _PAGES if plan.stream.format == "ndjson" else _PAGES | {"application/json"}
    return 200 <= upstream.status < 300 and kind not in plain


def holds_events(plan: StreamPlan, response: UpstreamResponse) -> bool:
    """Whether a whole answer is a stream of the utility's."""
    if not 200 <= response.status < 300:
        return False
    if plan.stream.format == "sse":
        return response.body[:1] != b"{" and _begun(response.body).startswith(_BEGINNINGS)
    text = _begun(response.body)
    line, _, rest = text.partition(b"\n")
    if is_json(line):
        return line.startswith(b"{") and rest.lstrip().startswith(b"{")
    return bool(parted(UpstreamEvent(line), plan.stream.format, None))


def _begun(body: bytes) -> bytes:
    """From the first event on: a line that is indented would say nothing, and its text would be lost."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()


@dataclass(frozen=True, slots=True)
class Arrived:
    """`runtime.ports.OpenUpstream` over an answer that is here."""

    response: UpstreamResponse
    is_read_as_events: bool = True

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
        yield _begun(self.response.body) if self.is_read_as_events else self.response.body

    def arrived(self) -> bytes:
        return b""

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Everything is to be read."""

    def hurry(self, seconds: float) -> None:
        """All of it is here."""

    async def whole(self, timeout: float) -> UpstreamResponse:
        return self.response

    def abort(self) -> None:
        """Nothing is open."""

    async def drain(self) -> None:
        """Nothing is left on a line."""
