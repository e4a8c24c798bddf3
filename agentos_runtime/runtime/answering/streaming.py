"""A streamed call: upstream events in, batches of canonical events out, exactly one terminal event at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from agentos_runtime.calls.adding.late import late_words
from agentos_runtime.calls.call import Event
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.results import Results

FIRST_EVENT = 10.0
"""Seconds for which the first event is awaited before the response starts."""

Sink: TypeAlias = Callable[[list[Event]], bool]
"""Takes events at once, or says that it cannot just now."""


class Source(Protocol):
    """Where batches come from until the terminal one."""

    @property
    def authorized(self) -> AuthorizedRequest | None:
        """The request that the answer under way belongs to; None when there is none any more."""
        ...

    def is_ready(self) -> bool:
        """Whether the next events are there, made of what has arrived where that takes no waiting."""
        ...

    async def next(self) -> list[Event]:
        """The next events; the last is terminal when nothing follows. Raises AgentOSError."""
        ...

    def pass_to(self, sink: Sink) -> None:
        """Give deltas to the sink where they arrive and it takes them; what it does not take, and all that needs
        waiting, comes from `next`. Who can give nothing this way does nothing.
        """
        ...

    async def failed(self, error: AgentOSError) -> list[Event]:
        """The terminal batch for an error, with what had arrived."""
        ...

    def abort(self) -> None:
        """Close the upstream at once; a `next` that waits for it wakes up."""
        ...

    def close(self) -> None:
        """Abort, and forget what has not become events: nothing more is asked for."""
        ...

    async def drain(self) -> None:
        """Let an answer that said its last word end by itself, so that its connection can be used again."""
        ...


class EventStream:
    """Batches of events, the last of which ends in `done` or `error`; to be iterated once and closed, which its
    `async with` block does.

    An interrupted stream ends soon, with its terminal `error`.
    """

    def __init__(self, source: Source, record: Record) -> None:
        self._source = source
        self._record = record
        self._first: asyncio.Task[list[Event]] | None = None
        self._interruption: AgentOSError | None = None
        self._over = False
        self._told_first = False
        self._sink: Sink | None = None
        self._ended: Callable[[], None] = lambda: None

    def when_closed(self, ended: Callable[[], None]) -> None:
        """Have this called once the stream is closed, or could not begin."""
        self._ended = ended

    def pour(self, sink: Sink) -> None:
        """Give deltas to the sink as they arrive, behind the first batch: those that it takes are not iterated."""
        self._sink = sink

    async def begin(self, patience: float = FIRST_EVENT) -> Self:
        """Wait for the first events. Raises AgentOSError when the stream fails before any."""
        if self._source.is_ready():
            return self
        self._first = asyncio.create_task(self._source.next())
        try:
            await asyncio.wait({self._first}, timeout=patience)
            if self._first.done() and (error := self._first.exception()):
                raise self._interruption or error
        except BaseException:
            self._ended()
            await self._discard_first()
            self._source.close()
            raise
        return self

    @property
    def is_ready(self) -> bool:
        """Whether the first events are there."""
        return self._first is None or self._first.done()

    @property
    def warning(self) -> str | None:
        """For the caller beside the events: a budget is nearly used up."""
        return self._record.permit.warning if self._record.permit else None

    @property
    def ignored(self) -> tuple[str, ...]:
        """For the caller beside the events: params that were not sent."""
        return self._record.ignored

    @property
    def simulated(self) -> str | None:
        """For the caller beside the events, in a simulation: which case answered."""
        return self._record.simulated

    def __aiter__(self) -> AsyncIterator[list[Event]]:
        return self

    async def __anext__(self) -> list[Event]:
        if self._over:
            raise StopAsyncIteration
        try:
            batch = await self._next()
            if self._interruption is not None:  # a stream without an end mark of its own seems to be done then
                batch = [event for event in batch if event.name == "delta"]
                batch += await self._failed(self._interruption)
        except AgentOSError as error:
            batch = await self._failed(self._interruption or error)
        except BaseException as error:
            await self._record.close(error)
            raise
        if not self._told_first:
            self._told_first = True
            self._record.note_first_event()
            if self._sink is not None:
                self._source.pass_to(self._sink)
        if batch[-1].name != "delta":
            self._over = True
            await self._record.close()
        return batch

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def interrupt(self, error: AgentOSError) -> None:
        """End the stream soon with this error."""
        self._interruption = error
        self._source.abort()

    async def aclose(self) -> None:
        """Close the upstream and the ledger's row; a stream left early counts as cancelled."""
        whole, self._over = self._over, True
        self._ended()
        await self._record.close(asyncio.CancelledError())
        await self._discard_first()
        if whole:
            await self._source.drain()
        self._source.close()

    async def _next(self) -> list[Event]:
        if self._first is None:
            return await self._source.next()
        first = await self._first
        self._first = None
        return first

    async def _failed(self, error: AgentOSError) -> list[Event]:
        self._source.abort()
        batch = await self._source.failed(error)
        await self._record.close(error)
        return batch

    async def _discard_first(self) -> None:
        first, self._first = self._first, None
        if first is not None and not first.done():
            first.cancel()
            await asyncio.wait({first})


def told_whole(reply: Json, results: Results, *, chat: bool) -> list[Event]:
    """A plain reply as a stream: of a chat, what it says comes as a delta first, for who shows deltas only."""
    said = late_words({}, reply) if chat else None
    return [*([results.event("delta", said)] if said else []), results.event("done", reply)]


class WholeSource:
    """The one batch of an upstream that answered a stream's request with a plain reply."""

    authorized = None

    def __init__(self, reply: Json, results: Results, *, chat: bool = False) -> None:
        self._reply = reply
        self._results = results
        self._chat = chat

    def is_ready(self) -> bool:
        return True

    async def next(self) -> list[Event]:
        return told_whole(self._reply, self._results, chat=self._chat)

    def pass_to(self, sink: Sink) -> None:
        """All there is comes from `next`."""

    async def failed(self, error: AgentOSError) -> list[Event]:
        return [self._results.failure(error, self._reply)]

    def abort(self) -> None:
        """Nothing is open any more."""

    def close(self) -> None:
        """Nothing is open any more."""

    async def drain(self) -> None:
        """Nothing is open any more."""
