"""What came of running a program."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.answer import LATE, LIMIT, LOST, MB, Answer, Limits
from agentos_runtime.jq.failures import safe_reason, unreadable_reason
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.regexes import regex

LARGEST_INPUT = 1 << 16
"""Bytes that a program in this process takes; more takes too long to parse while others wait."""
COMPILED = "compiled"
WORKER = "worker"
_INFINITE = b"1.7976931348623157e+308"
"""How jq writes infinity; a number of that size that was only passed through is written with E."""
_STRINGS = regex(rb'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a program did not come to its end."""

    index: int
    """Which output failed, counted over all events."""
    kind: Literal["error", "limit", "not_run"]
    """`not_run`: no worker came to its end with it, for reasons that are not the program's."""
    reason: str
    """Words that quote no data: `cannot iterate over null`, `took more than 1 s of CPU`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outputs that came before the failure, if there was one; none when the worker died."""

    outputs: list[Json]
    failure: Failure | None
    text: bytes = field(default=b"", compare=False)
    """The outputs as a worker wrote them, one JSON array; empty when they could not be read as one."""
    way: str = field(default=WORKER, compare=False)
    """How the program ran: `compiled`, or `worker` and why."""
    counted: int = field(default=0, compare=False)

    @property
    def size(self) -> int:
        """Bytes of the outputs when they are written; of compiled programs about so many."""
        return len(self.text) or self.counted

    def written(self) -> bytes:
        """The outputs as one JSON array."""
        return self.text or dump(self.outputs)


def outcome_of(answer: Answer, program: str, limits: Limits) -> Outcome:
    return _READERS[answer.status](answer, program, limits)


def _finished(answer: Answer, _program: str, _limits: Limits) -> Outcome:
    return _read(answer.outputs)


def _failed(answer: Answer, program: str, _limits: Limits) -> Outcome:
    before = _read(answer.outputs)
    if before.failure is not None:
        return before
    reason = safe_reason(answer.message, program)
    return Outcome(before.outputs, Failure(len(before.outputs), "error", reason))


def _not_compiled(_answer: Answer, _program: str, _limits: Limits) -> Outcome:
    return Outcome([], Failure(0, "error", "does not compile"))


def _too_large(answer: Answer, _program: str, limits: Limits) -> Outcome:
    return Outcome([], Failure(answer.done, "limit", f"gives more than {limits.largest // MB} MB"))


def _at_a_limit(answer: Answer, _program: str, _limits: Limits) -> Outcome:
    return Outcome([], Failure(answer.done, "limit", answer.message))


def _not_run(answer: Answer, _program: str, _limits: Limits) -> Outcome:
    return Outcome([], Failure(answer.done, "not_run", answer.message))


_READERS: Mapping[bytes, Callable[[Answer, str, Limits], Outcome]] = {
    b"o": _finished,
    b"e": _failed,
    b"c": _not_compiled,
    b"l": _too_large,
    LIMIT: _at_a_limit,
    LOST: _not_run,
    LATE: _not_run,
}


def _read(outputs: bytes) -> Outcome:
    try:
        values = parse(outputs)
    except JsonTextError:
        return _read_singly(outputs)
    if _INFINITE in outputs:
        return _read_singly(outputs)
    assert isinstance(values, list)
    return Outcome(values, None, outputs)


def _read_singly(outputs: bytes) -> Outcome:
    """The outputs up to the one that cannot be read."""
    values: list[Json] = []
    for text in outputs[1:-1].split(b"\n,"):
        try:
            value = parse(text)
        except JsonTextError as error:
            return Outcome(values, Failure(len(values), "error", unreadable_reason(error)))
        if _INFINITE in _STRINGS.sub(b"", text):
            return Outcome(values, Failure(len(values), "error", "gives an infinite number"))
        values.append(value)
    return Outcome(values, None)
