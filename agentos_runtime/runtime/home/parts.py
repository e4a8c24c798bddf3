"""The parts of a home that are the operator's: settings, keys, approvals, agents."""

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import NotAllowed
from agentos_runtime.frozen import dataclass
from agentos_runtime.security.agents import Agents
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.credentials.lookup import Credentials
from agentos_runtime.skills.pinning import Pinning


@dataclass(frozen=True, slots=True)
class OperatorKeys:
    """The operator's keys, and what skills may do with them."""

    credentials: Credentials
    approvals: Approvals
    pinning: Pinning


@dataclass(frozen=True, slots=True)
class Home:
    """What a runtime was opened over. keys: None in a simulation, whose keys are made up."""

    settings: Settings
    agents: Agents
    keys: OperatorKeys | None = None

    def own_keys(self) -> OperatorKeys:
        """The operator's keys. Raises NotAllowed in a simulation."""
        if self.keys is None:
            raise NotAllowed("This is a simulation: its keys are made up, and nothing has to be approved.")
        return self.keys
