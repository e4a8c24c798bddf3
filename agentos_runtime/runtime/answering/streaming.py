"""A streamed call: upstream events in, batches of canonical events out, exactly one terminal event at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from agentos_runtime.calls.accumulate import ACCUMULATORS
from agentos_runtime.calls.call import Event
from agentos_runtime.calls.deltas import (
    StreamPlan,
    add_deltas,
    batch_document,
    batch_input,
    batch_text,
    check_said_something,
    final_input,
    is_complete,
    is_complete_when_cut,
    late_words,
    read_events,
    read_final,
    stream_head,
    whole_events,
)
from agentos_runtime.calls.events import DECODERS, EventTooLarge, UpstreamEvent
from agentos_runtime.calls.failure_words import page_words, words_in
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.reply import known_to
from agentos_runtime.errors import AgentOSError, UpstreamError, UpstreamInvalid, UpstreamTruncated
from agentos_runtime.jsontext import Json, is_json, parse
from agentos_runtime.runtime.answering.cleaning import CleanTexts
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.runtime.reading import keep_promise, read
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.tracing import event_stages

FIRST_EVENT = 10.0
"""Seconds for which the first event is awaited before the response starts."""
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
LONGEST_MISTAKEN = 1 << 20
"""Bytes without an event that are kept, since they may be a plain reply under a stream's content type."""


class Source(Protocol):
    """Where batches come from until the terminal one."""

    @property
    def authorized(self) -> AuthorizedRequest | None:
        """The request that the answer under way belongs to; None when there is none any more."""
        ...

    async def next(self) -> list[Event]:
        """The next events; the last is terminal when nothing follows. Raises AgentOSError."""
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
        self._ended: Callable[[], None] = lambda: None

    def when_closed(self, ended: Callable[[], None]) -> None:
        """Have this called once the stream is closed, or could not begin."""
        self._ended = ended

    async def begin(self, patience: float = FIRST_EVENT) -> Self:
        """Wait for the first events. Raises AgentOSError when the stream fails before any."""
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
        if not self._told_first:
            self._told_first = True
            self._record.note_first_event()
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


class UpstreamSource:
    """Deltas of an upstream's event stream.

    `services.max_reply` bounds one event, and all deltas together, since they are added up.
    """

    def __init__(
        self, ctx: CallContext, plan: StreamPlan, upstream: OpenUpstream, authorized: AuthorizedRequest
    ) -> None:
        self.authorized = authorized
        self._ctx = ctx
        self._plan = plan
        self._results = ctx.results
        self._metering_sources = ctx.record.metering_sources
        self._upstream = upstream
        self._chunks = upstream.chunks()
        self._wall = ctx.services.clocks.wall
        self._decoder = DECODERS[plan.stream.format](ctx.services.max_reply)
        self._room = ctx.services.max_reply
        self._accumulator = ACCUMULATORS[plan.stream.accumulate](CleanTexts(ctx.results))
        ctx.record.so_far = self._generation
        self._response: Json = {"status": upstream.status, "headers": dict(upstream.headers)}
        self._head = partial(stream_head, plan, ctx.params, ctx.settings, self._response)
        self._known = known_to(plan.program, ctx.params, ctx.settings, self._response)
        self._failure: AgentOSError | None = None
        self._heard = False
        self._unread = b""
        self._last = b""
        self._ended = False
        self._at_end = False

    async def next(self) -> list[Event]:
        while True:
            if self._failure is not None:
                raise self._failure
            if self._at_end and self._is_mistaken():
                return [self._results.event("done", await self._mistaken())]
            if self._ended or self._at_end:
                return await self._done()
            events = await self._read()
            news = await self._take(events) if events else []
            if news:
                return await self._with_end(self._results.deltas(news))

    async def _with_end(self, events: list[Event]) -> list[Event]:
        """The events, and with them the last ones when the stream's end came along. A failure waits until they are
        passed on.
        """
        if not self._ended or self._failure is not None:
            return events
        try:
            return events + await self._done()
        except AgentOSError as error:
            self._failure = error
            return events

    async def failed(self, error: AgentOSError) -> list[Event]:
        events = [self._results.event("delta", delta) for delta in self._accumulator.flush(cut=True)]
        total = self._accumulator.total()
        self._metering_sources.append(self._generation())
        try:
            partial = await self._final(total)
        except AgentOSError:
            partial = total
        return [*events, self._results.failure(error, partial)]

    def abort(self) -> None:
        self._upstream.abort()

    def close(self) -> None:
        self.abort()
        # Many megabytes of an unfinished event, perhaps, which an error's traceback would hold for long.
        self._unread = self._last = b""
        self._decoder = DECODERS[self._plan.stream.format](0)

    async def drain(self) -> None:
        await self._upstream.drain()

    async def _read(self) -> list[UpstreamEvent]:
        timer = self._ctx.record.timer
        started = timer.clock()
        try:
            async for chunk in self._chunks:
                if not self._heard and len(self._unread) < LONGEST_MISTAKEN:
                    self._unread += chunk
                return self._decoder.feed(chunk)
            self._at_end = True
            return whole_events(self._plan, self._decoder.end())
        except UpstreamError:
            # A connection that ends as none should, after all has been said, takes nothing away.
            if not is_complete_when_cut(self._plan, self._accumulator.total()):
                raise
            self._at_end = True
            return whole_events(self._plan, self._decoder.end())
        except EventTooLarge as error:
            raise UpstreamInvalid(f"{self._plan.service.name} sent too much at once: {error}") from None
        finally:
            timer.upstream += timer.clock() - started

    async def _take(self, events: list[UpstreamEvent]) -> list[Json]:
        """Deltas that are news. A failure waits until they are passed on."""
        self._last = events[-1].data
        batch = read_events(self._plan, events, self._wall())
        self._ended, self._failure = batch.ended, batch.failure
        # An error that comes first is told by its status: what else its event says is kept, but not passed on.
        told = self._heard or not batch.failed_at_once
        self._heard, self._unread = True, b""
        if not batch.texts:
            return []
        document = batch_document(self._known, batch)
        text = batch_text(batch)
        given = self._ctx.input_of(document, lambda: batch_input(self._head(), text), text)
        outcome = await self._ctx.run(self._plan.program, given)
        if self._ctx.trace is not None:
            self._ctx.trace_stages(event_stages(self._plan, batch, outcome))
        self._make_room(outcome.size)
        deltas = add_deltas(self._plan, batch, outcome, self._accumulator, self._wall())
        self._ended, self._failure = deltas.ended, deltas.failure
        return list(deltas.news) if told else []

    def _is_mistaken(self) -> bool:
        """Whether what came without any event is a plain answer, or a web page in the place of one."""
        return not self._heard and (is_json(self._unread) or page_words(self._unread) is not None)

    async def _mistaken(self) -> Json:
        """The reply of a plain answer. Raises the error that it holds."""
        upstream = self._upstream
        response = UpstreamResponse(upstream.status, dict(upstream.headers), self._unread)
        value: Json = (await read(self._ctx, response)).value
        return value

    def _make_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise UpstreamInvalid(f"{self._plan.service.name} sent a reply that is too large: it was cut off")

    async def _done(self) -> list[Event]:
        plan = self._plan
        held = [self._results.event("delta", delta) for delta in self._accumulator.flush()]
        total = self._accumulator.total()
        self._metering_sources.append(total)
        if not is_complete(plan, total, self._ended):
            said = self._last_words()
            words = f". Its last words: {said}" if said else ""
            raise UpstreamTruncated(f"{plan.service.name} ended the stream before the reply was complete{words}")
        check_said_something(plan, total)
        reply = await self._final(total)
        keep_promise(self._ctx, reply)
        self._metering_sources.append(reply)
        late = late_words(total, reply) if plan.stream.accumulate == "chat" else None
        told = [self._results.event("delta", late)] if late else []
        return [*held, *told, self._results.event("done", reply)]

    def _last_words(self) -> str | None:
        """What a gateway said of itself before the end: a line of no field, or an event with words and no piece."""
        if stray := self._decoder.stray:
            return stray.decode("utf-8", "replace")
        last = self._results.body(self._last)
        is_chat = self._plan.stream.accumulate == "chat"
        return words_in(parse(last)) if is_chat and is_json(last) else None

    def _generation(self) -> Json:
        """What came so far, for the ledger: a chat is a generation also before it says what it used."""
        total = self._accumulator.total()
        is_chat = self._plan.stream.accumulate == "chat"
        return {"usage": {}} | total if is_chat and isinstance(total, dict) else total

    async def _final(self, total: Json) -> Json:
        program = self._plan.reply_program
        if program is None:
            return read_final(self._plan, total, None)
        text, hidden = final_input(program, total, self._ctx.params, self._ctx.settings, self._response)
        return read_final(self._plan, total, await self._ctx.run(program, text), hidden=hidden)


def is_stream(plan: StreamPlan, upstream: OpenUpstream) -> bool:
    """Whether the answer is a stream: no failed status, no web page, no plain JSON where events were asked for."""
    kind = upstream.headers.get("content-type", "").split(";")[0].strip().lower()
    plain = _PAGES if plan.stream.format == "ndjson" else _PAGES | {"application/json"}
    return 200 <= upstream.status < 300 and kind not in plain


class WholeSource:
    """The one batch of an upstream that answered a stream's request with a plain reply."""

    authorized = None

    def __init__(self, reply: Json, results: Results) -> None:
        self._reply = reply
        self._results = results

    async def next(self) -> list[Event]:
        return [self._results.event("done", self._reply)]

    async def failed(self, error: AgentOSError) -> list[Event]:
        return [self._results.failure(error, self._reply)]

    def abort(self) -> None:
        """Nothing is open any more."""

    def close(self) -> None:
        """Nothing is open any more."""

    async def drain(self) -> None:
        """Nothing is open any more."""
