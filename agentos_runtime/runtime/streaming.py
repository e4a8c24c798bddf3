"""A streamed call: upstream events in, batches of canonical events out, exactly one terminal event at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, Self

from agentos_runtime.calls.accumulate import ACCUMULATORS
from agentos_runtime.calls.call import Event
from agentos_runtime.calls.deltas import (
    StreamPlan,
    add_deltas,
    batch_input,
    check_said_something,
    final_input,
    is_complete,
    is_json,
    read_events,
    read_final,
    stream_head,
    whole_events,
)
from agentos_runtime.calls.events import DECODERS, EventTooLarge, UpstreamEvent
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.reply import check_returns
from agentos_runtime.errors import AgentOSError, UpstreamInvalid, UpstreamTruncated
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.cleaning import CleanAccumulator
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.session import Session
from agentos_runtime.runtime.tracing import event_stages

FIRST_EVENT = 10.0
"""Seconds for which the first event is awaited before the response starts."""
LONGEST_MISTAKEN = 1 << 20
"""Bytes without an event that are kept, since they may be a plain reply under a stream's content type."""


class Source(Protocol):
    """Where batches come from until the terminal one."""

    async def next(self) -> list[Event]:
        """The next events; the last is terminal when nothing follows. Raises AgentOSError."""
        ...

    async def failed(self, error: AgentOSError) -> list[Event]:
        """The terminal batch for an error, with what had arrived."""
        ...

    def abort(self) -> None:
        """Close the upstream at once; a `next` that waits for it wakes up."""
        ...

    async def drain(self) -> None:
        """Let an answer that said its last word end by itself, so that its connection can be used again."""
        ...


class EventStream:
    """Batches of events, the last of which ends in `done` or `error`; to be iterated once and closed.

    An interrupted stream ends soon, with its terminal `error`.
    """

    def __init__(self, source: Source, record: Record) -> None:
        self._source = source
        self._record = record
        self._first: asyncio.Task[list[Event]] | None = None
        self._interruption: AgentOSError | None = None
        self._over = False

    async def begin(self, patience: float = FIRST_EVENT) -> Self:
        """Wait for the first events. Raises AgentOSError when the stream fails before any."""
        self._first = asyncio.create_task(self._source.next())
        try:
            await asyncio.wait({self._first}, timeout=patience)
            if self._first.done() and (error := self._first.exception()):
                raise error
        except BaseException:
            await self._discard_first()
            self._source.abort()
            raise
        return self

    @property
    def warning(self) -> str | None:
        """For the caller beside the events: a budget is nearly used up."""
        return self._record.passage.warning if self._record.passage else None

    def __aiter__(self) -> AsyncIterator[list[Event]]:
        return self

    async def __anext__(self) -> list[Event]:
        if self._over:
            raise StopAsyncIteration
        try:
            batch = await self._next()
            if self._interruption is not None and batch[-1].name == "delta":
                batch += await self._failed(self._interruption)
        except AgentOSError as error:
            batch = await self._failed(self._interruption or error)
        if batch[-1].name != "delta":
            self._over = True
            await self._record.close()
        return batch

    def interrupt(self, error: AgentOSError) -> None:
        """End the stream soon with this error."""
        self._interruption = error
        self._source.abort()

    async def aclose(self) -> None:
        """Close the upstream and the ledger's row; a stream left early counts as cancelled."""
        whole, self._over = self._over, True
        await self._record.close(asyncio.CancelledError())
        await self._discard_first()
        if whole:
            await self._source.drain()
        self._source.abort()

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
        return [*batch[:-1], self._named(batch[-1])]

    def _named(self, failure: Event) -> Event:
        """The terminal event, saying which call failed as the body of a plain error does."""
        call = self._record.call
        said = failure.data if isinstance(failure.data, dict) else {}
        names: dict[str, Json] = {"skill": call.skill, "utility": call.utility, "request_id": call.request_id}
        return Event(failure.name, names | said)

    async def _discard_first(self) -> None:
        first, self._first = self._first, None
        if first is not None and not first.done():
            first.cancel()
            await asyncio.wait({first})


class UpstreamSource:
    """Deltas of an upstream's event stream.

    max_reply: bytes that one event may have, and all deltas together, since they are added up.
    plain: reads an answer that was called a stream and is one JSON object.
    """

    def __init__(
        self,
        plan: StreamPlan,
        session: Session,
        record: Record,
        upstream: OpenUpstream,
        *,
        plain: Callable[[UpstreamResponse], Awaitable[Json]],
        wall: Callable[[], float],
        max_reply: int,
    ) -> None:
        self._plan = plan
        self._plain = plain
        self._session = session
        self._record = record
        self._upstream = upstream
        self._chunks = upstream.chunks()
        self._wall = wall
        self._decoder = DECODERS[plan.stream.format](max_reply)
        self._room = max_reply
        self._accumulator = CleanAccumulator(ACCUMULATORS[plan.stream.accumulate](), session.redactor)
        record.so_far = self._accumulator.total
        self._response: Json = {"status": upstream.status, "headers": dict(upstream.headers)}
        self._head = stream_head(plan, session.params, session.settings, self._response)
        self._failure: AgentOSError | None = None
        self._heard = False
        self._unread = b""
        self._ended = False
        self._at_end = False

    async def next(self) -> list[Event]:
        while True:
            if self._failure is not None:
                raise self._failure
            if self._at_end and is_json(self._unread):
                return [Event("done", await self._mistaken())]
            if self._ended or self._at_end:
                return await self._done()
            events = await self._read()
            news = await self._take(events) if events else []
            if news:
                return [Event("delta", delta) for delta in news]

    async def failed(self, error: AgentOSError) -> list[Event]:
        error = self._session.clean_error(error)
        events = [Event("delta", delta) for delta in self._accumulator.flush()]
        total = self._accumulator.total()
        self._record.said.append(total)
        try:
            partial = await self._final(total)
        except AgentOSError:
            partial = total
        body = error.as_json() | {"request_id": self._record.call.request_id, "partial": partial}
        return [*events, Event("error", body)]

    def abort(self) -> None:
        self._upstream.abort()

    async def drain(self) -> None:
        await self._upstream.drain()

    async def _read(self) -> list[UpstreamEvent]:
        started = self._session.watch.clock()
        try:
            async for chunk in self._chunks:
                if not self._heard and len(self._unread) < LONGEST_MISTAKEN:
                    self._unread += chunk
                return self._decoder.feed(chunk)
            self._at_end = True
            return whole_events(self._plan, self._decoder.end())
        except EventTooLarge as error:
            raise UpstreamInvalid(f"{self._plan.service.name} sent too much at once: {error}") from None
        finally:
            self._session.watch.upstream += self._session.watch.clock() - started

    async def _take(self, events: list[UpstreamEvent]) -> list[Json]:
        """Deltas that are news. A failure waits until they are passed on."""
        batch = read_events(self._plan, events, self._wall())
        self._ended, self._failure = batch.ended, batch.failure
        # An error that comes first is told by its status: what else its event says is kept, but not passed on.
        told = self._heard or not batch.failed_at_once
        self._heard, self._unread = True, b""
        if not batch.texts:
            return []
        outcome = await self._session.run(self._plan.program, batch_input(self._head, batch))
        self._session.tell(event_stages(self._plan, batch, outcome))
        self._accumulator.suspect(outcome.text)
        self._make_room(len(outcome.text))
        deltas = add_deltas(self._plan, batch, outcome, self._accumulator, self._wall())
        self._ended, self._failure = deltas.ended, deltas.failure
        return list(deltas.news) if told else []

    async def _mistaken(self) -> Json:
        """The reply of an answer that came as JSON without any event. Raises the error that it holds."""
        upstream = self._upstream
        return await self._plain(UpstreamResponse(upstream.status, dict(upstream.headers), self._unread))

    def _make_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise UpstreamInvalid(f"{self._plan.service.name} sent a reply that is too large: it was cut off")

    async def _done(self) -> list[Event]:
        plan = self._plan
        held = [Event("delta", delta) for delta in self._accumulator.flush()]
        total = self._accumulator.total()
        self._record.said.append(total)
        if not is_complete(plan, total, self._ended):
            raise UpstreamTruncated(f"{plan.service.name} ended the stream before the reply was complete")
        check_said_something(plan, total)
        reply = await self._final(total)
        check_returns(plan.utility, reply)
        self._record.said.append(reply)
        return [*held, Event("done", reply)]

    async def _final(self, total: Json) -> Json:
        program = self._plan.reply_program
        if program is None:
            return read_final(self._plan, total, None)
        text = final_input(program, total, self._session.params, self._session.settings, self._response)
        return read_final(self._plan, total, await self._session.run(program, text))


def is_stream(plan: StreamPlan, upstream: OpenUpstream) -> bool:
    """Whether the answer is a stream: not a failed status, and not plain JSON where events were asked for."""
    kind = upstream.headers.get("content-type", "").split(";")[0].strip().lower()
    return 200 <= upstream.status < 300 and (plan.stream.format == "ndjson" or kind != "application/json")


class WholeSource:
    """The one batch of an upstream that answered a stream's request with a plain reply."""

    def __init__(self, reply: Json) -> None:
        self._reply = reply

    async def next(self) -> list[Event]:
        return [Event("done", self._reply)]

    async def failed(self, error: AgentOSError) -> list[Event]:
        return [Event("error", error.as_json() | {"partial": self._reply})]

    def abort(self) -> None:
        """Nothing is open any more."""

    async def drain(self) -> None:
        """Nothing is open any more."""
