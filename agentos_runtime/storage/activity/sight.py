"""Whose rows somebody may see."""

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """The rows of one agent, or those of all agents but some; as it is, all rows."""

    only: str | None = None
    without: tuple[str, ...] = ()

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """For a query over `activity`: SQL and its values."""
        if self.only is not None:
            return "agent = ?", (self.only,)
        if self.without:
            return f"agent NOT IN ({', '.join('?' * len(self.without))})", self.without
        return "1", ()


EVERYTHING = Sight()
"""What whoever opens the file sees: the operator."""
