"""Events of a chat that differ from one before them in one text only, which passes through the stream's program:
what they become is known without a run. Nearly all events of nearly all chats are such."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from agentos_runtime.calls.accumulate import TEXTS, ChatAccumulator
from agentos_runtime.calls.adding.texts import DeltaError
from agentos_runtime.calls.deltas import Batch, StreamPlan, no_delta
from agentos_runtime.calls.events import UpstreamEvent
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.carried import is_unseen, unseen
from agentos_runtime.jq.outcome import COMPILED, Outcome
from agentos_runtime.jsontext import Json, JsonTextError, dump, only_texts, parse
from agentos_runtime.runtime.ports import Workers

_TEXTS = ("content", "reasoning")
"""Which texts of a delta go on from event to event."""
_TOLD = (b"error", b'"message"', b"\\u")
"""With these, it takes more than a look to know that an event holds no error, and no half of a character."""
_RARE = b"\\u"
(_ESCAPED,) = b"\\"
"""The byte with which escapes begin."""
_UNNAMED = "message"
"""The name of events that have none."""
_MARK = "the text that is not looked at"
_SIMPLE = frozenset({str, int, bool, type(None)})
_TRIES = 5
"""Events of a stream of which a pattern is tried: what a model thinks and says comes in events of two kinds."""
MOST_AT_ONCE = 128
"""Events of which it is known what they become that are told in one go."""
_FIRST = 3
"""Batches of a stream that are kept small, so that something is learnt early."""


Parted: TypeAlias = tuple[str, bytes, bytes]
"""Of an event: its name, and what stands before and behind its text."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What stands in such an event before and behind its text, whose quotes are its own, and the delta of it."""

    name: str
    """The event's."""
    before: bytes
    behind: bytes
    delta: dict[str, Json]
    """With an `unseen` text in each place of the event's."""
    key: str | None
    """The text's, in a delta that holds nothing else that goes on; None for others."""
    head: bytes
    """What stands before the text on the wire, where the event is one line of data, or its name and one."""
    tail: bytes
    """What stands behind it there."""
    size: int
    """Bytes of the delta with an empty text."""
    places: int
    """How often the text stands in it."""

    @classmethod
    def of(cls, event: Parted, delta: dict[str, Json], key: str | None) -> "Pattern":
        """delta: with an `unseen` text."""
        name, before, behind = event
        line = b"" if name == _UNNAMED else b"event: %b\n" % name.encode()
        size = len(dump(_filled(delta, "")))
        places = len(dump(_filled(delta, "x"))) - size
        return cls(name, before, behind, delta, key, b"%bdata: %b" % (line, before), behind + b"\n\n", size, places)

    def delta_of(self, text: str) -> Json:
        """The delta of an event that says this text."""
        delta: Json = _filled(self.delta, text)
        return delta

    def said_by(self, events: Sequence[UpstreamEvent]) -> list[str]:
        """The texts of the events that come first and are such; one written in a way that is rare is none."""
        before, behind, name = self.before, self.behind, self.name
        begin, end = len(before), -len(behind)
        written: list[bytes] = []
        for event in events:
            data = event.data
            if not (data.startswith(before) and data.endswith(behind)) or event.name != name:
                break
            written.append(data[begin:end])
        return _texts(written) if written else []

    def said_in(self, chunk: bytes) -> list[str]:
        """The same of bytes between two events: all of what they say where nothing but such events is in them."""
        head, tail = self.head, self.tail
        if not (chunk.startswith(head) and chunk.endswith(tail)):
            return []
        written = chunk[len(head) : -len(tail)].split(tail + head)
        texts = _texts(written) if len(written) <= MOST_AT_ONCE else []
        return texts if len(texts) == len(written) else []


def _texts(written: Sequence[bytes]) -> list[str]:
    """What JSON texts say that come first and are a string each: not empty, and written in no way that is rare."""
    together = written[0] if len(written) == 1 else b"".join(written)
    if not (_ESCAPED in together and _RARE in together):
        texts = only_texts(written)
        if texts is not None and "" not in texts:  # an empty one is told otherwise
            return texts
    if len(written) == 1:
        return []
    leading: list[str] = []
    for each in written:
        if not (text := _texts([each])):
            break
        leading += text
    return leading


class Likeness:
    """Learns from an event and its delta what the events behind it become, and tells it."""

    def __init__(self, plan: StreamPlan, known: Mapping[str, Json], workers: Workers) -> None:
        self._plan = plan
        self._known = known
        self._workers = workers
        self._pattern: Pattern | None = None
        self._width = len(plan.outputs)
        self._place = plan.outputs.index(plan.stream.delta)
        is_chat = plan.stream.accumulate == "chat"
        self._tries = _TRIES if is_chat and (plan.done is None or plan.done[:1] != b"{") else 0
        self._batches = 0
        self._is_told = True

    @property
    def wants(self) -> bool:
        """Whether it is worth while to learn from an event soon."""
        return self._tries > 0 and self._pattern is None and self._batches < _FIRST

    def said_by(self, events: Sequence[UpstreamEvent]) -> list[str]:
        """The texts of the events that come first and of which it is known what they become."""
        return self._pattern.said_by(events[:MOST_AT_ONCE]) if self._pattern is not None else []

    def said_in(self, chunk: bytes) -> list[str]:
        """The same of bytes between two events, where nothing but such events is in them."""
        return self._pattern.said_in(chunk) if self._pattern is not None else []

    def size_of(self, texts: Sequence[str]) -> int:
        """About as many bytes as the deltas of such events take."""
        pattern = self._pattern
        return 0 if pattern is None else sum(map(len, texts)) * pattern.places + len(texts) * pattern.size

    def add(self, texts: Sequence[str], chat: ChatAccumulator) -> list[Json]:
        """Add up what such events said; gives the news. Raises ExpressionFailed."""
        pattern = self._pattern
        assert pattern is not None
        key, whole = pattern.key, texts
        if key is not None:  # what else they say, another event may have told otherwise since
            whole, texts = texts[: not self._is_told], texts[not self._is_told :]
            self._is_told = True
        try:
            news = [chat.add(pattern.delta_of(text)) for text in whole]
        except DeltaError as error:
            raise no_delta(self._plan, error) from None
        told: list[Json] = [each for each in news if each is not None]
        if key is not None:
            told += [{key: text} for text in chat.add_texts(key, texts)]
        return told

    def learn(self, events: Sequence[UpstreamEvent], batch: Batch, outcome: Outcome) -> None:
        """Look at the last event of a batch that the program was run for, and that is neither an error nor the end.

        events: of which it was read.
        """
        self._batches += 1
        self._is_told = False
        if not self._tries or batch.hidden or outcome.failure is not None or outcome.way != COMPILED:
            return
        width = self._width
        if not len(outcome.outputs) == width * len(batch.texts) == width * len(events):
            return
        if events[-1].data != batch.texts[-1]:
            return
        output = outcome.outputs[self._place - width]
        delta = output[0] if isinstance(output, list) and len(output) == 1 else None
        if isinstance(delta, dict):
            self._look_at(events[-1], delta)

    def _look_at(self, event: UpstreamEvent, delta: dict[str, Json]) -> None:
        for key in _TEXTS:
            said = delta.get(key)
            if not isinstance(said, str) or not said:
                continue
            written = dump(said)
            before, _, behind = event.data.partition(written)
            if not behind or written in behind or any(map((before + behind).__contains__, _TOLD)):
                continue
            self._tries -= 1
            made = self._carried(before, behind)
            if isinstance(made, dict) and is_unseen(made.get(key)) and _is_same(_filled(made, said), delta):
                only = key if _is_plain(delta, key) else None
                self._pattern, self._is_told = Pattern.of((event.name, before, behind), made, only), True
            return

    def _carried(self, before: bytes, behind: bytes) -> Json:
        """The delta that the program makes of the event, with an `unseen` text where that puts the event's.

        None where it looks at the text. What says whether the event is an error, or the end, does not hold it: the
        event that was looked at was neither.
        """
        try:
            event = parse(before + dump(_MARK) + behind)
        except JsonTextError:
            return None
        if not isinstance(event, dict) or _put(event, unseen()) != 1:
            return None
        carried = self._workers.carried(self._plan.program, {**self._known}, event)
        if carried is None:
            return None
        deltas = carried[self._place]
        return deltas[0] if len(deltas) == 1 else None


def _is_plain(delta: Mapping[str, Json], key: str) -> bool:
    """Whether a delta that comes again, with another text under the key, says nothing new but that text."""
    others = [value for name, value in delta.items() if name != key and value != []]
    return _SIMPLE.issuperset(map(type, others)) and not any(delta.get(name) for name in TEXTS - {key})


def _is_same(value: Json, other: Json) -> bool:
    """Whether they are equal to the last; what has a number with a point in it is not."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict) and isinstance(other, dict):
        return [*value] == [*other] and all(map(_is_same, value.values(), other.values()))
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_is_same, value, other))
    return type(value) in _SIMPLE and value == other


def _filled(value: Any, text: str) -> Any:
    """A copy of JSON with the text in place of an `unseen` one."""
    if is_unseen(value):
        return text
    if isinstance(value, dict):
        return {name: _filled(each, text) for name, each in value.items()}
    return [_filled(each, text) for each in value] if isinstance(value, list) else value


def _put(value: dict[str, Json] | list[Json], text: str) -> int:
    """Put the text in the place of the mark; gives in how many places it stands."""
    put = 0
    for place, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list)):
            put += _put(inner, text)
        elif inner == _MARK:
            value[place] = text  # type: ignore[index]
            put += 1
    return put
