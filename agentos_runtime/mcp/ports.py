"""What this surface asks of the runtime."""

from typing import Protocol

from agentos_runtime.calls.call import Call, Reply
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.service import Parts
from agentos_runtime.skills.visibility import VisibleSkills


class Selection(Protocol):
    """A caller's own jq."""

    async def of(self, reply: Reply) -> Json:
        """What it makes of a reply. Raises AgentOSError."""
        ...


class Runtime(Protocol):
    """The service layer, as far as MCP uses it."""

    @property
    def parts(self) -> Parts:
        """What calls are made with that are none of a utility."""
        ...

    async def invoke(self, call: Call) -> Reply: ...
    async def ready(self, skill: str) -> None:
        """Wait for a while when the skill is being loaded."""
        ...

    def visible(self, agent: str) -> VisibleSkills:
        """The skills, cut to what the agent may call."""
        ...

    def is_bound(self, agent: str) -> bool:
        """Whether the name is bound to a token. Raises Unauthorized when that cannot be known."""
        ...

    async def selection(self, source: str) -> Selection:
        """A jq program, checked. Raises InvalidParams, Overloaded."""
        ...
