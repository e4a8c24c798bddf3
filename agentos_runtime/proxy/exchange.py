"""An answer that passes through: status, headers, bytes, and exactly one end."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from agentos_runtime.calls.call import Timings
from agentos_runtime.calls.failures import Service, body_failure, described_failure, failure_error
from agentos_runtime.calls.retry_after import meant_status
from agentos_runtime.errors import (
    AgentOSError,
    UpstreamFailure,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.proxy.headers import headers_down
from agentos_runtime.proxy.metering import AnswerMeter, meter_of
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.runtime.record import Record

EVENTS = "text/event-stream"
AT_ONCE = 64 * 1024
"""Bytes of an answer that is awaited whole, when it says that it has no more: it goes out in one piece."""
_UNREADABLE = (UpstreamInvalid, UpstreamTruncated)
LARGEST_REQUEST = 1 << 20
"""Bytes of a request's body in which its model is looked for, when the answer names none."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an answer is passed on, and until when (seconds of the call's own clock)."""

    max_reply: int
    ends: float
    seconds: float


def media_type(upstream: OpenUpstream) -> str:
    """Lower case, without parameters."""
    return upstream.headers.get("content-type", "").partition(";")[0].strip().lower()


def error_inside(text: bytes, now: float) -> UpstreamFailure | None:
    """The error of an answer or event by the default predicate; of OpenAI's responses also within, or the event."""
    try:
        document = parse(text) if text else None
    except JsonTextError:
        return None
    if not isinstance(document, dict):
        return None
    told = body_failure(document, now) or body_failure(document.get("response"), now)
    is_bare = told is None and document.get("type") == "error" and isinstance(document.get("message"), str)
    return described_failure(document, now) if is_bare else told


def is_stream(upstream: OpenUpstream) -> bool:
    """Whether an answer consists of events."""
    return media_type(upstream) == EVENTS


class Exchange:
    """An answer whose head is there; to be iterated once, and closed, which its `async with` block does."""

    def __init__(self, ctx: CallContext, upstream: OpenUpstream, body: bytes | None, bounds: Bounds) -> None:
        text = ctx.results.text
        self.status = upstream.status
        self.headers = [(name, text(value)) for name, value in headers_down(upstream.headers)]
        self._ctx = ctx
        self._record: Record = ctx.record
        self._upstream = upstream
        self._chunks = upstream.chunks()
        self._room = bounds.max_reply
        self._asked = body
        self._bounds = bounds
        self._redactor = ctx.results.bytes_stream(upstream.headers.get("content-type", ""))
        self.content_type = media_type(upstream)
        self._meter: AnswerMeter = meter_of(self.content_type)
        self._interruption: AgentOSError | None = None
        self._ended: Callable[[], None] = lambda: None
        self._record.answered = upstream.status
        self._record.so_far = self._so_far

    @property
    def skill(self) -> str:
        """Whose address was called."""
        return self._ctx.plan.skill.id

    @property
    def request_id(self) -> str:
        return self._ctx.call.request_id

    @property
    def warning(self) -> str | None:
        """For the caller beside the answer: a budget is nearly used up."""
        return self._record.permit.warning if self._record.permit else None

    @property
    def simulated(self) -> str | None:
        """In a simulation: which case answered, and whether it was the very request."""
        return self._record.simulated

    @property
    def streams(self) -> bool:
        """Whether it consists of events."""
        return self.content_type == EVENTS

    @property
    def length(self) -> int | None:
        """How long the service says that it is, when it comes as it is."""
        given, encoding = self._upstream.headers.get("content-length", ""), "content-encoding"
        plain = self._upstream.headers.get(encoding, "identity").lower() == "identity"
        return int(given) if plain and given.isdecimal() else None

    @property
    def lasts(self) -> bool:
        """Whether it may go on for long: else it is awaited whole."""
        return self.streams or self.length is None or self.length > AT_ONCE

    @property
    def timings(self) -> Timings:
        """Where its time went until now."""
        return self._ctx.timings()

    @property
    def usage(self) -> dict[str, Json] | None:
        """Model, tokens and cost (US dollars) of an answer that has ended; None when it said nothing."""
        meter = self._ctx.results.meter([self._used(), {"model": self._asked_model()}])
        if meter.cost is None and meter.input_tokens is None and meter.output_tokens is None:
            return None
        said: dict[str, Json] = {
            "model": meter.model,
            "input_tokens": meter.input_tokens,
            "output_tokens": meter.output_tokens,
            "cost": meter.cost,
        }
        return {name: value for name, value in said.items() if value is not None}

    def when_closed(self, ended: Callable[[], None]) -> None:
        """Have this called once it is closed."""
        self._ended = ended

    def interrupt(self, error: AgentOSError) -> None:
        """End it soon with this error."""
        self._interruption = error
        self._upstream.abort()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body without secrets, whole events at a time where it consists of events.

        Raises AgentOSError when it breaks off: what came is then not all. When this ends the row is closed.
        """
        try:
            while piece := await self._next():
                if cleaned := self._meter.feed(self._redactor.feed(piece)):
                    yield cleaned
            if rest := await self._rest():
                yield rest
        except AgentOSError as error:
            raise await self._failed(error) from None

    async def whole(self) -> bytes:
        """The same in one piece: no generator, which asyncio keeps a list of.

        The body of a failure that cannot be read is empty: its status and its headers are the answer.
        """
        cleaned: list[bytes] = []
        try:
            while piece := await self._next():
                cleaned.append(self._meter.feed(self._redactor.feed(piece)))
            cleaned.append(await self._rest())
        except AgentOSError as error:
            if self.status >= 300 and isinstance(error, _UNREADABLE) and self._interruption is None:
                self._upstream.abort()
                await self._close(self._refusal())
                return b""
            raise await self._failed(error) from None
        return b"".join(cleaned)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the service's connection and the ledger's row; an answer left early counts as cancelled."""
        self._ended()
        self._upstream.abort()
        await self._record.close(GeneratorExit())

    async def _next(self) -> bytes:
        """What comes, its time counted, as long as it may; b"" at the end. Raises UpstreamError."""
        timer = self._record.timer
        started = timer.clock()
        try:
            piece = await anext(self._chunks, b"")
        finally:
            now = timer.clock()
            timer.upstream += now - started
        self._room -= len(piece)
        if self._room < 0:
            raise UpstreamInvalid(
                f"{self._ctx.plan.skill.name} sent more than {self._bounds.max_reply} bytes "
                "(AGENTOS_MAX_REPLY): the answer was cut off"
            )
        if piece and now > self._bounds.ends:
            raise UpstreamTimeout(
                f"{self._ctx.plan.skill.name} was not done within {self._bounds.seconds:g} s: it was cut off"
            )
        return piece

    async def _rest(self) -> bytes:
        """What was held back until the answer was whole; its row is closed then."""
        if self._interruption is not None:
            raise self._interruption
        rest = self._meter.feed(self._redactor.flush()) + self._meter.end()
        await self._close(self._refusal())
        return rest

    async def _failed(self, error: AgentOSError) -> AgentOSError:
        """What its reader is told; its row is closed with that."""
        failure = self._ctx.results.error(self._interruption or error)
        self._upstream.abort()
        self._record.answered = failure.status
        await self._close(failure)
        return failure

    async def _close(self, error: AgentOSError | None) -> None:
        self._ended()
        self._record.metering_sources += [{"model": self._asked_model()}, self._used()]
        await self._record.close(error)

    def _so_far(self) -> Json:
        return {"model": self._asked_model()} | self._meter.document()

    def _used(self) -> Json:
        said: Json = self._meter.document()
        return said

    def _asked_model(self) -> Json:
        """The model that was asked for; looked for only when the answer named none."""
        body = self._asked
        if not body or len(body) > LARGEST_REQUEST or body[:1] != b"{" or "model" in self._meter.document():
            return None
        try:
            asked = parse(body)
        except JsonTextError:
            return None
        return asked.get("model") if isinstance(asked, dict) else None

    def _refusal(self) -> AgentOSError | None:
        """For the ledger, what the status means, or an error inside a 200; the caller has its own words."""
        status = self.status
        service = Service(self._ctx.plan.skill.name, self._ctx.plan.skill.id)
        if status < 400:
            failure = error_inside(self._meter.error(), self._ctx.services.clocks.wall())
            return None if failure is None else failure_error(service, failure)
        return failure_error(service, UpstreamFailure(status=status), meant_status(status, self._upstream.headers))
