"""Upstream events become canonical deltas, and the deltas one final reply."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from agentos_runtime.calls.accumulate import Accumulator
from agentos_runtime.calls.adding.halves import hide, reveal
from agentos_runtime.calls.adding.silence import says_nothing
from agentos_runtime.calls.adding.texts import DeltaError
from agentos_runtime.calls.evaluate import EMPTY, Empty, Value, expression_failed, single
from agentos_runtime.calls.events import UpstreamEvent, is_mark_otherwise, is_silent, parted
from agentos_runtime.calls.failure_words import page_words, plain_words
from agentos_runtime.calls.failures import (
    Service,
    bare_failure,
    body_failure,
    failure_error,
    holds_no_error,
    with_all_words,
    worded_failure,
    words_failure,
)
from agentos_runtime.calls.formats.probabilities import known_probabilities
from agentos_runtime.calls.reply import failed_output, opening, raise_error, service_of
from agentos_runtime.errors import AgentOSError, UpstreamError, UpstreamFailed, UpstreamFailure, UpstreamInvalid
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.outcome import Failure, Outcome
from agentos_runtime.jq.program import Program, stream_program, value_program
from agentos_runtime.jsontext import Json, JsonTextError, is_json, parse, parse_each
from agentos_runtime.manifest.model import Expression, Jq, PlainPath, Skill, Stream, Utility

SOON = "soon"
"""What `end` gives on an event behind which a stream may end, or go on."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How one utility's streams are read; compiled once, at its first call."""

    stream: Stream
    service: Service
    program: Program
    outputs: tuple[Expression, ...]
    """The expressions behind the program's outputs for one event: error?, delta, end?"""
    reply_program: Program | None
    utility: Utility
    done: bytes | None
    """The end mark."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that arrived together: JSON texts for the worker, and how the batch ends."""

    texts: Sequence[bytes]
    documents: Sequence[Json] = ()
    """What they say."""
    ended: bool = False
    """The stream's end mark came after them."""
    failure: AgentOSError | None = None
    """The upstream's error came with the last of them, or after them when it is no JSON."""
    failed_event: int | None = None
    """Which of the events holds the error."""
    hidden: Mapping[int, int] | None = None
    """The texts in which halves of characters stand hidden, by their places, and where the characters begin."""

    @property
    def failed_at_once(self) -> bool:
        """Whether the first of the events is the one that holds the error."""
        return self.failed_event == 0


@dataclass(frozen=True, slots=True)
class Deltas:
    """What a batch gave: the deltas that are news, and how it ends."""

    news: Sequence[Json]
    ended: bool
    failure: AgentOSError | None


class SaidNothing(UpstreamFailed):
    """A stream told no piece of an answer."""


def plan_stream(skill: Skill, utility: Utility) -> StreamPlan | None:
    """Compile a utility's stream; None when it has none. Pure."""
    stream = utility.rest.stream
    if stream is None:
        return None
    error = stream.error if isinstance(stream.error, (Jq, PlainPath)) else None
    outputs = tuple(expression for expression in (error, stream.delta, stream.end) if expression)
    return StreamPlan(
        stream=stream,
        service=service_of(skill, utility),
        program=stream_program(
            skill.definitions,
            stream.delta.source,
            error.source if error else None,
            stream.end.source if stream.end else None,
        ),
        outputs=outputs,
        reply_program=value_program(skill.definitions, stream.reply.source) if stream.reply else None,
        utility=utility,
        done=None if stream.done is None else stream.done.encode(),
    )


def read_events(
    plan: StreamPlan, events: Sequence[UpstreamEvent], now: float, head: Callable[[], bytes] = bytes
) -> Batch:
    """Check events up to the end mark, the first that is no JSON, or the first that holds an error.

    Events without data say nothing. What the event with the error says besides (its usage, mostly) counts too.
    head: gives what the program sees beside the events.
    """
    all_harmless = _are_harmless(events)
    return (_objects(plan, events) if all_harmless and events else None) or _read_each(
        plan, events, now, all_harmless, head
    )


def _read_each(
    plan: StreamPlan, events: Sequence[UpstreamEvent], now: float, all_harmless: bool, head: Callable[[], bytes]
) -> Batch:
    """The same for any events, one after the other."""
    texts: list[bytes] = []
    documents: list[Json] = []
    hidden: dict[int, int] = {}

    def batch(
        failure: AgentOSError | None = None, failed_event: int | None = None, *, ended: bool = False
    ) -> Batch:
        return Batch(texts, documents, ended, failure, failed_event, hidden or None)

    left = deque(events)
    while left:
        event = left.popleft()
        if _is_end_mark(plan, event):
            return batch(ended=True)
        if is_silent(event):
            continue
        try:
            event, document = _parsed(event)
        except JsonTextError as problem:
            if several := parted(event, plan.stream.format, plan.done):
                left.extendleft(reversed(several))
                continue
            return batch(failure=_not_json(plan, event, problem))
        failure, text = None, event.data
        if not (isinstance(document, dict) and (all_harmless or _are_harmless([event]))):
            failure = _default_failure(plan, event, document, now)
            text, first = hide(event.data, head)
            if first:
                hidden[len(texts)], document = first, parse(text)
        texts.append(text)
        documents.append(document)
        if failure is not None:
            return batch(failure=failure_error(plan.service, failure), failed_event=len(texts) - 1)
    return batch()


def _parsed(event: UpstreamEvent) -> tuple[UpstreamEvent, Json]:
    """An event that can be read, and what it says. Raises JsonTextError."""
    try:
        return event, parse(event.data)
    except JsonTextError:
        if (text := known_probabilities(event.data)) is None:
            raise
        return UpstreamEvent(text, event.name), parse(text)


def _objects(plan: StreamPlan, events: Sequence[UpstreamEvent]) -> Batch | None:
    """The batch of harmless events that are JSON objects, up to an end mark that is the last of them: most are."""
    if plan.done is not None and plan.done[:1] == b"{":
        return None  # an end mark that looks like any other event
    texts = [event.data for event in events]
    ended = texts[-1] == plan.done
    if ended:
        texts.pop()
    documents = parse_each(texts)
    if documents is None:
        return None
    for document in documents:
        if document.__class__ is not dict:
            return None
    return Batch(texts, documents, ended)


def _default_failure(plan: StreamPlan, event: UpstreamEvent, document: Json, now: float) -> UpstreamFailure | None:
    """The error that an event holds by the default predicate; in any shape when the event is named so."""
    default, chat = plan.stream.error is None, plan.stream.accumulate == "chat"
    if event.name != "error" and _is_plain(document):
        return None
    failure = body_failure(document, now) if default else None
    if failure is None and default and chat:
        failure = worded_failure(document, now) or bare_failure(document, now)
    if failure is None and event.name == "error" and (default or chat):
        failure = with_all_words(words_failure(document, now), document)
    return failure


def _are_harmless(events: Sequence[UpstreamEvent]) -> bool:
    """Whether the texts alone show that in no object of them is an error or half of a character: quickly told."""
    for event in events:
        if event.name == "error":
            return False
    data = events[0].data if len(events) == 1 else b"\n".join([event.data for event in events])
    if _ESCAPES in data and b"\\u" in data:
        return False
    return b'"message"' not in data and b"error" not in data and b"ERROR" not in data


(_ESCAPES,) = b"\\"
"""The byte with which escapes begin: one is quicker looked for than two."""


def _is_plain(document: Json) -> bool:
    """Whether it is an object with no error in any place where one is looked for: quickly told, for every event."""
    return isinstance(document, dict) and holds_no_error(document) and "message" not in document


def whole_events(plan: StreamPlan, events: Sequence[UpstreamEvent]) -> list[UpstreamEvent]:
    """Of the events that only the end of the stream completed, those that it did not cut in the middle."""
    return [event for event in events if _is_end_mark(plan, event) or _is_whole(plan, event)]


def _is_whole(plan: StreamPlan, event: UpstreamEvent) -> bool:
    whole = is_json(event.data) or known_probabilities(event.data) is not None
    return whole or bool(parted(event, plan.stream.format, plan.done))


def _is_end_mark(plan: StreamPlan, event: UpstreamEvent) -> bool:
    if plan.done is None:
        return False
    exactly = plan.done in event.data and event.data.strip() == plan.done
    return exactly or is_mark_otherwise(event, plan.done)


def stream_head(plan: StreamPlan, params: dict[str, Json], settings: Mapping[str, Json], response: Json) -> bytes:
    """The part of every batch's input that stays the same during a stream."""
    return opening(plan.program, params, settings, response) + b'"events":['


def batch_text(batch: Batch) -> bytes:
    """The events' texts, as they stand in an array."""
    return b",".join(batch.texts)


def batch_input(head: bytes, text: bytes) -> bytes:
    """text: what `batch_text` gives."""
    return b"".join([head, text, b"]}"])


def batch_document(known: Mapping[str, Json], batch: Batch) -> dict[str, Json]:
    """What `batch_input` says. known: what stands before the events."""
    return {**known, "events": list(batch.documents)}


def add_deltas(plan: StreamPlan, batch: Batch, outcome: Outcome, accumulator: Accumulator, now: float) -> Deltas:
    """Add a batch's deltas up. The first failure ends the stream; what came before it counts."""
    news: list[Json] = []
    width = len(plan.outputs)
    position = 0
    try:
        if outcome.failure is None and width == 1 and not batch.hidden and batch.failure is None:
            for output in outcome.outputs:
                one = isinstance(output, list) and len(output) == 1
                delta = output[0] if one else single(output, plan.outputs[0])  # type: ignore[index]
                if delta is not EMPTY and (fresh := accumulator.add(delta)) is not None:  # type: ignore[arg-type]
                    news.append(fresh)
            return Deltas(news, batch.ended, None)
        for position, start in enumerate(range(0, len(outcome.outputs) - width + 1, width)):
            delta, ended, failure = _one_event(plan, outcome.outputs[start : start + width], now)
            fresh = _added(plan, accumulator, delta, (batch.hidden or {}).get(position, 0), failure)
            if fresh is not None:
                news.append(fresh)
            if ended and batch.failed_event != position:
                return Deltas(news, ended=True, failure=None)  # what comes after the end does not count
        if outcome.failure is not None:
            position = outcome.failure.index // width
            _raise_leftover(plan, outcome, outcome.failure, now)
    except DeltaError as error:
        return Deltas(news, ended=False, failure=_told_at(batch, position) or no_delta(plan, error))
    except AgentOSError as failure:
        # The manifest's own words for an error come before those of the default.
        own = plan.stream.error is not None and isinstance(failure, UpstreamError)
        return Deltas(news, ended=False, failure=failure if own else _told_at(batch, position) or failure)
    return Deltas(news, batch.ended, batch.failure)


def no_delta(plan: StreamPlan, error: DeltaError) -> AgentOSError:
    """The failure of a program that made something else."""
    return expression_failed(plan.stream.delta, f"gives no delta of a {plan.stream.accumulate} stream: {error}")


def _told_at(batch: Batch, position: int) -> AgentOSError | None:
    """The upstream's error, if that event holds it: one behind it might as well have arrived later."""
    return batch.failure if batch.failed_event == position else None


def _added(
    plan: StreamPlan, accumulator: Accumulator, delta: Value, first: int, failure: AgentOSError | None
) -> Json | None:
    """What of a delta is news. Raises the failure that its event holds: of a chat, what it says besides counts, and
    is no delta, since a stream that fails at once keeps its status.
    """
    revealed = EMPTY if isinstance(delta, Empty) else reveal(delta, first) if first else delta
    if failure is not None:
        if plan.stream.accumulate == "chat" and not isinstance(revealed, Empty):
            with suppress(DeltaError):  # the error says more
                accumulator.add(revealed)
        raise failure
    return None if isinstance(revealed, Empty) else accumulator.add(revealed)


def _raise_leftover(plan: StreamPlan, outcome: Outcome, failure: Failure, now: float) -> NoReturn:
    """The event at which the program failed may hold an error that was heard before the failure."""
    width = len(plan.outputs)
    rest = outcome.outputs[len(outcome.outputs) - len(outcome.outputs) % width :]
    if rest and isinstance(plan.stream.error, (Jq, PlainPath)):
        raise_error(plan.service, single(rest[0], plan.outputs[0]), now)
    raise failed_output([plan.outputs[failure.index % width]], outcome)


def _one_event(plan: StreamPlan, outputs: Sequence[Json], now: float) -> tuple[Value, bool, AgentOSError | None]:
    """The event's delta, whether it ends the stream, and the error that the manifest hears in it."""
    if len(outputs) == 1 and not isinstance(plan.stream.error, (Jq, PlainPath)):
        return single(outputs[0], plan.outputs[0]), False, None
    values = [single(output, expression) for output, expression in zip(outputs, plan.outputs, strict=True)]
    failure = None
    if isinstance(plan.stream.error, (Jq, PlainPath)):
        try:
            raise_error(plan.service, values.pop(0), now)
        except AgentOSError as error:
            failure = error
    ended = len(values) > 1 and not isinstance(values[1], Empty) and values[1] not in (None, False, SOON)
    return values[0], ended, failure


def soon_ends(plan: StreamPlan, outputs: Sequence[Json]) -> list[bool]:
    """Of each event for which the program gave these outputs, whether the stream may end behind it, or go on."""
    width = len(plan.outputs)
    return [output == [SOON] for output in outputs[width - 1 :: width]] if plan.stream.end else []


def is_complete(plan: StreamPlan, total: Json, ended: bool) -> bool:
    """Whether a stream whose body ended was whole: its end mark came, or the generation says why it stopped."""
    if ended:
        return True
    if plan.stream.accumulate == "chat":
        return isinstance(total, dict) and bool(total.get("stop_reason") or total.get("native_stop_reason"))
    return plan.stream.done is None and plan.stream.end is None


def is_complete_when_cut(plan: StreamPlan, total: Json) -> bool:
    """Whether nothing was missing although the connection broke: a chat that told why it stopped, and its usage.

    Some tell from the start what they have read: the usage is there when it says what was written.
    """
    if plan.stream.accumulate != "chat" or not is_complete(plan, total, ended=False):
        return False
    usage = total.get("usage") if isinstance(total, dict) else None
    return isinstance(usage, dict) and usage.get("output_tokens") is not None


def check_said_something(plan: StreamPlan, total: Json, reply: Json) -> None:
    """A chat stream that ended well but told no more than what it took is a failure. Raises UpstreamFailed."""
    if plan.stream.accumulate == "chat" and says_nothing(total) and says_nothing(reply):
        raise SaidNothing(
            f"{plan.service.name} ended the stream without any choices, so there is no reply",
            upstream=UpstreamFailure(message="the stream has no choices"),
        )


def _not_json(plan: StreamPlan, event: UpstreamEvent, error: JsonTextError) -> AgentOSError:
    if event.name == "error" and (said := plain_words(event.data)):
        return failure_error(plan.service, UpstreamFailure(message=said))
    is_text = event.data.strip()[:1] not in (b"{", b"[", b'"')
    words = page_words(event.data) or (plain_words(event.data) if is_text else None) or str(error)
    return UpstreamInvalid(
        f"{plan.service.name} sent an event that is not JSON: {words}", upstream=UpstreamFailure(message=words)
    )
