"""Limits: asked before a call goes out, told when it has ended."""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import field, replace

from agentos_runtime.errors import AgentOSError, DatabaseUnavailable, Overloaded
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.counters import Charge, Claim, Refusal
from agentos_runtime.limits.messages import refused, warning
from agentos_runtime.limits.ports import Counting, RulesNow
from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import NANO, PERIODS, TOTAL, Rule, Rules
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

LARGEST_COST = 1_000_000
"""US dollars of one call."""
TRY_AGAIN = 5.0
AWAY_AGAIN = 1.0
"""Seconds after which a database that is away may be back."""
UNCHARGED = 10_000
"""Ended calls kept in memory while `limits.db` cannot be written."""


@dataclass(eq=False, slots=True)
class Admission:
    """One call that was let in; to be closed exactly once."""

    limits: "Limits"
    claim: Claim
    slot: int
    warning: str | None
    """Words for the caller: a budget's soft line was passed."""
    _stop: Callable[[AgentOSError], None] | None = field(default=None, repr=False)
    _used_up: AgentOSError | None = field(default=None, repr=False)

    def can_stop(self, stop: Callable[[AgentOSError], None]) -> None:
        """`stop` ends the call soon: at once, when its budget was used up before it could be told how."""
        self._stop = stop
        if self._used_up is not None:
            stop(self._used_up)

    def end(self, error: AgentOSError) -> None:
        """A budget of this call is used up: end it, if it is one that can be ended, a stream."""
        self._used_up = error
        if self._stop is not None:
            self._stop(error)

    async def close(self, tokens: int, cost: float) -> None:
        """The call has ended and used so much; cost in US dollars."""
        await self.limits.settle(self, tokens, round(min(cost, LARGEST_COST) * NANO))


class Limits:
    """The rules of one home, kept. Without rules nothing is counted, and no file is made.

    clock: epoch seconds.
    """

    def __init__(
        self,
        rules: RulesNow,
        counters: Counting,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._counters = counters
        self._clock = clock
        self._open: set[Admission] = set()
        self._uncharged: deque[Charge] = deque(maxlen=UNCHARGED)
        self._trouble: str | None = None
        counters.listen(self._stop_streams)

    @property
    def problem(self) -> str | None:
        """What is wrong with the rules' file, or with counting."""
        return self._rules.problem or self._trouble

    @property
    def rules(self) -> Rules:
        """The rules of all agents as they are now."""
        return self._rules.current()

    def rule_of(self, agent: str) -> Rule:
        """What the agent may do now."""
        return self._rules.current().of(agent)

    def uses(self, subject: str) -> tuple[Use, ...]:
        """The limits of an agent, or of TOTAL, and how much of them is used. Raises DatabaseTrouble."""
        rule = self.rules.total if subject == TOTAL else self.rules.of(subject)
        return self._counters.uses(subject, rule, self._clock())

    def names(self, agent: str) -> bool:
        """Whether the agent has limits of its own, in the rules as they were last read."""
        return agent in self._rules.last.agents

    def budgets(self, agents: Collection[str]) -> list[tuple[str, Use]]:
        """How much of its budgets each of these, each agent with limits of its own, and all together have used.

        Reads a file. Raises DatabaseTrouble.
        """
        rules = self._rules.current()
        subjects = [(name, rules.of(name)) for name in sorted({*agents, *rules.agents})]
        both = [*subjects, (TOTAL, rules.total)]
        found = [(subject, self.uses(subject)) for subject, rule in both if rule.budgets]
        return [(subject, use) for subject, several in found for use in several if use.key in PERIODS]

    def count(self, agent: str) -> bool:
        """Whether a call of this agent is counted, now."""
        return bool(self._counters.counts_all or self._rules.current().subjects(agent))

    async def admit(
        self, agent: str, skill: str, utility: str, *, paid: bool, row: int | None = None
    ) -> Admission | None:
        """Let a call in and count it; None when nothing is counted for this agent.

        paid: the call carries a credential, so that it can cost money. row: its number in the ledger. Raises
        RateLimited, BudgetExceeded, and Overloaded when it cannot be counted.
        """
        subjects = self._rules.current().subjects(agent)
        if not subjects and not self._counters.counts_all:
            return None
        claim = Claim(agent, f"{skill}/{utility}", paid, self._clock(), subjects, row)
        try:
            await self._charge_the_uncharged()
            answer = await self._counters.enter(claim)
        except (DatabaseTrouble, OSError) as error:
            raise self._uncountable(agent, error) from None
        self._trouble = None
        if isinstance(answer, Refusal):
            raise refused(answer, claim)
        words = "; ".join(warning(level, agent) for level in answer.levels)
        admission = Admission(self, claim, answer.slot, words or None)
        self._open.add(admission)
        return admission

    async def check(self, agent: str, skill: str, utility: str, *, paid: bool) -> None:
        """Raise what `admit` would raise now; nothing is counted."""
        if subjects := self._rules.current().subjects(agent):
            claim = Claim(agent, f"{skill}/{utility}", paid, self._clock(), subjects)
            try:
                refusal = await self._counters.look(claim)
            except (DatabaseTrouble, OSError) as error:
                raise self._uncountable(agent, error) from None
            if refusal is not None:
                raise refused(refusal, claim)

    def _uncountable(self, agent: str, error: Exception) -> AgentOSError:
        self._trouble = f"limits cannot be counted: {error}"
        if isinstance(error, DatabaseAway):
            return DatabaseUnavailable(
                f"The limits of {agent} cannot be counted, so nothing is called: {error}", retry_after=AWAY_AGAIN
            )
        return Overloaded(
            f"The limits of {agent} cannot be counted, so nothing is called: {error}", retry_after=TRY_AGAIN
        )

    async def settle(self, admission: Admission, tokens: int, cost: int) -> None:
        """Charge a call that has ended; streams whose budget is used up now are stopped."""
        self._open.discard(admission)
        subjects = self._rules.current().subjects(admission.claim.agent)
        charge = Charge(replace(admission.claim, subjects=subjects), admission.slot, tokens, cost)
        try:
            used_up = await self._counters.settle(charge)
        except DatabaseTrouble as error:
            self._trouble = f"limits cannot be counted: {error}"
            self._uncharged.append(charge)
            return
        for refusal in used_up:
            self._stop_streams(refusal)

    def check_version(self) -> None:
        """Raises NewerFile when what was counted stands in a file of a newer version."""
        self._counters.check_version()

    def close(self) -> None:
        self._counters.close()

    async def _charge_the_uncharged(self) -> None:
        while self._uncharged:
            charge = self._uncharged.popleft()
            try:
                await self._counters.settle(charge)
            except DatabaseTrouble:
                self._uncharged.appendleft(charge)
                raise

    def _stop_streams(self, refusal: Refusal) -> None:
        for admission in tuple(self._open):
            concerned = refusal.subject in dict(admission.claim.subjects)
            spends = admission.claim.paid or "cost" not in refusal.key
            if concerned and spends:
                admission.end(refused(refusal, admission.claim))
