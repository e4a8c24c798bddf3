"""Deadlines of many calls behind one timer of the event loop.

A timer per call is most of what a deadline costs (7 µs of CPU under uvloop, 1 µs this way), and nearly all of them
are cancelled unused. Here a call only notes its end; the one timer stands at the earliest end it was ever told of.
"""

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self


class Ending(Protocol):
    """What ends at a moment of the loop's clock."""

    @property
    def ends(self) -> float: ...

    def strike(self) -> None:
        """The moment is there."""


class Deadlines:
    """Creates deadlines; belongs to one event loop, from its first deadline on."""

    def __init__(self) -> None:
        self._running: set[Ending] = set()
        self._timer: asyncio.Handle | None = None
        self._strikes = math.inf
        """When the timer is up; uvloop's do not say it of moments that are less than a millisecond away."""

    def at(self, ends: float) -> "Deadline":
        """A context manager as `asyncio.timeout_at`: raises TimeoutError when its body runs past `ends`."""
        return Deadline(self, ends)

    def close(self) -> None:
        """No deadline strikes any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._strikes = None, math.inf

    def enter(self, deadline: Ending) -> None:
        self._running.add(deadline)
        if deadline.ends < self._strikes:
            self._wind(deadline.ends)

    def leave(self, deadline: Ending) -> None:
        self._running.discard(deadline)

    def _wind(self, when: float) -> None:
        self.close()
        self._timer, self._strikes = asyncio.get_running_loop().call_at(when, self._strike), when

    def _strike(self) -> None:
        self._timer, self._strikes = None, math.inf
        now = asyncio.get_running_loop().time()
        struck = sorted((one for one in self._running if one.ends <= now), key=lambda one: one.ends)
        for deadline in struck:
            self._running.discard(deadline)
            deadline.strike()
        if self._running:
            self._wind(min(one.ends for one in self._running))


class Deadline:
    """One body with an end. Cancelling works as in `asyncio.Timeout`: a cancellation from outside stays one."""

    __slots__ = ("_cancelling", "_deadlines", "_struck", "_task", "ends")

    def __init__(self, deadlines: Deadlines, ends: float) -> None:
        self.ends = ends
        self._deadlines = deadlines
        self._struck = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def strike(self) -> None:
        self._struck = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.leave(self)
        if not self._struck or self._task is None:
            return
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


class Patience:
    """How long one thing is waited for at a time, again and again: what comes in time costs no deadline of its own.

    The one that is set looks, when it strikes, since when it is waited, and is set anew while that is not too long.
    """

    __slots__ = ("_deadlines", "_lost", "_now", "_over", "_seconds", "_since", "ends")

    def __init__(self, deadlines: Deadlines, seconds: float, lost: Callable[[], object]) -> None:
        """lost: called when it was waited for so many seconds."""
        self.ends = math.inf
        self._deadlines = deadlines
        self._seconds = seconds
        self._lost = lost
        self._since: float | None = None
        self._over = False
        self._now = asyncio.get_running_loop().time

    def begin(self) -> None:
        """From now on it is waited."""
        self._since = self._now()
        if self.ends == math.inf and not self._over:
            self._set(self._since)

    def rest(self) -> None:
        """It is not waited for the moment."""
        self._since = None

    def end(self) -> None:
        """It is not waited any more."""
        self._over = True
        self._since = None
        self._lost = _nobody
        self._deadlines.leave(self)

    def strike(self) -> None:
        if self._over:
            return
        now = self._now()
        since = now if self._since is None else self._since
        if since + self._seconds > now:
            self._set(since)
        else:
            lost = self._lost
            self.end()
            lost()

    def _set(self, since: float) -> None:
        self.ends = since + self._seconds
        self._deadlines.enter(self)


class Hurry(Patience):
    """The same, begun once: what comes, and who rests, changes nothing about its end."""

    __slots__ = ()

    def begin(self) -> None:
        if self._since is None:
            super().begin()

    def rest(self) -> None:
        """It is waited all the same."""


def _nobody() -> None:
    """Who waited went away."""
