"""Numbers of calls: whole, unique over all replicas, and in the order in which calls began."""

from collections.abc import Callable

EPOCH = 1_767_225_600_000
"""2026-01-01, milliseconds since 1970; as `began_at` in the database."""
_IN_A_MILLISECOND = 32


class Numbers:
    """Gives numbers of 53 bits: the millisecond, the replica's slot (0 to 127), and which of that millisecond.

    now: milliseconds since 1970 on the database's clock; when it is set back, numbers go on from where they were.
    """

    def __init__(self, now: Callable[[], int], slot: int = 0) -> None:
        self._now = now
        self.slot = slot
        self._last = 0
        self._given = 0

    def next(self) -> int:
        now = self._now()
        if now > self._last:
            self._last, self._given = now, 0
        elif self._given == _IN_A_MILLISECOND:
            self._last, self._given = self._last + 1, 0
        number = (self._last - EPOCH) << 12 | self.slot << 5 | self._given
        self._given += 1
        return number


def first_of(moment: int) -> int:
    """The least number of calls begun at a moment (milliseconds since 1970) or later."""
    return max(moment - EPOCH, 0) << 12


def began_at(number: int) -> int:
    """Milliseconds since 1970."""
    return (number >> 12) + EPOCH
