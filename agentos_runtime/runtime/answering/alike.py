"""Events of a chat that differ from one before them in one text only, which passes through the stream's program:
what they become is known without a run. Nearly all events of nearly all chats are such."""

from collections.abc import Mapping, Sequence

from agentos_runtime.calls.accumulate import TEXTS
from agentos_runtime.calls.deltas import Batch, StreamPlan
from agentos_runtime.calls.events import UpstreamEvent
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.carried import is_unseen, unseen
from agentos_runtime.jq.outcome import COMPILED, Outcome
from agentos_runtime.jsontext import Json, JsonTextError, dump, only_text, parse
from agentos_runtime.runtime.ports import Workers

_TEXTS = ("content", "reasoning")
"""Which texts of a delta go on from event to event."""
_TOLD = (b"error", b'"message"', b"\\u", b"\xf4")
"""With these, it takes more than a look to know that an event holds no error, and no half of a character."""
_RARE = b"\\u"
_ESCAPED, _LAST_PLANE = b"\\\xf4"
"""The bytes with which escapes begin, and characters of the last plane."""
_MARK = "the text that is not looked at"
_SIMPLE = (str, int, bool, type(None))
_TRIES = 5
"""Events of a stream of which a pattern is tried: what a model thinks and says comes in events of two kinds."""
_FIRST = 3
"""Batches of a stream that are kept small, so that something is learnt early."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What stands in such an event before and behind its text, whose quotes are its own, and the delta of it."""

    name: str
    """The event's."""
    before: bytes
    behind: bytes
    delta: dict[str, Json]
    """With an empty text."""
    key: str
    """The text's, in the delta."""

    def said_by(self, events: Sequence[UpstreamEvent]) -> list[str]:
        """The texts of the events that come first and are such; one written in a way that is rare is none."""
        before, behind, name = self.before, self.behind, self.name
        begin, end = len(before), -len(behind)
        texts: list[str] = []
        for event in events:
            data = event.data
            if not (data.startswith(before) and data.endswith(behind)) or event.name != name:
                break
            said = data[begin:end]
            if _LAST_PLANE in said or (_ESCAPED in said and _RARE in said):
                break
            text = only_text(said)
            if not text:  # an empty one is told otherwise
                break
            texts.append(text)
        return texts


class Likeness:
    """Learns from an event and its delta what the events behind it become, and tells it."""

    def __init__(self, plan: StreamPlan, known: Mapping[str, Json], workers: Workers) -> None:
        self._plan = plan
        self._known = known
        self._workers = workers
        self._pattern: Pattern | None = None
        is_plain = plan.stream.accumulate == "chat" and len(plan.outputs) == 1
        self._tries = _TRIES if is_plain and (plan.done is None or plan.done[:1] != b"{") else 0
        self._batches = 0

    @property
    def wants(self) -> bool:
        """Whether it is worth while to learn from an event soon."""
        return self._tries > 0 and self._pattern is None and self._batches < _FIRST

    def leading(self, events: Sequence[UpstreamEvent], most: int) -> tuple[Batch, Outcome] | None:
        """The events that come first and of which it is known what they become, `most` at most; None for none."""
        pattern = self._pattern
        if pattern is None:
            return None
        said, key = pattern.said_by(events[:most]), pattern.key
        if not said:
            return None
        # What else the deltas behind the first one say, it says as well.
        outputs: list[Json] = [[{key: text}] for text in said]
        outputs[0] = [{**pattern.delta, key: said[0]}]
        size = sum(map(len, said)) + len(said) * _size(pattern.delta)
        batch = Batch([event.data for event in events[: len(said)]], (), ended=False)
        return batch, Outcome(outputs, None, b"", COMPILED, size)

    def learn(self, events: Sequence[UpstreamEvent], batch: Batch, outcome: Outcome) -> None:
        """Look at the last event of a batch that the program was run for; events: of which it was read."""
        self._batches += 1
        if not self._tries or batch.hidden or outcome.failure is not None or outcome.way != COMPILED:
            return
        if not len(outcome.outputs) == len(batch.texts) == len(events) or events[-1].data != batch.texts[-1]:
            return
        output = outcome.outputs[-1]
        delta = output[0] if isinstance(output, list) and len(output) == 1 else None
        if isinstance(delta, dict) and all(type(value) in _SIMPLE for value in delta.values()):
            self._look_at(events[-1], delta)

    def _look_at(self, event: UpstreamEvent, delta: dict[str, Json]) -> None:
        if sum(bool(delta.get(key)) for key in TEXTS) != 1:
            return  # a second text that stays the same would be said once, not each time
        for key in _TEXTS:
            said = delta.get(key)
            written = dump(said) if isinstance(said, str) and said else b""
            if not written or event.data.count(written) != 1:
                continue
            before, _, behind = event.data.partition(written)
            if not any(told in before or told in behind for told in _TOLD):
                self._tries -= 1
                pattern = Pattern(event.name, before, behind, {**delta, key: ""}, key)
                if self._passes_through(pattern):
                    self._pattern = pattern
            return

    def _passes_through(self, pattern: Pattern) -> bool:
        """Whether the program makes that delta of the event whatever its text says."""
        try:
            event = parse(pattern.before + dump(_MARK) + pattern.behind)
        except JsonTextError:
            return False
        text = unseen()
        if _put(event, text) != 1:
            return False
        outputs = self._workers.carried(self._plan.program, {**self._known}, event)
        made = outputs[0] if outputs is not None and len(outputs) == 1 else None
        return (
            isinstance(made, dict)
            and made.keys() == pattern.delta.keys()
            and made[pattern.key] is text
            and all(name == pattern.key or _is_same(value, pattern.delta[name]) for name, value in made.items())
        )


def _is_same(value: Json, other: Json) -> bool:
    return not is_unseen(value) and type(value) is type(other) and value == other


def _put(value: Json, text: str) -> int:
    """Put the text in the place of the mark; gives in how many places it stands."""
    places: list[tuple[object, Json]] = []
    if isinstance(value, dict):
        places += value.items()
    elif isinstance(value, list):
        places += enumerate(value)
    put = 0
    for place, inner in places:
        if inner == _MARK:
            value[place] = text  # type: ignore[index,call-overload]
            put += 1
        else:
            put += _put(inner, text)
    return put


def _size(delta: Mapping[str, Json]) -> int:
    """About as many bytes as the delta takes when it is written."""
    return sum(6 + len(name) + (len(value) if isinstance(value, str) else 4) for name, value in delta.items())
