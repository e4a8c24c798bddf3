"""A circuit breaker per origin: one that does not answer is not called for a while, then tried with one call."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agentos_runtime.config.tables import Reader, amount, flag, read_table, whole
from agentos_runtime.errors import (
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
    UpstreamUnreachable,
)

LONGEST_PAUSE = 120.0
PROBING = 1.0
"""Seconds to wait while another call is finding out whether the origin answers again."""
_FAILURES = (UpstreamUnreachable, UpstreamTimeout, UpstreamTruncated)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens: after `failures` in a row that lasted `over` seconds from the first to the last."""

    enabled: bool = True
    failures: int = 10
    over: float = 30.0
    pause: float = 10.0
    """Seconds until the first probe; each probe that fails doubles it, up to two minutes."""


def read_circuit_breaker(raw: object, file: object) -> BreakerSettings:
    """The table `breaker`. Raises SettingsError."""
    return BreakerSettings(**read_table(raw, f"{file}: breaker", _READERS))


@dataclass(slots=True)
class _Streak:
    """The failures of one origin since it last answered."""

    began: float
    failures: int = 0
    pause: float = 0.0
    """0 while the breaker is closed."""
    opened: float = 0.0
    probing: bool = False


@dataclass(slots=True)
class Attempt:
    """One call on its way; `status` is to be told when the upstream answers."""

    status: int | None = None


class CircuitBreakers:
    """The circuit breakers of one process. clock: seconds that only go forward.

    A failure is no connection, no answer in time, an answer cut short, or a 5xx; a 4xx is an answer. One answer
    closes the breaker and forgets everything.
    """

    def __init__(
        self, settings: BreakerSettings = BreakerSettings(), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._streaks: dict[str, _Streak] = {}

    @contextmanager
    def attempt(self, origin: str) -> Iterator[Attempt]:
        """Around one call to the origin. Raises UpstreamUnavailable while the circuit is open."""
        probe = self._check(origin)
        attempt = Attempt()
        try:
            yield attempt
        except _FAILURES:
            self._failed(origin)
            raise
        else:
            if attempt.status is not None and attempt.status >= 500:
                self._failed(origin)
            else:
                self._streaks.pop(origin, None)
        finally:
            if probe is not None:
                probe.probing = False

    def _check(self, origin: str) -> _Streak | None:
        """The streak that this call probes, if it is a probe."""
        streak = self._streaks.get(origin)
        if streak is None or not streak.pause:
            return None
        wait = streak.opened + streak.pause - self._clock()
        if wait > 0 or streak.probing:
            raise _left_alone(origin, streak, max(wait, PROBING))
        streak.probing = True
        return streak

    def _failed(self, origin: str) -> None:
        if not self._settings.enabled:
            return
        now = self._clock()
        streak = self._streaks.setdefault(origin, _Streak(now))
        streak.failures += 1
        if streak.probing:
            streak.pause, streak.opened = min(2 * streak.pause, LONGEST_PAUSE), now
        elif self._is_enough(streak, now) and not streak.pause:
            streak.pause, streak.opened = self._settings.pause, now

    def _is_enough(self, streak: _Streak, now: float) -> bool:
        return streak.failures >= self._settings.failures and now - streak.began >= self._settings.over


def _left_alone(origin: str, streak: _Streak, wait: float) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"{origin} failed {streak.failures} times in a row, so its circuit is open: nothing was sent. "
        f"The next try is possible in {wait:.0f} s.",
        retry_after=wait,
    )


_READERS: Mapping[str, Reader] = {"enabled": flag, "failures": whole(1), "over": amount, "pause": amount}
