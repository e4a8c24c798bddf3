"""Deltas of an upstream's event stream: bytes in, canonical events out, and what all of them add up to."""

import asyncio
from collections.abc import Sequence
from functools import partial

from agentos_runtime.calls.accumulate import ACCUMULATORS, ChatAccumulator
from agentos_runtime.calls.adding.last_event import failure_at_the_mark, last_said
from agentos_runtime.calls.adding.late import late_words
from agentos_runtime.calls.adding.whole import final_input, read_final
from agentos_runtime.calls.call import Event
from agentos_runtime.calls.deltas import (
    Batch,
    StreamPlan,
    add_deltas,
    batch_document,
    batch_input,
    batch_text,
    check_said_something,
    is_complete,
    is_complete_when_cut,
    read_events,
    stream_head,
    whole_events,
)
from agentos_runtime.calls.events import DECODERS, EventTooLarge, UpstreamEvent
from agentos_runtime.calls.failure_words import page_words, words_in
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.metering import told_so_far
from agentos_runtime.calls.reply import known_to
from agentos_runtime.errors import AgentOSError, UpstreamError, UpstreamInvalid, UpstreamTruncated
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jsontext import Json, is_json
from agentos_runtime.runtime.answering.alike import Likeness
from agentos_runtime.runtime.answering.cleaning import CleanTexts
from agentos_runtime.runtime.answering.lingering import Lingering
from agentos_runtime.runtime.answering.streaming import Sink, told_whole
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.ports import OpenUpstream
from agentos_runtime.runtime.reading import keep_promise, read
from agentos_runtime.runtime.tracing import event_stages

LONGEST_MISTAKEN = 1 << 20
"""Bytes without an event that are kept, since they may be a plain reply under a stream's content type."""
TOGETHER = 32
"""Events that are read in one run of the program: so many of nearly all services cost less than a compiled program
may spend without a look at the clock, and no worker is asked because they were many.
"""
_SOME = 2
"""As many at the beginning, while it is yet to be learnt what those behind them become."""
AT_ONCE = 2 * TOGETHER
"""How many events follow each other; other calls have a turn before the next ones."""
_KNOWN = 8
"""So many of which it is known what they become count as one."""
_A_PIECE: Sequence[Json] = ([{"content": "a piece"}],)
"""What a program gives for an event that told a piece of a chat."""


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
        self._alike = Likeness(plan, self._known, ctx.services.workers)
        self._lingering = Lingering(plan, self._accumulator, upstream)
        self._failure: AgentOSError | None = None
        self._heard = False
        self._is_told = True
        self._unread = b""
        self._last: tuple[bytes, Sequence[Json]] = (b"", ())
        """The last event, and what the program gave for its batch."""
        self._ended = False
        self._at_end = False
        self._sink: Sink | None = None
        self._timer = ctx.record.timer
        self._waits_since = 0.0
        self._events: list[UpstreamEvent] = []
        """Those that are yet to be read."""
        self._read_from: Sequence[UpstreamEvent] = ()
        """What the last batch was read from."""
        self._batch: Batch | None = None
        """What was read, where its deltas are yet to be made."""
        self._held: list[Event] = []
        """What was held back until the end, should that be a failure."""
        self._made: list[Event] = []
        """What is yet to be passed on."""

    def pass_to(self, sink: Sink) -> None:
        self._sink = sink if self._ctx.trace is None else None

    def is_ready(self) -> bool:
        if not self._is_at_hand and (chunk := self._upstream.arrived()):
            try:
                self._take_in(chunk)
            except EventTooLarge as error:
                self._failure = self._too_large(error)
        self._made += self._make()
        return bool(self._made)

    async def next(self) -> list[Event]:
        while True:
            if self._made:
                made, self._made = self._made, []
                return await self._with_end(made)
            if self._failure is not None:
                raise self._failure
            if self._ended or (self._at_end and not self._is_at_hand):
                mistaken = self._at_end and self._is_mistaken()
                return await (self._mistaken() if mistaken else self._done())
            if self._is_at_hand:
                await asyncio.sleep(0)  # there was much at once: others have their turn
            else:
                await self._read()
            self._made += await self._take()

    @property
    def _is_at_hand(self) -> bool:
        """Whether something that arrived is yet to become deltas."""
        return self._batch is not None or bool(self._events)

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
        cut = [self._results.event("delta", delta) for delta in self._accumulator.flush(cut=True)]
        events, self._held = self._held + cut, []
        total = self._accumulator.total()
        self._metering_sources.append(self._generation())
        try:
            partial = await self._final(total)
            self._metering_sources.append(partial)
        except AgentOSError:
            partial = total
        return [*events, self._results.failure(error, partial)]

    def abort(self) -> None:
        self._upstream.abort()

    def close(self) -> None:
        self.abort()
        # Many megabytes of an unfinished event, perhaps, which an error's traceback would hold for long.
        self._unread, self._last = b"", (b"", ())
        self._events, self._batch, self._made, self._read_from = [], None, [], ()
        self._decoder = DECODERS[self._plan.stream.format](0)

    async def drain(self) -> None:
        await self._upstream.drain()

    async def _read(self) -> None:
        """Wait until something is at hand, passed on, or nothing more comes."""
        timer = self._timer
        self._waits_since = timer.clock()
        try:
            if self._sink is not None:
                await self._upstream.listen(self._hear)
                if self._made or self._is_at_hand or self._ended or self._failure is not None:
                    return
            async for chunk in self._chunks:
                self._take_in(chunk)
                return
            self._at_end = True
            self._events = whole_events(self._plan, self._decoder.end())
        except UpstreamError:
            # A connection that ends as none should, after all has been said, takes nothing away.
            if not is_complete_when_cut(self._plan, self._accumulator.total()):
                raise
            self._at_end = True
            self._events = whole_events(self._plan, self._decoder.end())
        except EventTooLarge as error:
            raise self._too_large(error) from None
        finally:
            timer.upstream += timer.clock() - self._waits_since

    def _take_in(self, chunk: bytes) -> None:
        """The events of bytes that arrived are at hand now. Raises EventTooLarge."""
        if not self._heard and len(self._unread) < LONGEST_MISTAKEN:
            self._unread += chunk
        self._events = self._decoder.feed(chunk)

    def _too_large(self, error: EventTooLarge) -> UpstreamInvalid:
        return UpstreamInvalid(f"{self._plan.service.name} sent too much at once: {error}")

    def _hear(self, chunk: bytes) -> bool:
        """Pass on what a piece of the stream brings; False when not all of that can be done at once.

        Raises EventTooLarge.
        """
        timer = self._timer
        now = timer.clock()
        timer.upstream += now - self._waits_since
        self._waits_since = now
        if self._decoder.is_next_whole(chunk) and (texts := self._alike.said_in(chunk)):
            is_all = self._pass_on(texts)
        else:
            events = self._events = self._decoder.feed(chunk)
            is_all = not events or (len(events) <= TOGETHER and self._pass_on())
        self._waits_since = timer.clock()
        return is_all

    def _pass_on(self, texts: Sequence[str] = ()) -> bool:
        """Pass on what the events at hand bring; False when that was not all, or it cannot be done at once.

        texts: what events say of which it is known what they become.
        """
        made = self._make(texts)
        goes_on = self._goes_on and not self._is_at_hand
        if not made or (goes_on and self._sink is not None and self._sink(made)):
            return goes_on
        self._made = made
        return False

    @property
    def _goes_on(self) -> bool:
        """Whether neither the end nor a failure was heard."""
        return not self._ended and self._failure is None

    async def _take(self) -> list[Event]:
        """The deltas of what is at hand, or of so much of it as others may wait for."""
        made = [] if self._batch is not None else self._make()
        batch, self._batch = self._batch, None
        if batch is not None and self._goes_on:
            try:
                made += self._added(batch, await self._ctx.run(self._plan.program, self._input_of(batch)))
            except AgentOSError as error:
                self._failure = error
        return made

    def _make(self, texts: Sequence[str] = ()) -> list[Event]:
        """The same without waiting: the batch that needs it is left for `_take`.

        texts: what events say of which it is known what they become, before those at hand.
        """
        made: list[Event] = []
        room = AT_ONCE
        try:
            if texts:
                made += self._told(texts)
            while room > 0 and self._events and self._goes_on:
                if known := self._next_known():
                    room -= len(known) // _KNOWN + 1
                    made += self._told(known)
                    continue
                batch = self._next_batch()
                room -= len(batch.texts)
                if batch.texts and (outcome := self._at_once(batch)) is not None:
                    made += self._added(batch, outcome)
                elif batch.texts:
                    self._batch = batch
                    break
        except AgentOSError as error:
            self._failure = error
        return made

    def _at_once(self, batch: Batch) -> Outcome | None:
        """What the program gives, where it needs no waiting and no trace is told of it."""
        if self._ctx.trace is not None:
            return None
        return self._ctx.run_at_once(self._plan.program, self._input_of(batch))

    def _next_known(self) -> Sequence[str]:
        """What events say that come next and of which it is known what they become."""
        if self._ctx.trace is not None:
            return ()
        texts = self._alike.said_by(self._events)
        if texts:
            self._events = self._events[len(texts) :]
        return texts

    def _told(self, texts: Sequence[str]) -> list[Event]:
        """What is news of the texts of events of which it is known what they become. Raises AgentOSError."""
        assert isinstance(self._accumulator, ChatAccumulator)
        self._make_room(self._alike.size_of(texts))
        news = self._alike.add(texts, self._accumulator)
        self._last = b"", _A_PIECE
        if self._lingering.has_ended:
            self._lingering.hear(_A_PIECE)
        return self._results.deltas(news) if news else []

    def _next_batch(self) -> Batch:
        """Read some of the events at hand. A failure waits until what came before it is passed on."""
        events, self._events = self._events, []
        most = _SOME if self._alike.wants else TOGETHER
        if len(events) > most:
            events, self._events = events[:most], events[most:]
        self._read_from = events
        batch = read_events(self._plan, events, self._wall(), self._head)
        if not batch.texts:  # else the end, or the failure, comes with the deltas
            self._ended, self._failure = batch.ended, batch.failure
        if not self._heard:
            # An error that comes first is told by its status: what else its event says is kept, but not passed on.
            self._is_told = not batch.failed_at_once
            self._heard, self._unread = True, b""
        return batch

    def _input_of(self, batch: Batch) -> ProgramInput:
        document, text = batch_document(self._known, batch), batch_text(batch)
        return self._ctx.input_of(document, lambda: batch_input(self._head(), text), text)

    def _added(self, batch: Batch, outcome: Outcome) -> list[Event]:
        """The deltas that are news. A failure waits until they are passed on."""
        if self._ctx.trace is not None:
            self._ctx.trace_stages(event_stages(self._plan, batch, outcome))
        self._make_room(outcome.size)
        self._last = batch.texts[-1], outcome.outputs
        deltas = add_deltas(self._plan, batch, outcome, self._accumulator, self._wall())
        self._ended, self._failure = deltas.ended, deltas.failure
        if self._goes_on:
            self._alike.learn(self._read_from, batch, outcome)
        self._lingering.hear(outcome.outputs)
        return self._results.deltas(deltas.news) if deltas.news and self._is_told else []

    def _is_mistaken(self) -> bool:
        """Whether what came without any event is a plain answer, or a web page in the place of one."""
        return not self._heard and (is_json(self._unread) or page_words(self._unread) is not None)

    async def _mistaken(self) -> list[Event]:
        """The last events of a plain answer. Raises the error that it holds."""
        response = UpstreamResponse(self._upstream.status, dict(self._upstream.headers), self._unread)
        value: Json = (await read(self._ctx, response)).value
        return told_whole(value, self._results, chat=self._plan.stream.accumulate == "chat")

    def _make_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise UpstreamInvalid(f"{self._plan.service.name} sent more than AGENTOS_MAX_REPLY: it was cut off")

    async def _done(self) -> list[Event]:
        plan = self._plan
        total = self._accumulator.total()
        if not is_complete(plan, total, self._ended or self._lingering.may_end):
            self._metering_sources.append(total)
            said = self._last_words()
            words = f". Its last words: {said}" if said else ""
            raise UpstreamTruncated(f"{plan.service.name} ended the stream before the reply was complete{words}")
        if failure := failure_at_the_mark(
            plan, total, last_said(self._plan, *self._last, self._results.body), self._wall()
        ):
            self._metering_sources.append(total)
            raise failure
        self._held = held = [self._results.event("delta", delta) for delta in self._accumulator.flush()]
        total = self._accumulator.total()
        self._metering_sources.append(total)
        reply = await self._final(total)
        check_said_something(plan, total, reply)
        keep_promise(self._ctx, reply)
        self._metering_sources.append(reply)
        late = late_words(total, reply) if plan.stream.accumulate == "chat" else None
        told = [self._results.event("delta", late)] if late else []
        self._held = []
        return [*held, *told, self._results.event("done", reply)]

    def _last_words(self) -> str | None:
        """What a gateway said of itself before the end: a line of no field, or an event with words and no piece."""
        if stray := self._decoder.stray:
            return stray.decode("utf-8", "replace")
        return words_in(last_said(self._plan, *self._last, self._results.body))

    def _generation(self) -> Json:
        """What came so far, for the ledger."""
        return told_so_far(self._accumulator.total(), chat=self._plan.stream.accumulate == "chat")

    async def _final(self, total: Json) -> Json:
        program = self._plan.reply_program
        if program is None:
            return read_final(self._plan, total, None)
        ctx = self._ctx
        given, hidden = final_input(program, total, ctx.params, ctx.settings, self._response, ctx.input_of)
        return read_final(self._plan, total, await ctx.run(program, given), hidden=hidden)
