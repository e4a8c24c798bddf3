"""Several server processes on one address, sharing one home; one that dies is replaced.

Each child has a listening socket of its own, over which the kernel spreads connections; on one socket for all, the
child that wakes first takes a whole burst. The parent opens the sockets and keeps them: connections queue while a
child is replaced, and until its successor serves another accepts on its socket. A child also has one end
of a line to its parent. A byte from the child says that it serves; a byte from the parent says on whose socket to
accept as well, or that all of them end; its end says that the parent is gone, so that no child outlives it.
"""

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from agentos_runtime.frozen import dataclass

READY = b"r"
HERALD = "--herald"
"""Makes a child the one that tells what all of them see: changes of skills, missing keys."""
PATIENCE = 12.0
"""Seconds for children to say goodbye on their streams; then they are ended."""
LONGEST_PAUSE = 5.0
LOOK_AGAIN = 0.05


_NO_LONGER = 0x80
"""Set in a byte from the parent that takes back what the byte without it asked."""
_END = 0x40
"""The byte from the parent that says that all end; the second one, that they are to hurry. Listeners are below it.

No signal says so: what stops a service may send one to each process, and a child takes a second one for haste.
"""


@dataclass(slots=True)
class End:
    """What a server is told about its end."""

    told: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Take no more calls from now on."""
    of_all: bool = True
    """Nobody else listens afterwards: not so for one of several processes that ends alone."""


class Accepting(Protocol):
    """A server that can accept on several sockets."""

    async def accept(self, listener: socket.socket) -> None:
        """Begin to."""

    def leave(self, listener: socket.socket) -> None:
        """Accept no longer, and keep what is connected."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a child gets from its parent: its line, which listener is its own, and the listeners of all."""

    line: socket.socket
    own: int
    listeners: Sequence[socket.socket]

    @classmethod
    def of(cls, numbers: str) -> "Inherited":
        """From what `Processes` names on the child's command line: the number of its listener, and descriptors."""
        own, line, *listeners = (int(number) for number in numbers.split(","))
        sockets = [socket.socket(fileno=number) for number in (line, *listeners)]
        for each in sockets:
            each.setblocking(False)
        return cls(sockets[0], own, sockets[1:])

    @property
    def listener(self) -> socket.socket:
        """Its own."""
        return self.listeners[self.own]

    def say_ready(self) -> None:
        with contextlib.suppress(OSError):
            self.line.send(READY)

    async def follow(self, server: Accepting, end: End) -> None:
        """Do what the parent says; returns when the parent ended, however it did."""
        loop = asyncio.get_running_loop()
        while order := await loop.sock_recv(self.line, 1):
            if order[0] == _END:
                (end.hurry if end.of_all else end.told).set()
                end.of_all = True
                continue
            listener = self.listeners[order[0] & ~_NO_LONGER]
            if order[0] & _NO_LONGER:
                server.leave(listener)
            else:
                await server.accept(listener)
        end.of_all = True


class NeverServed(Exception):
    """No child came as far as to serve: each has said why, and the next ones would say the same."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    started: float
    herald: bool
    """It alone tells what all of them see."""
    slot: int
    """The number of its listener."""
    ready: bool = False
    covers: set[int] = field(default_factory=set)
    """On whose listeners it accepts beside its own."""


@dataclass(slots=True)
class Processes:
    """Keeps a child running for each listener. `command` is a child's command line without what it inherits."""

    command: Sequence[str]
    environ: Mapping[str, str]
    listeners: Sequence[socket.socket]
    ready: Callable[[], object]
    notice: Callable[[str], object]
    drain: float = 0.0
    """Seconds for which children still take calls after they were told to end."""
    _children: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _hurry: bool = False
    _said_ready: bool = False
    _has_served: bool = False
    _in_vain: int = 0
    """How many ended by themselves before any served."""
    _short_lives: int = 0
    _start_at: float = 0.0

    def run(self) -> None:
        """Until SIGTERM or SIGINT, of which the children are told.

        Raises NeverServed where at the start as many as there should be end by themselves.
        """
        with self._told_to_stop():
            try:
                while not self._stopping:
                    self._fill()
                    self._look()
                    self._cover()
                    time.sleep(LOOK_AGAIN)
            finally:
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
        """Raises OSError where not one process can be started."""
        there = {child.slot for child in self._children}
        for slot in range(len(self.listeners)):
            if slot in there or time.monotonic() < self._start_at:
                continue
            try:
                self._children.append(self._start(slot))
            except OSError as error:
                if not self._children:
                    raise
                self._put_off(is_short=True)
                why = error.strerror or type(error).__name__
                self.notice(f"no server process could be started in the place of one: {why}. It is tried again")

    def _start(self, slot: int) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        passed = [theirs.fileno(), *(listener.fileno() for listener in self.listeners)]
        herald = not any(child.herald for child in self._children)
        told = [HERALD] if herald else []
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.enter_context(ours)
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [*self.command, *told, "--inherit", ",".join(map(str, [slot, *passed]))],
                env=dict(self.environ),
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            unless_started.pop_all()
        return _Child(process, ours, time.monotonic(), herald, slot)

    def _look(self) -> None:
        for child in list(self._children):
            code = child.process.poll()
            if code is not None:
                self._replace(child, code)
            elif not child.ready:
                with contextlib.suppress(BlockingIOError):
                    child.ready = child.line.recv(1) == READY
                    self._has_served = self._has_served or child.ready
        settled = sum(child.ready and not child.covers for child in self._children)
        if not self._said_ready and settled == len(self.listeners):
            self._said_ready = True
            self.ready()

    def _cover(self) -> None:
        """Somebody accepts on each listener: while its own child does not serve, the one that covers fewest."""
        serving = [child for child in self._children if child.ready]
        own = {child.slot for child in serving}
        for child in serving:
            for slot in child.covers & own:
                self._order(child, slot | _NO_LONGER)
                child.covers.remove(slot)
        covered = own.union(*(child.covers for child in serving))
        for slot in range(len(self.listeners)):
            if serving and slot not in covered:
                child = min(serving, key=lambda each: len(each.covers))
                self._order(child, slot)
                child.covers.add(slot)

    def _order(self, child: _Child, order: int) -> None:
        """To one that has just died, nothing: it is replaced at the next look."""
        with contextlib.suppress(OSError):
            child.line.send(bytes((order,)))

    def _replace(self, child: _Child, code: int) -> None:
        """A child that served is replaced at once; those that never get that far, with growing pauses."""
        self._bury(child)
        if code > 0 and not self._has_served:
            self._in_vain += 1
            if self._in_vain >= len(self.listeners):
                raise NeverServed(code)
        self._put_off(is_short=not child.ready)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.notice(f"server process {child.process.pid} ended with {how}; another takes its place")

    def _put_off(self, *, is_short: bool) -> None:
        """When the next one may be started, after one that did not get far if so told."""
        self._short_lives = self._short_lives + 1 if is_short else 0
        pause = min(LONGEST_PAUSE, 0.1 * 2.0 ** min(self._short_lives, 10)) if self._short_lives else 0.0
        self._start_at = time.monotonic() + pause

    def _bury(self, child: _Child) -> None:
        self._children.remove(child)
        child.line.close()

    def _end(self) -> None:
        """A second signal is handed on, too: then the children take no more calls."""
        self._tell_the_end()
        deadline = time.monotonic() + PATIENCE + self.drain
        while time.monotonic() < deadline and self._children:
            if self._hurry:
                self._hurry = False
                self._tell_the_end()
            for child in [each for each in self._children if each.process.poll() is not None]:
                self._bury(child)
            self._cover()
            time.sleep(LOOK_AGAIN)
        for child in list(self._children):
            child.process.kill()
            child.process.wait()
            self._bury(child)

    def _tell_the_end(self) -> None:
        for child in self._children:
            self._order(child, _END)
            if not child.ready:  # it may not have begun to listen to orders
                child.process.terminate()
