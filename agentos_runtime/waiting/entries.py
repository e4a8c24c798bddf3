"""What waits for a person's yes, and what became of it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json

ANSWERED_WITHIN = 600.0
"""Seconds that a person has to answer."""
YES_HOLDS = 600.0
"""Seconds after a yes within which the call has to begin."""
NO_HOLDS = 60.0
"""Seconds for which a no answers the same call without asking again."""
TOLD_WITHIN = 600.0
"""Seconds within which the caller who left is still told that the answer was no, or that nobody answered."""
MOST_PENDING = 20
"""Of one agent."""
MOST_ALTOGETHER = 200
"""Of all agents, whose names may be made up: a person is shown all that waits."""
RESERVED = 50
"""Further ones for agents whose names are bound to tokens: nobody who makes names up shuts them out."""
MOST_MINUTES = 15
"""Of a yes to all calls of one agent and utility."""
LONGEST_REASON = 500

State: TypeAlias = Literal["pending", "approved", "used", "denied", "expired", "lapsed", "void"]
OPEN: tuple[State, ...] = ("pending", "approved")
STATES: tuple[State, ...] = (*OPEN, "used", "denied", "expired", "lapsed", "void")
Via: TypeAlias = Literal["console", "token", "command"]


@dataclass(frozen=True, slots=True)
class Decider:
    """The operator who answers: a session's label or `operator`, and by which way."""

    by: str
    via: Via


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the same question is the same agent, utility and params, under the same conditions."""

    agent: str
    skill: str
    utility: str
    params: Mapping[str, Json] = field(repr=False)
    """As the caller sent them: of these only a digest is kept."""
    conditions: bytes
    """Digest of what a yes rests on: the skill's file and authority, and the agent's limits."""
    console_only: bool
    shown: Mapping[str, Json] = field(repr=False)
    """What the person is shown, without secrets."""
    proven: bool = False
    """Whether the agent's name is bound to a token."""

    @property
    def identity(self) -> bytes:
        """Equal for the same call of the same agent, whatever the order of its params."""
        asked = json.dumps([self.skill, self.utility, dict(self.params)], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{self.agent}\0{asked}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One question and what became of it. Moments are epoch seconds."""

    id: str
    conditions: bytes = field(repr=False)
    agent: str
    skill: str
    utility: str
    state: State
    console_only: bool
    asked_at: float
    until: float
    """Pending: when nobody will have answered; approved: when the yes lapses."""
    times: int
    """How often it was asked."""
    decided_at: float | None
    by: str | None
    via: str | None
    reason: str | None
    shown: Mapping[str, Json] = field(repr=False)
    """Forgotten once it is over."""

    def as_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "url": url_of(self.id),
            "state": self.state,
            "agent": self.agent,
            "skill": self.skill,
            "utility": self.utility,
            "asked_at": iso(self.asked_at),
            "expires_at": iso(self.until) if self.state in OPEN else None,
            "times": self.times,
            "console_only": self.console_only,
            "decided_at": iso(self.decided_at) if self.decided_at is not None else None,
            "by": self.by,
            "via": self.via,
            "reason": self.reason,
            "call": dict(self.shown) or None,
        }

    def decision(self) -> dict[str, Json]:
        """For the ledger."""
        return {
            "id": self.id,
            "state": self.state,
            "by": self.by,
            "via": self.via,
            "asked_at": iso(self.asked_at),
            "decided_at": iso(self.decided_at) if self.decided_at is not None else None,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """A yes to all calls of one agent and utility for some minutes, given with the answer to `id`."""

    id: str
    agent: str
    skill: str
    utility: str
    conditions: bytes = field(repr=False)
    given_at: float
    until: float
    by: str
    via: str

    def as_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "agent": self.agent,
            "skill": self.skill,
            "utility": self.utility,
            "given_at": iso(self.given_at),
            "expires_at": iso(self.until),
            "by": self.by,
            "via": self.via,
        }

    def decision(self) -> dict[str, Json]:
        """For the ledger: nobody was asked about this call."""
        return {
            "id": self.id,
            "state": "standing",
            "by": self.by,
            "via": self.via,
            "asked_at": None,
            "decided_at": iso(self.given_at),
        }


def url_of(entry_id: str) -> str:
    """Where its state is asked for."""
    return f"/api/waiting/{entry_id}"


def iso(moment: float) -> str:
    """`2026-11-20T12:00:00.000Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
