"""What one run of compiled code may cost. Complete, or it is a hole: whatever touches n things charges n."""

import time
from collections.abc import Callable

from agentos_runtime.jq.compiled.errors import Costly

_DEAREST = 200
"""Nanoseconds of processor time that no unit takes; most take a quarter of that."""
_LEAST = 250
"""Units between two looks at the clock."""
_MOST = 2_500


def _never() -> bool:
    """No input is there."""
    return False


class Meter:
    """Counts down; one unit is about as much as looking up one key.

    Units are paid before the work is done. When those of the beginning are used up, a run gets more as long as it
    could do their work within `time` nanoseconds of processor time from then on.
    """

    __slots__ = ("_ends", "_is_uncertain", "_time", "left")

    def __init__(self, budget: int = 0, *, uncertain: bool = False) -> None:
        self.begin(budget, lambda: uncertain)

    def begin(self, budget: int, is_uncertain: Callable[[], bool], time: int = 0) -> None:
        """Before a run."""
        self.left = budget
        self._time = time
        self._ends: int | None = None
        self._is_uncertain = is_uncertain

    def end(self) -> None:
        """After a run: nothing is left, and nothing is held of it."""
        self.left = 0
        self._time = 0
        self._is_uncertain = _never

    @property
    def uncertain(self) -> bool:
        """Whether the input has a number that jq may keep with more digits than a double has, so that nothing may
        be computed with, or compared to, a number that is not whole."""
        return self._is_uncertain()

    def charge(self, units: int) -> None:
        """Raises Costly when nothing is left."""
        self.left -= units
        if self.left < 0:
            self.more()

    def more(self) -> None:
        """Pay what was charged beyond the units that were left. Raises Costly when the time does not allow it."""
        if not self._time:
            raise Costly
        now = time.thread_time_ns()
        if self._ends is None:
            self._ends = now + self._time
        affordable = (self._ends - now) // _DEAREST
        if affordable < max(_LEAST, -self.left):
            raise Costly
        self.left += min(affordable, max(_MOST, -self.left))
