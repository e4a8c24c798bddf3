"""A circuit breaker per origin: one that does not answer is not called for a while, then tried with one call."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from agentos_runtime.config.tables import Reader, amount, flag, read_table, whole
from agentos_runtime.errors import (
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from agentos_runtime.frozen import dataclass

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


class Attempt:
    """Around one call on its way; `status` is to be told when the upstream answers.

    Raises UpstreamUnavailable on entering while the circuit is open.
    """

    __slots__ = ("_breakers", "_origin", "_probe", "status")

    def __init__(self, breakers: "CircuitBreakers", origin: str) -> None:
        self._breakers = breakers
        self._origin = origin
        self._probe: _Streak | None = None
        self.status: int | None = None

    def __enter__(self) -> Self:
        self._probe = self._breakers.begin(self._origin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._breakers.over(self._origin, self._probe, self.status, error)


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

    def attempt(self, origin: str) -> Attempt:
        """Around one call to the origin."""
        return Attempt(self, origin)

    def open_origins(self) -> list[str]:
        """The origins that are left alone now."""
        return [origin for origin, streak in self._streaks.items() if streak.pause]

    def begin(self, origin: str) -> _Streak | None:
        """The streak that a call which begins now probes, if it is a probe. Raises UpstreamUnavailable."""
        streak = self._streaks.get(origin)
        if streak is None or not streak.pause:
            return None
        wait = streak.opened + streak.pause - self._clock()
        if wait > 0 or streak.probing:
            raise _left_alone(origin, streak, max(wait, PROBING))
        streak.probing = True
        return streak

    def over(
        self, origin: str, probe: "_Streak | None", status: int | None, error: BaseException | None = None
    ) -> None:
        """A call that `begin` let out has ended, with this status or this error; probe: what `begin` gave."""
        failed = status is not None and status >= 500 if error is None else isinstance(error, _FAILURES)
        if failed:
            self.failed(origin)
        elif error is None:
            self.answered(origin)
        if probe is not None:
            probe.probing = False

    def answered(self, origin: str) -> None:
        """A call was answered."""
        self._streaks.pop(origin, None)

    def failed(self, origin: str) -> None:
        """A call failed."""
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
        refused_by="breaker",
    )


_READERS: Mapping[str, Reader] = {"enabled": flag, "failures": whole(1), "over": amount, "pause": amount}
