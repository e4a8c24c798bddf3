"""How much of an agent's budgets is left, read from the home."""

from collections.abc import Iterator

from agentos_runtime.bootstrap import open_limits
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import NANO, TOTAL
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit, the agent's own or of all agents together."""

    of_all: bool
    use: Use


def budgets(settings: Settings, agent: str) -> Iterator[Budget]:
    """The limits that calls of the agent count against. Raises DatabaseTrouble, SettingsError."""
    with open_limits(settings) as limits:
        for subject, _ in limits.rules.subjects(agent):
            for each in limits.uses(subject):
                yield Budget(subject == TOTAL, each)


def left(settings: Settings, agent: str) -> float | None:
    """US dollars of the budget that ends first; None where there is none, or that cannot be read."""
    try:
        found = [each.use for each in budgets(settings, agent) if each.use.key.startswith("cost_per_")]
    except DatabaseTrouble:
        return None
    return min((max(0, each.most - each.used) / NANO for each in found), default=None)
