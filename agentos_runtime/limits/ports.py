"""Where counting and the rules may stand: in files of the home, or in a database that replicas share."""

from collections.abc import Callable
from typing import Protocol

from agentos_runtime.limits.counters import Charge, Claim, Entered, Refusal
from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import Rule, Rules


class Counting(Protocol):
    """Lets calls in and settles them, exactly, among all processes. Every method raises DatabaseTrouble."""

    @property
    def counts_all(self) -> bool:
        """Whether calls are to be told that no limit counts."""
        ...

    async def enter(self, claim: Claim) -> Entered | Refusal:
        """Let a call in, or say why not; a refused call is not counted."""
        ...

    async def look(self, claim: Claim) -> Refusal | None:
        """Why a call would not be let in now; None when it would."""
        ...

    async def settle(self, charge: Charge) -> tuple[Refusal, ...]:
        """Count what a call used and free its slot; the budgets that are used up now."""
        ...

    def uses(self, subject: str, rule: Rule, now: float) -> tuple[Use, ...]:
        """The limits of a subject and how much of them is used. now: epoch seconds."""
        ...

    def listen(self, heard: Callable[[Refusal], object]) -> None:
        """Have this told the budgets that are used up by calls of other processes."""
        ...

    def close(self) -> None: ...

    def check_version(self) -> None:
        """Raises NewerFile for what a newer version wrote."""
        ...


class RulesNow(Protocol):
    """The rules as they are now."""

    problem: str | None
    """What is wrong with them; then those from before hold."""

    def current(self) -> Rules: ...
    @property
    def last(self) -> Rules:
        """Those that were last given; nothing is looked at."""
        ...
