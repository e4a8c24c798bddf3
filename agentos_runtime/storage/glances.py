"""A look at a file, shared by all who look in one turn of the event loop.

Many calls begin between two turns, and each of them wants to know whether the file is as it was. Which of them came
before a change that another process makes meanwhile, nobody can say.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Glance(Generic[Seen]):
    """Calls `look` once in a turn of the loop that runs; where none runs, each time."""

    __slots__ = ("_look", "_loop", "_seen")

    def __init__(self, look: Callable[[], Seen]) -> None:
        self._look = look
        self._loop: asyncio.AbstractEventLoop | None = None
        """Whose turn is not over yet."""
        self._seen: Seen

    def now(self) -> Seen:
        """What is seen in this turn."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._look()
        if loop is not self._loop:
            self._seen = self._look()
            self._loop = loop
            loop.call_soon(self.forget)
        return self._seen

    def forget(self) -> None:
        """The turn is over, or what was seen has changed by our own hand: look again."""
        self._loop = None
