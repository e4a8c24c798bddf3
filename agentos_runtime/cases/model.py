"""A loaded case: what is called, what must go upstream, what comes back from there, what the caller gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentos_runtime.diagnostics import Problem
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
class Case:
    """One exchange of a utility with its upstream."""

    file: Path
    skill: str
    utility: Utility
    description: str
    params: Mapping[str, Json]
    request: SentRequest
    answer: SimulatedAnswer
    reply: Json
    """What the caller gets, or what `done` holds; means nothing when there is an `error`."""
    deltas: list[Json] | None
    error: Mapping[str, Json] | None
    """What must be in the error body when the call is to fail."""

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def streams(self) -> bool:
        """Whether the caller asks for a stream."""
        return self.answer.events is not None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases' folder: the case, or why there is none."""

    file: Path
    skill: str
    case: Case | None
    problems: tuple[Problem, ...]
