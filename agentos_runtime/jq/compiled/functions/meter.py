"""What one run of compiled code may cost. Complete, or it is a hole: whatever touches n things charges n."""

from agentos_runtime.jq.compiled.errors import Beyond


class Meter:
    """Counts down; one unit is about as much as looking up one key.

    uncertain: the input has a number that jq may keep with more digits than a double has, so that nothing may be
    computed with, or compared to, a number that is not whole.
    """

    __slots__ = ("left", "uncertain")

    def __init__(self, budget: int = 0, *, uncertain: bool = False) -> None:
        self.begin(budget, uncertain=uncertain)

    def begin(self, budget: int, *, uncertain: bool) -> None:
        """Before a run."""
        self.left = budget
        self.uncertain = uncertain

    def charge(self, units: int) -> None:
        """Raises Beyond when nothing is left."""
        self.left -= units
        if self.left < 0:
            raise Beyond
