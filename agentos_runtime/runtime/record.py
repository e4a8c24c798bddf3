"""What the ledger gets to know of a call while it goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from agentos_runtime.activity.ledger import Ledger
from agentos_runtime.activity.rows import Closing, Entry
from agentos_runtime.calls.call import Call, Timings
from agentos_runtime.calls.metering import Meter, read_meter
from agentos_runtime.errors import AgentOSError, InternalError
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.safeguards import Passage


@dataclass(slots=True)
class Watch:
    """Where a call's time goes; seconds of a monotonic clock."""

    clock: Callable[[], float]
    started: float = 0.0
    upstream: float = 0.0
    expressions: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def timings(self) -> Timings:
        return Timings((self.clock() - self.started) * 1e3, self.upstream * 1e3, self.expressions * 1e3)


@dataclass(slots=True)
class Record:
    """A ledger row from `started` to its outcome; closed exactly once, whatever happens to the call."""

    ledger: Ledger
    call: Call
    watch: Watch
    said: list[Json] = field(default_factory=list)
    """What may tell model, tokens and cost: the params, the upstream's body, the reply; the later counts more."""
    so_far: Callable[[], Json] | None = None
    """What of a stream has arrived, for when its caller leaves in the middle."""
    clean: Callable[[str], str] = str
    """Takes the call's secrets out of the names that the upstream gave."""
    upstream_status: int | None = None
    entry: Entry | None = None
    passage: Passage | None = None
    """What the call was let through with; closed after the row."""

    async def __aenter__(self) -> Self:
        call = self.call
        self.entry = await self.ledger.start(
            request_id=call.request_id, agent=call.agent, skill=call.skill[:200], utility=call.utility[:200]
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(error)

    async def close(self, error: BaseException | None = None) -> None:
        """Close the row: ok, cancelled, or with the error's code. A second close does nothing."""
        entry, self.entry = self.entry, None
        if entry is None:
            return
        if _left(error) and self.so_far is not None:
            self.said.append(self.so_far())
        meter = read_meter(*reversed(self.said), clean=self.clean)
        try:
            await self.ledger.finish(entry, self._closing(error, meter))
        finally:
            passage, self.passage = self.passage, None
            if passage is not None:
                await passage.close(meter)

    def _closing(self, error: BaseException | None, meter: Meter) -> Closing:
        timings = self.watch.timings()
        failure = error if isinstance(error, AgentOSError) else InternalError("") if error else None
        if failure and failure.upstream and self.upstream_status is None:
            self.upstream_status = failure.upstream.status
        cancelled = _left(error)
        return Closing(
            outcome="cancelled" if cancelled else "error" if failure else "ok",
            code=None if cancelled or failure is None else failure.code,
            status=None if cancelled else failure.status if failure else 200,
            upstream_status=self.upstream_status,
            duration_ms=timings.total_ms,
            upstream_ms=timings.upstream_ms,
            model=meter.model,
            provider=meter.provider,
            generation_id=meter.generation_id,
            input_tokens=meter.input_tokens,
            output_tokens=meter.output_tokens,
            cost=meter.cost,
        )


def _left(error: BaseException | None) -> bool:
    """Whether the call ended because nobody waits for it any more."""
    return isinstance(error, asyncio.CancelledError | GeneratorExit)
