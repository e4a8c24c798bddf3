"""What this surface asks of the runtime."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

from agentos_runtime.calls.call import Call, Event, Reply
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json


class EventStream(Protocol):
    """Batches of events that are ready; the last event is `done` or `error`."""

    @property
    def warning(self) -> str | None:
        """For a header of the response: a budget is nearly used up."""

    def __aiter__(self) -> AsyncIterator[list[Event]]: ...

    def interrupt(self, error: AgentOSError) -> None:
        """Ends the stream soon: the iterator wakes and yields the terminal `error` event with what had arrived."""

    async def aclose(self) -> None:
        """Closes the upstream; more than once is fine."""


class Catalog(Protocol):
    """What is known of the skills, as the contract shows it. Unknown names raise UnknownSkill, UnknownUtility."""

    def entries(self, q: str | None) -> list[Json]: ...
    def detail(self, skill: str) -> dict[str, Json]: ...
    def utility(self, skill: str, name: str) -> dict[str, Json]: ...
    def icon(self, skill: str) -> Path | None: ...


class Runtime(Protocol):
    """The service layer, as far as HTTP uses it."""

    @property
    def catalog(self) -> Catalog: ...
    async def invoke(self, call: Call) -> Reply: ...
    async def stream(self, call: Call) -> EventStream: ...
    def owns_param(self, skill: str, utility: str, name: str) -> bool:
        """Whether the utility declares a param of this name itself; False for unknown ones."""

    def health(self) -> dict[str, Json]: ...
    async def activity(self, filters: Mapping[str, str]) -> dict[str, Json]: ...
    async def usage(self, filters: Mapping[str, str]) -> dict[str, Json]: ...
