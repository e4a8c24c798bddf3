"""What stands between a call and the upstream: the agent's limits, the skill's lane, the origin's breaker."""

from collections.abc import Callable
from dataclasses import dataclass

from agentos_runtime.breakers import Breakers
from agentos_runtime.calls.metering import Meter
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.errors import AgentOSError
from agentos_runtime.idempotency.replays import Replays
from agentos_runtime.lanes import Lanes
from agentos_runtime.limits.enforcement import Admission, Limits


@dataclass(frozen=True, slots=True)
class Passage:
    """A call that was let through; to be closed when its row is."""

    lanes: Lanes
    skill: str
    admission: Admission | None

    @property
    def warning(self) -> str | None:
        """Words for the caller: a budget is nearly used up."""
        return self.admission.warning if self.admission else None

    def can_stop(self, stop: Callable[[AgentOSError], None]) -> None:
        """Tell how the call is ended when a budget is used up while it goes on."""
        if self.admission is not None:
            self.admission.stop = stop

    async def close(self, meter: Meter) -> None:
        """The call has ended; `meter` is what it used."""
        self.lanes.leave(self.skill)
        if self.admission is not None:
            tokens = (meter.input_tokens or 0) + (meter.output_tokens or 0)
            await self.admission.close(tokens, meter.cost or 0.0)


@dataclass(frozen=True, slots=True)
class Safeguards:
    """All of them, of one runtime."""

    limits: Limits
    lanes: Lanes
    breakers: Breakers
    replays: Replays

    async def admit(self, agent: str, plan: CallPlan) -> Passage:
        """Let a call through. Raises RateLimited, BudgetExceeded, Overloaded."""
        skill, utility = plan.skill.id, plan.utility
        admission = await self.limits.admit(agent, skill, utility.name, paid=utility.credential is not None)
        try:
            await self.lanes.enter(skill)
        except BaseException:
            if admission is not None:
                await admission.close(0, 0.0)
            raise
        return Passage(self.lanes, skill, admission)
