"""Events of a chat that differ from one before them in one text only, which passes through the stream's program:
what they become is known without a run. Nearly all events of nearly all chats are such."""

from collections.abc import Mapping, Sequence

from agentos_runtime.calls.accumulate import TEXTS, ChatAccumulator
from agentos_runtime.calls.deltas import Batch, StreamPlan
from agentos_runtime.calls.events import UpstreamEvent
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.carried import is_unseen, unseen
from agentos_runtime.jq.outcome import COMPILED, Outcome
from agentos_runtime.jsontext import Json, JsonTextError, dump, only_texts, parse
from agentos_runtime.runtime.ports import Workers

_TEXTS = ("content", "reasoning")
"""Which texts of a delta go on from event to event."""
_TOLD = (b"error", b'"message"', b"\\u", b"\xf4")
"""With these, it takes more than a look to know that an event holds no error, and no half of a character."""
_RARE = b"\\u"
_ESCAPED, _LAST_PLANE = b"\\\xf4"
"""The bytes with which escapes begin, and characters of the last plane."""
_MARK = "the text that is not looked at"
_SIMPLE = frozenset({str, int, bool, type(None)})
_TRIES = 5
"""Events of a stream of which a pattern is tried: what a model thinks and says comes in events of two kinds."""
MOST_AT_ONCE = 128
"""Events of which it is known what they become that are told in one go."""
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
    head: bytes
    """What stands before the text on the wire, where the event is one line of data, as nearly all are."""
    tail: bytes
    """What stands behind it there."""
    size: int
    """About as many bytes as the delta takes when it is written, without its text."""

    @classmethod
    def of(cls, name: str, before: bytes, behind: bytes, delta: dict[str, Json], key: str) -> "Pattern":
        """delta: of an event that stands between `before` and `behind`."""
        empty: dict[str, Json] = {**delta, key: ""}
        return cls(name, before, behind, empty, key, b"data: " + before, behind + b"\n\n", _size(empty))

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
        if not (chunk.startswith(head) and chunk.endswith(tail)) or self.name != "message":
            return []
        written = chunk[len(head) : -len(tail)].split(tail + head)
        texts = _texts(written) if len(written) <= MOST_AT_ONCE else []
        return texts if len(texts) == len(written) else []


def _texts(written: Sequence[bytes]) -> list[str]:
    """What JSON texts say that come first and are a string each: not empty, and written in no way that is rare."""
    together = written[0] if len(written) == 1 else b"".join(written)
    if not (_LAST_PLANE in together or (_ESCAPED in together and _RARE in together)):
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
        is_plain = plan.stream.accumulate == "chat" and len(plan.outputs) == 1
        self._tries = _TRIES if is_plain and (plan.done is None or plan.done[:1] != b"{") else 0
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
        each = self._pattern.size if self._pattern is not None else 0
        return sum(map(len, texts)) + len(texts) * each

    def add(self, texts: Sequence[str], chat: ChatAccumulator) -> list[Json]:
        """Add up what such events said; gives the news."""
        pattern, news = self._pattern, list[Json]()
        assert pattern is not None
        key = pattern.key
        if not self._is_told:  # what else they say, another event may have told otherwise since
            self._is_told = True
            first = chat.add({**pattern.delta, key: texts[0]})
            news += [first] if first is not None else []
            texts = texts[1:]
        news += [{key: text} for text in chat.add_texts(key, texts)]
        return news

    def learn(self, events: Sequence[UpstreamEvent], batch: Batch, outcome: Outcome) -> None:
        """Look at the last event of a batch that the program was run for; events: of which it was read."""
        self._batches += 1
        self._is_told = False
        if not self._tries or batch.hidden or outcome.failure is not None or outcome.way != COMPILED:
            return
        if not len(outcome.outputs) == len(batch.texts) == len(events) or events[-1].data != batch.texts[-1]:
            return
        output = outcome.outputs[-1]
        delta = output[0] if isinstance(output, list) and len(output) == 1 else None
        if isinstance(delta, dict) and _SIMPLE.issuperset(map(type, delta.values())):
            self._look_at(events[-1], delta)

    def _look_at(self, event: UpstreamEvent, delta: dict[str, Json]) -> None:
        keys = [key for key in TEXTS if delta.get(key)]
        if len(keys) != 1 or keys[0] not in _TEXTS:
            return  # a second text that stays the same would be said again and again
        key = keys[0]
        before, found, behind = event.data.partition(dump(delta[key]))
        if not found or found in behind or any(map((before + behind).__contains__, _TOLD)):
            return
        self._tries -= 1
        pattern = Pattern.of(event.name, before, behind, delta, key)
        if self._passes_through(pattern):
            self._pattern, self._is_told = pattern, True

    def _passes_through(self, pattern: Pattern) -> bool:
        """Whether the program makes that delta of the event whatever its text says."""
        try:
            event = parse(pattern.before + dump(_MARK) + pattern.behind)
        except JsonTextError:
            return False
        text = unseen()
        if not isinstance(event, dict) or _put(event, text) != 1:
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


def _size(delta: Mapping[str, Json]) -> int:
    """About as many bytes as the delta takes when it is written."""
    return sum(6 + len(name) + (len(value) if isinstance(value, str) else 4) for name, value in delta.items())
