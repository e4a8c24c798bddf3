"""Several server processes behind one listening socket, sharing one home; one that dies is replaced.

Each child inherits the socket, and one end of a line to its parent: a byte on it says that it serves, and its end
says that the parent is gone, so that no child outlives it.
"""

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

READY = b"r"
HERALD = "--herald"
"""Makes a child the one that tells what all of them see: changes of skills, missing keys."""
PATIENCE = 12.0
"""Seconds for children to say goodbye on their streams; then they are ended."""
LONGEST_PAUSE = 5.0
LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a child gets from its parent."""

    listener: socket.socket
    line: socket.socket

    @classmethod
    def of(cls, numbers: str) -> "Inherited":
        """From the two file descriptors that `Processes` names on the child's command line."""
        listener, line = (socket.socket(fileno=int(number)) for number in numbers.split(","))
        listener.setblocking(False)
        line.setblocking(False)
        return cls(listener, line)

    def say_ready(self) -> None:
        with contextlib.suppress(OSError):
            self.line.send(READY)

    async def parent_gone(self) -> None:
        """Returns when the parent ended, however it did."""
        await asyncio.get_running_loop().sock_recv(self.line, 1)


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    started: float
    herald: bool
    """It alone tells what all of them see."""
    ready: bool = False


@dataclass(slots=True)
class Processes:
    """Keeps `count` children running. `command` is a child's command line without what it inherits."""

    command: Sequence[str]
    environ: Mapping[str, str]
    listener: socket.socket
    count: int
    ready: Callable[[], object]
    notice: Callable[[str], object]
    drain: float = 0.0
    """Seconds for which children still take calls after they were told to end."""
    _children: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _hurry: bool = False
    _said_ready: bool = False
    _short_lives: int = 0
    _start_at: float = 0.0

    def run(self) -> None:
        """Until SIGTERM or SIGINT, which the children get too."""
        with self._told_to_stop():
            while not self._stopping:
                self._fill()
                self._look()
                time.sleep(LOOK_AGAIN)
            self._end()

    @contextlib.contextmanager
    def _told_to_stop(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self._hurry = self._stopping
            self._stopping = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _fill(self) -> None:
        while len(self._children) < self.count and time.monotonic() >= self._start_at:
            self._children.append(self._start())

    def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        numbers = (self.listener.fileno(), theirs.fileno())
        herald = not any(child.herald for child in self._children)
        told = [HERALD] if herald else []
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [*self.command, *told, "--inherit", ",".join(map(str, numbers))],
                env=dict(self.environ),
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        return _Child(process, ours, time.monotonic(), herald)

    def _look(self) -> None:
        for child in list(self._children):
            code = child.process.poll()
            if code is not None:
                self._replace(child, code)
            elif not child.ready:
                with contextlib.suppress(BlockingIOError):
                    child.ready = child.line.recv(1) == READY
        if not self._said_ready and len(self._children) == self.count and all(c.ready for c in self._children):
            self._said_ready = True
            self.ready()

    def _replace(self, child: _Child, code: int) -> None:
        """A child that served is replaced at once; those that never get that far, with growing pauses."""
        self._children.remove(child)
        child.line.close()
        self._short_lives = 0 if child.ready else self._short_lives + 1
        pause = min(LONGEST_PAUSE, 0.1 * 2.0**self._short_lives) if self._short_lives else 0.0
        self._start_at = time.monotonic() + pause
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.notice(f"server process {child.process.pid} ended with {how}; another takes its place")

    def _end(self) -> None:
        """A second signal is handed on, too: then the children take no more calls."""
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + PATIENCE + self.drain
        while time.monotonic() < deadline and any(child.process.poll() is None for child in self._children):
            if self._hurry:
                self._hurry = False
                for child in self._children:
                    child.process.terminate()
            time.sleep(LOOK_AGAIN)
        for child in self._children:
            child.process.kill()
            child.process.wait()
            child.line.close()
