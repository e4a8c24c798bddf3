"""How much was tried: counted while the tests run, printed at their end."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts of what was survived, by what it was: `hostile manifests`, `faults`, `kills`."""

    counts: Counter[str] = field(default_factory=Counter)
    figures: list[str] = field(default_factory=list)

    def add(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def say(self, figures: str) -> None:
        """What was measured meanwhile."""
        self.figures.append(figures)

    def __str__(self) -> str:
        parts = [f"{number:,} {what}" for what, number in sorted(self.counts.items())]
        return "\n".join([f"survived with nothing lost: {', '.join(parts)}", *self.figures])
