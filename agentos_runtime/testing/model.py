"""A loaded case: what is called, what must go upstream, what comes back from there, what the caller gets."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Utility


@dataclass(frozen=True, slots=True)
class SentRequest:
    """What the runtime must send."""

    method: str
    url: str
    headers: Mapping[str, str]
    """Lower-case names; others may be sent too."""
    body: Json
    states_body: bool
    """False when the case says nothing of a body."""


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """What the upstream answers, ready for the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    events: tuple[bytes, ...] | None = field(default=None, repr=False)
    """A stream, event by event; None for a plain answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    request: SentRequest
    answer: SimulatedAnswer
    line: int
    """Where it begins in the file of the case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call of a utility and its exchanges with the upstream."""

    file: Path
    skill: str
    utility: Utility
    description: str
    params: Mapping[str, Json]
    exchanges: tuple[Exchange, ...]
    """In order; none for a call that fails before anything is sent."""
    listed: bool
    """The case lists its exchanges: exactly these must be made. Else what is asked further has the same answer."""
    live: bool
    """The call may be made for real."""
    reply: Json
    """What the caller gets, or what `done` holds; means nothing when there is an `error`."""
    deltas: list[Json] | None
    error: Mapping[str, Json] | None
    """What must be in the error body when the call is to fail."""

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def request(self) -> SentRequest:
        """The first request."""
        return self.exchanges[0].request

    @property
    def answer(self) -> SimulatedAnswer:
        """The first answer."""
        return self.exchanges[0].answer

    @property
    def streams(self) -> bool:
        """Whether the caller asks for a stream."""
        return any(each.answer.events is not None for each in self.exchanges)

    def alone(self, index: int) -> "Case":
        """A case about this one of its exchanges."""
        return replace(self, exchanges=(self.exchanges[index],), listed=False)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases' folder: the case, or why there is none."""

    file: Path
    skill: str
    case: Case | None
    problems: tuple[Problem, ...]
    data: bytes = b""
    """What was read, which the problems point into."""
