"""What this surface asks of the runtime."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Hashable, Mapping
from typing import Protocol

from agentos_runtime.calls.call import Call, Event
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json
from agentos_runtime.mcp import ports as mcp
from agentos_runtime.runtime.service import Parts
from agentos_runtime.security.agents import Caller
from agentos_runtime.skills.files import SkillFile


class EventStream(Protocol):
    """Batches of events that are ready; the last event is `done` or `error`."""

    @property
    def is_ready(self) -> bool:
        """Whether the first batch is there already."""

    @property
    def warning(self) -> str | None:
        """For a header of the response: a budget is nearly used up."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """For a header of the response: params that were not sent."""

    @property
    def simulated(self) -> str | None:
        """For a header of the response, in a simulation: which case answered."""

    def pour(self, sink: Callable[[list[Event]], bool]) -> None:
        """Gives deltas to the sink as they arrive, behind the first batch, while it says True; the iterator yields
        all others.
        """

    def __aiter__(self) -> AsyncIterator[list[Event]]: ...

    def interrupt(self, error: AgentOSError) -> None:
        """Ends the stream soon: the iterator wakes and yields the terminal `error` event with what had arrived."""

    async def aclose(self) -> None:
        """Closes the upstream; more than once is fine."""


class Catalog(Protocol):
    """What is known of the skills, as the contract shows it. Unknown names raise UnknownSkill, UnknownUtility,
    what the caller may not call NotAllowed."""

    @property
    def rule(self) -> Hashable:
        """What the caller may see: equal for those who see the same."""

    @property
    def version(self) -> Hashable | None:
        """Differs when what is shown may differ; None = nothing is to be kept."""

    def entries(self, q: str | None) -> list[Json]: ...
    def loading(self) -> list[Json]: ...
    def unreadable(self) -> Mapping[str, str]: ...
    def detail(self, skill: str) -> dict[str, Json]: ...
    def utility(self, skill: str, name: str) -> dict[str, Json]: ...
    def entities(self) -> list[Json]: ...
    def entity(self, entity_id: str) -> dict[str, Json]:
        """Raises NotFound."""
        ...

    def icon(self, skill: str) -> SkillFile | None: ...


class Runtime(mcp.Runtime, Protocol):
    """The service layer, as far as HTTP uses it."""

    def catalog(self, caller: Caller, *, everything: bool = False) -> Catalog:
        """The skills as the caller sees them; everything, when the operator asks for that."""

    @property
    def parts(self) -> Parts:
        """What calls are made with that are none of a utility."""

    async def stream(self, call: Call) -> EventStream: ...
    async def owns_param(self, skill: str, utility: str, name: str) -> bool:
        """Whether the utility declares a param of this name itself; False for unknown ones."""

    def is_loading(self) -> bool:
        """Whether skills are being read or checked."""
        ...

    @property
    def wants_calls(self) -> bool: ...

    def health(self) -> dict[str, Json]: ...
    async def metrics(self, caller: Caller | None) -> str:
        """Figures of all agents; caller: None where everybody may read them. Raises NotAllowed, Unauthorized."""
        ...

    async def activity(self, filters: Mapping[str, str], caller: Caller, most: int = ...) -> dict[str, Json]: ...
    async def activity_row(self, number: int, caller: Caller) -> dict[str, Json]: ...
    async def follow(
        self, filters: Mapping[str, str], caller: Caller, resume: str | None = None
    ) -> AsyncIterable[list[tuple[str, dict[str, Json]]]]:
        """Rows as they begin, change and end, with the mark to go on from."""
        ...

    async def usage(self, filters: Mapping[str, str], caller: Caller) -> dict[str, Json]: ...
