"""A call and its answers, as every surface sees them."""

import os
from collections.abc import AsyncIterator
from dataclasses import field
from typing import Any, Literal, Protocol, TypeAlias

from agentos_runtime.calls.trace_context import TraceParent
from agentos_runtime.errors import AgentOSError, InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

_IDEMPOTENCY_KEY = regex(r"[!-~](?:[ -~]{0,253}[!-~])?")
Surface: TypeAlias = Literal["http", "mcp", "use", "face", "cli"]
"""By which way a call came; `cli` is also a program that holds the runtime itself."""


def new_request_id() -> str:
    """`req_` and 24 random hex digits."""
    return "req_" + os.urandom(12).hex()


def usable_key(given: object) -> str:
    """An idempotency key as a caller gave it. Raises InvalidParams: who sends one relies on it."""
    if isinstance(given, str) and _IDEMPOTENCY_KEY.fullmatch(given):
        return given
    problem = "must be 1 to 255 printable ASCII characters without a space at the ends"
    raise InvalidParams(f"Idempotency-Key {problem}.", problems=[ParamProblem("Idempotency-Key", problem)])


@dataclass(frozen=True, slots=True)
class Call:
    """One agent's call of one utility.

    agent: the label it stands under in the activity, and the name its limits go by. request_id: finds the call in
    the activity again. idempotency_key: handed on to APIs that honour one, and the name that replays go by.
    patience: seconds for which it is held while a person is asked, None = until that is over. waiting_id: what an
    earlier call with the same params was told to wait for.
    """

    skill: str
    utility: str
    params: dict[str, Any] = field(repr=False)
    """One JSON object, as the utility declares it."""
    agent: str = "anonymous"
    request_id: str = field(default_factory=new_request_id)
    idempotency_key: str | None = None
    patience: float | None = None
    waiting_id: str | None = None
    surface: Surface = "cli"
    parent: TraceParent | None = None
    """The trace that it belongs to, as its caller says in `traceparent`."""
    text: bytes | None = field(default=None, repr=False, compare=False)
    """The JSON text that the params were read from, for who has it: they need not be written and read again."""
    depth: int = 0
    """How many calls it is inside of: those of code that calls siblings."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a call's wall time went."""

    total_ms: float
    upstream_ms: float
    expressions_ms: float
    waiting_ms: float = 0.0
    """For a person's yes."""


class Passing(Protocol):
    """Bytes that are handed on while they arrive; always close it."""

    def pieces(self) -> AsyncIterator[bytes]:
        """All of them. Raises AgentOSError when they break off."""
        ...

    def interrupt(self, error: AgentOSError) -> None:
        """End them soon with this error."""
        ...

    async def aclose(self) -> None:
        """Leave it."""
        ...


@dataclass(frozen=True, slots=True)
class RawReply:
    """Bytes handed on as the upstream sent them."""

    body: bytes = field(repr=False)
    content_type: str
    passing: Passing | None = None
    """Where the bytes are yet to arrive, in place of `body`: for callers by HTTP alone."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a plain call gives: `value`, or `raw` for a utility that hands bytes on."""

    value: Any = field(repr=False)
    """JSON: dicts, lists, strings, numbers, booleans, None; which of them the utility's `returns` says."""
    text: bytes = field(repr=False)
    """The value as JSON."""
    raw: RawReply | None
    timings: Timings
    warning: str | None = None
    """For the caller beside the reply: a budget is nearly used up."""
    replayed: bool = False
    """Whether this is the answer to an earlier call with the same `Idempotency-Key`."""
    ignored: tuple[str, ...] = ()
    """Params that the service cannot honour and that were not sent to it."""
    simulated: str | None = None
    """In a simulation: which case answered, and whether it was the very request: `plain; match=exact`."""
    more: bool = False
    """Whether the list has, or may have, more rows than these."""
    cost: float | None = None
    """US dollars that the service says the call cost; None = it does not say."""
    goes_on_at: str | None = None
    """The position at which the rest of the list begins, where the service counts or names positions."""

    def told(self, ignored: tuple[str, ...], simulated: str | None, cost: float | None) -> "Reply":
        """The same with what is known once the call has ended."""
        own = (self.value, self.text, self.raw, self.timings, self.warning, self.replayed)
        return Reply(*own, ignored, simulated, self.more, cost, self.goes_on_at)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream. `done` and `error` are terminal: exactly one of them ends every stream."""

    name: Literal["delta", "done", "error"]
    data: Any = field(repr=False)
    """JSON: what a delta adds, the reply that is done, or the error."""
    text: bytes | None = field(default=None, repr=False, compare=False)
    """The data as JSON, where it was written already."""
