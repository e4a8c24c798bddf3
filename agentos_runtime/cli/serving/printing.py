"""Lines that are printed beside the event loop: a terminal that is stopped, or a full pipe, holds up no call."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial

import click

from agentos_runtime.cli.terminal.output import OutputLost, say

MOST_WAITING = 1000
"""Lines; what comes while so many wait is left out, and that is told."""
LAST_WORDS = 1.0
"""Seconds that lines have to leave once the server has ended."""


class Lines:
    """Prints in order, on stderr or, where not `err`, on stdout."""

    def __init__(self, *, err: bool = True) -> None:
        self._waiting: queue.Queue[Callable[[], object] | None] = queue.Queue(MOST_WAITING)
        self._err = err
        self._left_out = 0
        self._lost = 0
        self.tell: Callable[[str], object] = self.say
        """Where it is told that some were not printed."""

    def say(self, line: str) -> None:
        """Have it printed soon."""
        self.have(partial(say, line, err=self._err))

    def have(self, write: Callable[[], object]) -> None:
        """Have something else written in its turn."""
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            self._left_out += 1

    @contextlib.contextmanager
    def printing(self) -> Iterator[None]:
        """Lines are printed while the block runs."""
        context = click.get_current_context(silent=True)
        thread = threading.Thread(target=self._print, args=(context,), name="agentos-log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=LAST_WORDS)
            thread.join(LAST_WORDS)

    def _print(self, context: click.Context | None) -> None:
        """context: of the command, which knows whether there are colours."""
        colours = context.scope(cleanup=False) if context else contextlib.nullcontext()
        with colours, contextlib.suppress(BrokenPipeError):
            while (write := self._waiting.get()) is not None:
                self._try(write)

    def _try(self, write: Callable[[], object]) -> None:
        """Where a disk is full it may have room again."""
        try:
            if self._lost:
                say(err=self._err)  # the last one may have been cut
            write()
        except OutputLost:
            self._lost += 1
            return
        left_out, self._left_out = self._left_out, 0
        lost, self._lost = self._lost, 0
        if left_out:
            self.tell(f"{left_out} lines were left out: they came faster than they could be printed")
        if lost:
            self.tell(f"up to {lost} lines were lost: they could not be written, as on a full disk")
