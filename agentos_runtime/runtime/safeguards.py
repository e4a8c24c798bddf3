"""What stands between a call and the upstream: limits, concurrency, circuit breakers."""

from collections.abc import Awaitable, Callable

from agentos_runtime.calls.metering import Meter
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.circuit_breaker import CircuitBreakers
from agentos_runtime.limits.concurrency import ConcurrencyLimiter
from agentos_runtime.limits.enforcement import Admission, Limits
from agentos_runtime.limits.idempotency.replays import Replays


@dataclass(frozen=True, slots=True)
class Permit:
    """A call that was let through; to be closed when its row is."""

    concurrency: ConcurrencyLimiter | None
    """None for a call inside of another, which has the place."""
    skill: str
    admission: Admission | None

    @property
    def warning(self) -> str | None:
        """Words for the caller: a budget is nearly used up."""
        return self.admission.warning if self.admission else None

    def can_stop(self, stop: Callable[[AgentOSError], None]) -> None:
        """TraceStages how the call is ended when a budget is used up while it goes on."""
        if self.admission is not None:
            self.admission.can_stop(stop)

    def close(self, meter: Meter) -> Awaitable[None] | None:
        """The call has ended; `meter` is what it used. What is to be awaited charges it; None = nothing counts."""
        if self.concurrency is not None:
            self.concurrency.leave(self.skill)
        if self.admission is None:
            return None
        tokens = (meter.input_tokens or 0) + (meter.output_tokens or 0)
        return self.admission.close(tokens, meter.cost or 0.0)


@dataclass(frozen=True, slots=True)
class Safeguards:
    """All of them, of one runtime."""

    limits: Limits
    concurrency: ConcurrencyLimiter
    circuit_breakers: CircuitBreakers
    replays: Replays

    async def admit(self, agent: str, plan: CallPlan, row: int | None, *, nested: bool = False) -> Permit:
        """Let a call through; `row` is its number in the ledger. nested: it is inside of one that has a place.

        Raises RateLimited, BudgetExceeded, Overloaded."""
        skill, utility = plan.skill.id, plan.utility
        admission = None
        if self.limits.count(agent):
            paid = utility.credential is not None
            admission = await self.limits.admit(agent, skill, utility.name, paid=paid, row=row)
        if nested:
            return Permit(None, skill, admission)
        try:
            if not self.concurrency.enter_at_once(skill):
                await self.concurrency.enter(skill)
        except BaseException:
            if admission is not None:
                await admission.close(0, 0.0)
            raise
        return Permit(self.concurrency, skill, admission)
