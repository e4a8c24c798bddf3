"""What the runtime needs of its neighbours: the real ones, or a simulation that answers from cases."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.jq.checking import Checkable, Verdict
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Retry
from agentos_runtime.storage.activity.rows import Closing, Entry
from agentos_runtime.storage.activity.sight import Sight


class Workers(Protocol):
    """Runs combined programs; never raises for what an expression does."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The worker processes that there are."""
        ...

    @property
    def ends(self) -> Mapping[str, int]:
        """How many of them ended that were not let go, by what ended them."""
        ...

    async def run(self, program: Program, data: bytes | ProgramInput) -> Outcome: ...

    async def run_of_caller(self, program: Program, data: bytes) -> Outcome:
        """The same of a program that a caller wrote, of which each may be another: few of them are held."""
        ...

    def run_at_once(self, program: Program, data: bytes | ProgramInput) -> Outcome | None:
        """What `run` gives, where that needs no waiting; else None."""
        ...

    def carried(self, program: Program, document: dict[str, Json], event: Json) -> list[list[Json]] | None:
        """What a stream's program makes of an event whose `unseen` text only passes through it; None where it does
        not, or that is not known."""
        ...

    async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]:
        """What is wrong with each expression before it runs; None when nothing is."""
        ...


class OpenUpstream(Protocol):
    """An answer that is read while it arrives."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def simulated(self) -> str | None:
        """As `UpstreamResponse.simulated`."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Decoded bytes as they arrive; ends with the answer, or when aborted. Raises UpstreamError."""
        ...

    def arrived(self) -> bytes:
        """What `chunks()` would give next, where that takes no waiting; else, and for who cannot say, nothing."""
        ...

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Give what arrives to `take`, as it arrives, until that says False or something is to be read from
        `chunks()`: at once, for who can give nothing this way. Raises UpstreamError, and what `take` raises.
        """
        ...

    def hurry(self, seconds: float) -> None:
        """Let `chunks()` end after so many seconds from now, whatever arrives; anew with each call."""
        ...

    async def whole(self, timeout: float) -> UpstreamResponse:
        """Read the rest, bounded, and close. Raises UpstreamError."""
        ...

    def abort(self) -> None:
        """Close the connection at once, unless the answer is complete."""
        ...

    async def drain(self) -> None:
        """Give an answer that said its last word a moment to end, so that its connection can be used again."""
        ...


class Upstream(Protocol):
    """HTTP out. Raises UpstreamError, ApprovalRequired for a private address, InvalidParams for an unfit url."""

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: Retry | None, allow_private: bool
    ) -> UpstreamResponse: ...

    async def open(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        idle_timeout: float,
        retry: Retry | None,
        allow_private: bool,
    ) -> OpenUpstream: ...


class Reader(Protocol):
    """What the ledger tells; see `storage.activity.queries.ActivityReader`. Raises InvalidParams, InternalError."""

    async def rows(self, filters: Mapping[str, str], sight: Sight = ..., most: int = ...) -> dict[str, Json]: ...

    async def row(self, number: int, sight: Sight = ...) -> dict[str, Json] | None: ...

    async def changed(
        self, after: int, opened: Collection[int], filters: Mapping[str, str], sight: Sight = ...
    ) -> list[dict[str, Json]]: ...

    async def last(self) -> int: ...

    async def usage(self, filters: Mapping[str, str], sight: Sight = ...) -> dict[str, Json]: ...


class Ledger(Protocol):
    """The activity: a row per call. Never an exception into a call; `degraded` says why rows cannot be written."""

    @property
    def degraded(self) -> str | None: ...

    @property
    def reader(self) -> Reader:
        """What it tells."""
        ...

    @property
    def figures(self) -> tuple[tuple[str, str, Literal["counter", "gauge"], float], ...]:
        """What it tells besides, for Prometheus: name, what it is, its kind, its value."""
        ...

    async def start(self, *, request_id: str, agent: str, skill: str, utility: str) -> Entry:
        """A call is about to be made."""
        ...

    async def finish(self, entry: Entry, end: Closing, *, reads: bool = False) -> bool:
        """Close the row; gives whether its numbers count. reads: the call only looked at something."""
        ...

    async def mark(self, entry: Entry, outcome: Literal["started", "waiting"]) -> None:
        """Say whether the call waits for a person."""
        ...

    def listen(self, heard: Callable[[], object]) -> Callable[[], None]:
        """Have this called when this process has written or changed a row; gives what ends that."""
        ...

    async def counted(self, code: str) -> list[tuple[str, str, int]]:
        """Skill, utility, and how many calls that went well have that code."""
        ...
