"""Events of a chat that differ from one before them in one text only, which passes through the stream's program:
what they become is known without a run. Nearly all events of nearly all chats are such."""

from collections.abc import Mapping, Sequence

from agentos_runtime.calls.deltas import Batch, StreamPlan
from agentos_runtime.calls.events import UpstreamEvent
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.carried import is_unseen, unseen
from agentos_runtime.jq.outcome import COMPILED, Outcome
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.runtime.ports import Workers

_TEXTS = ("content", "reasoning")
"""Which texts of a delta go on from event to event."""
_MARK = "the text that is not looked at"
_QUOTE, _BACKSLASH = b'"\\'
_SIMPLE = (str, int, bool, type(None))


@dataclass(frozen=True, slots=True)
class Pattern:
    """What such an event says before and behind its text, quotes included, and the delta that it becomes."""

    before: bytes
    behind: bytes
    delta: dict[str, Json]
    key: str
    """The text's, in the delta."""

    def delta_of(self, event: UpstreamEvent) -> dict[str, Json] | None:
        """The delta of an event; None where it is no such event, or its text is written in a way that is rare."""
        data, begin = event.data, len(self.before)
        end = len(data) - len(self.behind)
        if (
            end <= begin
            or event.name == "error"
            or not (data.startswith(self.before) and data.endswith(self.behind))
        ):
            return None
        said = data[begin:end]
        if _QUOTE in said or _BACKSLASH in said:
            return None
        try:
            text = said.decode()
        except UnicodeDecodeError:
            return None
        return {**self.delta, self.key: text} if text.isprintable() else None


class Likeness:
    """Learns from an event and its delta what the events behind it become, and tells it."""

    def __init__(self, plan: StreamPlan, known: Mapping[str, Json], workers: Workers) -> None:
        self._plan = plan
        self._known = known
        self._workers = workers
        self._pattern: Pattern | None = None
        is_plain = plan.stream.accumulate == "chat" and len(plan.outputs) == 1
        self._tries = 2 if is_plain and (plan.done is None or plan.done[:1] != b"{") else 0

    @property
    def wants(self) -> bool:
        """Whether it is worth while to learn from an event soon."""
        return self._tries > 0 and self._pattern is None

    def leading(self, events: Sequence[UpstreamEvent], most: int) -> tuple[Batch, Outcome] | None:
        """The events that come first and of which it is known what they become, `most` at most; None for none."""
        pattern = self._pattern
        if pattern is None:
            return None
        texts: list[bytes] = []
        outputs: list[Json] = []
        for event in events[:most]:
            delta = pattern.delta_of(event)
            if delta is None:
                break
            texts.append(event.data)
            outputs.append([delta])
        if not texts:
            return None
        each = _size(pattern.delta) - len(pattern.before) - len(pattern.behind)
        size = sum(map(len, texts)) + len(texts) * each
        return Batch(texts, (), ended=False), Outcome(outputs, None, b"", COMPILED, size)

    def learn(self, batch: Batch, outcome: Outcome) -> None:
        """Look at the last event of a batch that the program was run for."""
        if not self.wants or batch.hidden or outcome.failure is not None or outcome.way != COMPILED:
            return
        if len(outcome.outputs) != len(batch.texts):
            return
        self._tries -= 1
        output = outcome.outputs[-1]
        delta = output[0] if isinstance(output, list) and len(output) == 1 else None
        if isinstance(delta, dict) and all(type(value) in _SIMPLE for value in delta.values()):
            self._pattern = self._found(batch.texts[-1], delta)

    def _found(self, text: bytes, delta: dict[str, Json]) -> Pattern | None:
        for key in _TEXTS:
            said = delta.get(key)
            written = f'"{said}"'.encode("utf-8", "surrogatepass") if isinstance(said, str) and said else b""
            if written and text.count(written) == 1:
                before, _, behind = text.partition(written)
                pattern = Pattern(before + b'"', b'"' + behind, delta, key)
                return pattern if self._passes_through(pattern) else None
        return None

    def _passes_through(self, pattern: Pattern) -> bool:
        """Whether the program makes that delta of the event whatever its text says."""
        try:
            event = parse(pattern.before + _MARK.encode() + pattern.behind)
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
