"""What one run of compiled code may cost. Complete, or it is a hole: whatever touches n things charges n."""

from collections.abc import Callable

from agentos_runtime.jq.compiled.errors import Beyond


class Meter:
    """Counts down; one unit is about as much as looking up one key."""

    __slots__ = ("_is_uncertain", "left")

    def __init__(self, budget: int = 0, *, uncertain: bool = False) -> None:
        self.begin(budget, lambda: uncertain)

    def begin(self, budget: int, is_uncertain: Callable[[], bool]) -> None:
        """Before a run."""
        self.left = budget
        self._is_uncertain = is_uncertain

    @property
    def uncertain(self) -> bool:
        """Whether the input has a number that jq may keep with more digits than a double has, so that nothing may
        be computed with, or compared to, a number that is not whole."""
        return self._is_uncertain()

    def charge(self, units: int) -> None:
        """Raises Beyond when nothing is left."""
        self.left -= units
        if self.left < 0:
            raise Beyond
