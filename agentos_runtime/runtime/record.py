"""What the ledger gets to know of a call while it goes on."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import field

from agentos_runtime.calls.call import Call, Timings, usable_key
from agentos_runtime.calls.messages import NEAREST
from agentos_runtime.calls.metering import NUMBERS, Meter
from agentos_runtime.errors import (
    AgentOSError,
    DecisionPending,
    InternalError,
    InvalidAgent,
    InvalidParams,
    ReplyMismatch,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.ports import Ledger
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.safeguards import Permit
from agentos_runtime.runtime.telling.watched import Watched
from agentos_runtime.security.agents import is_agent_name
from agentos_runtime.storage.activity.rows import Closing, Entry

GENERATION = "x-generation-id"
"""The header that names a generation."""
NOTHING_USED = Meter()
_NO_ANSWER = (UpstreamInvalid, UpstreamTruncated, UpstreamTimeout, UpstreamUnreachable)


@dataclass(slots=True)
class Timer:
    """Where a call's time goes; seconds of a monotonic clock."""

    clock: Callable[[], float]
    started: float = 0.0
    upstream: float = 0.0
    expressions: float = 0.0
    waiting: float = 0.0
    """For a person's yes."""

    def __post_init__(self) -> None:
        self.started = self.clock()

    def timings(self) -> Timings:
        total = self.clock() - self.started
        return Timings(total * 1e3, self.upstream * 1e3, self.expressions * 1e3, self.waiting * 1e3)


@dataclass(slots=True)
class Record:
    """A ledger row from `started` to its outcome; closed exactly once, whatever happens to the call."""

    ledger: Ledger
    call: Call
    timer: Timer
    results: Results
    """Takes the call's secrets out of the names that the upstream gave."""
    metering_sources: list[Json] = field(default_factory=list)
    """What may tell model, tokens and cost: the model of the params, the upstream's body, the reply; the later
    counts more."""
    so_far: Callable[[], Json] | None = None
    """What of a stream has arrived, for when its caller leaves in the middle, or it fails before it is told."""
    upstream_status: int | None = None
    generation_id: str | None = None
    """The id that the head of an answer gives, for answers that are no JSON or never come to their end."""
    mismatched: bool = False
    """Whether the reply was handed on although it is not what `returns` says."""
    answered: int | None = None
    """The status that the caller was given, where that is the service's own."""
    reads: bool = False
    """Whether the call only looks: a job or a generation that is looked at again costs nothing again."""
    made: bool = False
    """Whether a request that changes something was accepted, or may have been."""
    ignored: tuple[str, ...] = ()
    """Params that are not sent, for the caller beside the reply."""
    cost: float | None = None
    """US dollars, once the row is closed; None = nobody said."""
    decision: dict[str, Json] | None = None
    """What a person said to it, or that nobody has yet."""
    watched: Watched | None = None
    """Figures and listeners; None where a call is only looked at."""
    goes_on_outside: bool = False
    """Whether what is handed on closes it, after the call has its reply."""
    simulated: str | None = None
    """In a simulation: which case answered, and whether it was the very request."""
    entry: Entry | None = None
    counted_elsewhere: bool = False
    """Whether what the program under way used stands in the rows of siblings that it called."""
    _used: Meter = NOTHING_USED
    """By requests that are over, of calls that make several."""
    permit: Permit | None = None
    """What the call was let through with; closed after the row."""

    async def open(self) -> None:
        """Write the row: it is in the ledger when this returns."""
        call = self.call
        self.entry = await self.ledger.start(
            request_id=call.request_id, agent=call.agent, skill=call.skill[:200], utility=call.utility[:200]
        )
        if self.watched is not None:
            self.watched.begun()

    async def close(self, error: BaseException | None = None) -> None:
        """Close the row: ok, cancelled (or why that was), or with the error's code. A second close does nothing."""
        entry, self.entry = self.entry, None
        if entry is None:
            return
        if error is not None and self.so_far is not None:
            self.metering_sources.append(self.so_far())
        error = _reason(error)
        meter = self.results.meter(reversed(self.metering_sources))
        if self._used is not NOTHING_USED:
            meter = self._used.and_then(meter)
        self.cost = meter.cost
        counts = True
        timings = self.timer.timings()
        closing = self._closing(error, meter, timings)
        if self.simulated is not None and isinstance(error, AgentOSError):
            error.simulated = self.simulated
        if self.watched is not None:
            refused_by = error.refused_by if isinstance(error, AgentOSError) else None
            self.watched.ended(closing, meter, timings, refused_by, self)
        try:
            counts = await self.ledger.finish(entry, closing, reads=self.reads)
        finally:
            permit, self.permit = self.permit, None
            if permit is not None and (charged := permit.close(meter if counts else Meter())) is not None:
                await charged

    def add_up(self) -> None:
        """A request of several is over: what the next ones tell is added to what it used."""
        self._used = self._used.and_then(self.results.meter(reversed(self.metering_sources)))
        self.metering_sources.clear()

    def repeats(self) -> None:
        """What was told since `add_up` is made of what that knows, unless it knew no number."""
        if any(getattr(self._used, name) is not None for name in NUMBERS):
            self.metering_sources.clear()

    async def waits(self) -> None:
        """The row says `waiting` until `goes_on`."""
        if self.entry is not None:
            await self.ledger.mark(self.entry, "waiting")

    async def goes_on(self) -> None:
        """The row says `started` again."""
        if self.entry is not None:
            await self.ledger.mark(self.entry, "started")

    def exchanged(self, origin: str, seconds: float, span: str | None = None) -> None:
        """Note how long a request to the service took until it was answered, or failed; told to it as a span."""
        self.timer.upstream += seconds
        if self.watched is not None:
            self.watched.exchanged(origin, seconds, span)

    def note_stream(self) -> None:
        """Note that the reply comes in pieces."""
        if self.watched is not None:
            self.watched.streams()

    def note_first_event(self) -> None:
        """Note that the stream's caller is given its first event."""
        if self.watched is not None:
            self.watched.first_event(self.timer.timings())

    def hear(self, status: int, headers: Mapping[str, str], simulated: str | None) -> None:
        """Note what the head of an answer says, and of several simulated ones the one that fits least."""
        self.upstream_status = status
        if simulated is not None and (self.simulated is None or simulated.endswith(NEAREST)):
            self.simulated = simulated
        if (named := headers.get(GENERATION)) is not None:
            self.generation_id = self.results.text(named)[:200]

    def hear_of(self, error: BaseException) -> None:
        """Note the status of an answer that could not be read."""
        if isinstance(error, AgentOSError) and error.answered is not None:
            self.upstream_status = error.answered

    @property
    def row(self) -> int | None:
        """Its number in the ledger; None when that could not be written."""
        return self.entry.id if self.entry else None

    def may_have_happened(self, error: BaseException) -> bool:
        """Whether the failed call may have done its work at the upstream, which did not say that it failed."""
        said_no = (
            isinstance(error, UpstreamError) and not isinstance(error, _NO_ANSWER) and error.upstream is not None
        )
        inside = self.upstream_status is not None and self.upstream_status < 400
        return self.made and not (said_no and inside)

    def _closing(self, error: BaseException | None, meter: Meter, timings: Timings) -> Closing:
        failure = error if isinstance(error, AgentOSError) else InternalError("") if error else None
        if failure and failure.upstream and self.upstream_status is None:
            self.upstream_status = failure.upstream.status
        cancelled = _left(error)
        if isinstance(failure, DecisionPending) and self.call.patience == 0:  # it wanted to be told just that
            return Closing(outcome="cancelled", code=failure.code, status=202, decision=self._decided())
        return Closing(
            outcome="cancelled" if cancelled else "error" if failure else "ok",
            code=None
            if cancelled
            else failure.code
            if failure
            else ReplyMismatch.code
            if self.mismatched
            else None,
            status=None if cancelled else self.answered or (failure.status if failure else 200),
            upstream_status=self.upstream_status,
            duration_ms=timings.total_ms - timings.waiting_ms,
            upstream_ms=timings.upstream_ms,
            model=meter.model,
            provider=meter.provider,
            generation_id=meter.generation_id or self.generation_id,
            input_tokens=meter.input_tokens,
            output_tokens=meter.output_tokens,
            cost=meter.cost,
            decision=self._decided(),
        )

    def _decided(self) -> str | None:
        return dump(self.decision).decode() if self.decision is not None else None


def check_given(call: Call) -> None:
    """Raises InvalidAgent, and InvalidParams for the key: who needs no header for them may have no others. So for
    params that are no object, which no body could be.
    """
    if not isinstance(call.params, dict) or not all(isinstance(name, str) for name in call.params):
        raise InvalidParams("The params must be an object: a dict with a text for each name.")
    if call.idempotency_key is not None:
        usable_key(call.idempotency_key)
    if not isinstance(call.agent, str) or not is_agent_name(call.agent):
        raise InvalidAgent("An agent's name is 1 to 64 printable ASCII characters without a space at the ends.")


def _reason(error: BaseException | None) -> BaseException | None:
    """Why a call was cancelled, where that was told with it: the server stops, say."""
    told = error.args[0] if isinstance(error, asyncio.CancelledError) and error.args else None
    return told if isinstance(told, AgentOSError) else error


def _left(error: BaseException | None) -> bool:
    """Whether the call ended because nobody waits for it any more."""
    return isinstance(error, (asyncio.CancelledError, GeneratorExit))
