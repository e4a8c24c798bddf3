"""`GET /metrics`: what was counted, and what stands as it is now."""

import platform
from collections.abc import Iterator

from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import TOTAL
from agentos_runtime.metrics.families import Family
from agentos_runtime.metrics.measured import Measured
from agentos_runtime.metrics.process import family, process_lines
from agentos_runtime.runtime.ports import Ledger, Workers
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.security.agents import Agents
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.version import __version__

STATES = ("ready", "needs_credential", "needs_approval", "broken", "loading")


class Figures:
    """The figures of one runtime, in Prometheus' text format."""

    def __init__(
        self,
        measured: Measured,
        registry: Registry,
        broker: CredentialBroker,
        safeguards: Safeguards,
        agents: Agents,
        ledger: Ledger,
        workers: Workers,
    ) -> None:
        self._measured = measured
        self._registry = registry
        self._broker = broker
        self._safeguards = safeguards
        self._agents = agents
        self._ledger = ledger
        self._workers = workers

    async def written(self) -> str:
        """The whole text."""
        budgets = await aside(self._budgets)
        return "".join(f"{line}\n" for line in self._lines(budgets))

    def _lines(self, budgets: list[tuple[str, Use]]) -> Iterator[str]:
        labels = (__version__, platform.python_version())
        yield from family("agentos_build_info", "What runs here", 1, ("version", "python"), labels)
        yield from self._measured.lines()
        yield from _budget_lines(budgets)
        yield from family("agentos_workers", "Worker processes of expressions", len(self._workers.pids))
        restarts = Family(
            "agentos_worker_restarts_total", "Worker processes that ended and were replaced", "counter", ("reason",)
        )
        for reason, count in self._workers.ends.items():
            restarts.add((reason,), count)
        yield from restarts.lines()
        yield from self._skill_lines()
        degraded = 1 if self._ledger.degraded else 0
        yield from family("agentos_ledger_degraded", "1 while rows cannot be written", degraded)
        for name, about, kind, value in self._ledger.figures:
            yield from family(name, about, value, kind=kind)
        breakers = Family("agentos_breaker_open", "1 while an origin is left alone", "gauge", ("origin",))
        for origin in self._safeguards.circuit_breakers.open_origins():
            breakers.add((origin,))
        yield from breakers.lines()
        yield from process_lines()

    def _skill_lines(self) -> Iterator[str]:
        skills = Family("agentos_skills", "Skills by state", "gauge", ("state",))
        for state in STATES:
            skills.add((state,), 0)
        for entry in self._registry.entries:
            skills.add((self._broker.standing(entry.skill).state if entry.skill else "broken",))
        skills.add(("loading",), len(self._registry.loading))
        yield from skills.lines()

    def _budgets(self) -> list[tuple[str, Use]]:
        """None of those that cannot be read."""
        try:
            bound = [each.name for each in self._agents.list()]
            return self._safeguards.limits.budgets(bound)
        except (PrivateFileError, DatabaseTrouble, OSError):
            return []


def _budget_lines(budgets: list[tuple[str, Use]]) -> Iterator[str]:
    ratios = Family(
        "agentos_budget_used_ratio", "Used part of a budget; 1 is all of it", "gauge", ("agent", "budget")
    )
    for subject, use in budgets:
        ratios.add((ALL if subject == TOTAL else subject, use.key), use.used / use.most if use.most else 1)
    yield from ratios.lines()


ALL = "all agents"
"""The label for what `[limits.total]` counts."""
