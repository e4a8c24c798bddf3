"""Where a call is made: through the server that runs, or in this process. The answers are the same."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from agentos_runtime.calls.call import Call, Event, RawReply
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


class CallFailed(Exception):
    """The call failed; `body` is the error body of the HTTP contract."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("error", "The call failed.")))
        self.body = dict(body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plain call gave: a value, or bytes that are handed on."""

    value: Json
    raw: RawReply | None = None
    more: bool = False
    """Whether the list has, or may have, more rows than these."""
    ignored: tuple[str, ...] = ()
    """Params that were not sent."""


UNKNOWN: Mapping[str, Any] = {"params": {}}


class Backend(Protocol):
    """Makes calls. Every method raises CallFailed."""

    async def utility(self, skill: str, name: str) -> Any:
        """The utility as `GET /api/skills/<skill>/<name>` shows it; UNKNOWN when a call will say what is wrong."""
        ...

    async def invoke(self, call: Call) -> Answer: ...

    async def waiting(self, entry_id: str, seconds: float) -> Any:
        """What waits for a person, as `GET /api/waiting/<id>` shows it: decided, or after some seconds."""
        ...

    def stream(self, call: Call) -> AsyncIterator[Event]:
        """The events, the last of which is `done`; a terminal `error` is raised."""
        ...
