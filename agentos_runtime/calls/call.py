"""A call and its answers, as every surface sees them."""

from dataclasses import dataclass, field
from typing import Literal

from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class Call:
    """One agent's call of one utility."""

    skill: str
    utility: str
    params: dict[str, Json] = field(repr=False)
    agent: str = "anonymous"
    request_id: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a call's wall time went."""

    total_ms: float
    upstream_ms: float
    expressions_ms: float


@dataclass(frozen=True, slots=True)
class RawReply:
    """Bytes handed on as the upstream sent them."""

    body: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a plain call gives: `value`, or `raw` for a utility that hands bytes on."""

    value: Json = field(repr=False)
    text: bytes = field(repr=False)
    """The value as JSON."""
    raw: RawReply | None
    timings: Timings
    warning: str | None = None
    """For the caller beside the reply: a budget is nearly used up."""
    replayed: bool = False
    """Whether this is the answer to an earlier call with the same `Idempotency-Key`."""
    more: bool = False
    """Whether the list has, or may have, more rows than these."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream. `done` and `error` are terminal: exactly one of them ends every stream."""

    name: Literal["delta", "done", "error"]
    data: Json = field(repr=False)
