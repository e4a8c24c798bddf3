"""One worker process, seen from the runtime."""

import asyncio
import contextlib
import hashlib
import math
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.answer import LATE, LIMIT, LOST, MB, Answer, Limits
from agentos_runtime.jq.program import Program

_HEADER = struct.Struct("<c32sII")  # as in worker.py
_ANSWER = struct.Struct("<c32sII")
FOLDER = str(Path(__file__).parent)
"""The folder in which `worker.py` is."""
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from worker import main; main(*sys.argv[2:])"
"""A module, and not a script: that would be compiled at each start."""
_YIELD_AFTER = 10
"""How many times slow is so slow that the processor goes to others first."""
_READ = 1 << 16
"""Bytes per read: answers are nearly always smaller, and a larger buffer would be mapped and unmapped each time."""


@dataclass(slots=True, eq=False)
class Call:
    """One call on its way through the workers."""

    kind: bytes
    digest: bytes
    """sha256 of what is to be worked on; an answer with another one answers something else."""
    input: bytes
    answer: "asyncio.Future[Answer]"
    program: Program | None = None
    since: float = 0.0
    """When it began to wait for a worker."""

    @classmethod
    def run(cls, program: Program, data: bytes) -> "Call":
        """Run a program on JSON text."""
        return cls(b"r", program.digest, data, asyncio.get_running_loop().create_future(), program)

    @classmethod
    def check(cls, texts: Sequence[str]) -> "Call":
        """Compile the texts, as many as there is time for; none of them has a zero byte in it."""
        data = "\0".join(texts).encode("utf-8", "replace")
        return cls(b"c", hashlib.sha256(data).digest(), data, asyncio.get_running_loop().create_future())


class Owner(Protocol):
    """Who has worker processes, and hears of them."""

    def freed(self, worker: "WorkerProcess") -> None:
        """It is ready for a call."""
        ...

    def gone(self, worker: "WorkerProcess") -> None:
        """It takes no more calls; its process may still be ending."""
        ...

    def ended(self, worker: "WorkerProcess", returncode: int) -> None:
        """Its process is over, and the call it was on is answered."""
        ...


class WorkerProcess:
    """A process that runs one call at a time."""

    def __init__(self, jq_file: str, limits: Limits, owner: Owner, *, folder: str = FOLDER, nice: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._owner = owner
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._text_sent = False
        self._unsent = b""
        self._received = bytearray()
        self._killed_for: tuple[bytes, str] | None = None
        self._cpu_before: float | None = None
        self.call: Call | None = None
        self.ready = False
        """It said hello."""
        self.slow = False
        """It takes so long that nobody should wait for it."""
        self.yields = False
        """It gives way to every other process, for good."""
        self.since = self._loop.time()
        """When it started, began its call, or became free."""
        self._start(jq_file, folder)
        if nice:
            self._give_way(nice)

    def _start(self, jq_file: str, folder: str) -> None:
        page = _shared_page()
        ours, theirs = socket.socketpair()
        try:
            limits = self._limits
            per_byte = limits.per_mb / MB
            numbers = (os.getpid(), limits.memory, limits.cpu, per_byte, limits.largest, limits.programs)
            self._process = subprocess.Popen(  # noqa: S603  nothing in it comes from outside
                [sys.executable, "-I", "-S", "-c", _PROGRAM, folder, jq_file, *map(str, numbers)],
                stdin=theirs.fileno(),
                stdout=page,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )
            self._page = mmap.mmap(page, mmap.PAGESIZE)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(page)
        ours.setblocking(False)
        self._socket = ours
        self._loop.add_reader(ours, self._readable)

    @property
    def alive(self) -> bool:
        """Not yet collected."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def has_something_to_say(self) -> bool:
        """Its answer, or its end, is there and was not read yet: the event loop was held up, not the worker."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def over_time(self) -> bool:
        """Its call used more than calls may, or hardly got to work, or was slowed down for too long."""
        if self.call is None:
            return False
        taken, most = self._loop.time() - self.since, self._may_take(self.call)
        if taken <= most or not self.had_its_share:
            return taken > most
        return self._cpu_used > most or taken > self._limits.patience * most

    def _may_take(self, call: Call) -> float:
        return self._limits.wall + 2 * self._limits.per_mb * len(call.input) / MB

    # ------------------------------------------------------------------ sending

    def send(self, call: Call) -> bool:
        """Give it a call; it must be free. False when it has just died and cannot take it."""
        self.call = call
        self.since = self._loop.time()
        self._cpu_before = None
        text = b""
        if call.program is not None and call.digest not in self._known:
            text = call.program.encoded
        self._text_sent = bool(text)
        frame = _HEADER.pack(call.kind, call.digest, len(text), len(call.input)) + text + call.input
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.call = None
            return False
        if sent < len(frame):
            self._unsent = frame[sent:]
            self._loop.add_writer(self._socket, self._writable)
        return True

    def _note_kept(self, digest: bytes) -> None:
        """The worker said that it keeps the program: its text need not be sent again until it makes room."""
        known = self._known
        known[digest] = None
        known.move_to_end(digest)
        if len(known) > self._limits.programs:
            known.popitem(last=False)

    def _writable(self) -> None:
        try:
            sent = self._socket.send(memoryview(self._unsent)[: 4 * MB])
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    # ------------------------------------------------------------------ receiving

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        received = self._received
        received += data
        if len(received) < _ANSWER.size:
            return
        status, digest, outputs, message = _ANSWER.unpack_from(received)
        middle = _ANSWER.size + outputs
        if len(received) < middle + message:
            return
        said = received[middle : middle + message].decode("utf-8", "replace") if message else ""
        done = self._done() if status == b"l" else 0
        answer = Answer(status, bytes(received[_ANSWER.size : middle]), said, done, digest)
        received.clear()
        self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        call = self.call
        if call is None:
            self.ready = True
        elif answer.status == b"u" and not self._text_sent:
            self._known.clear()
            if not self.send(call):
                self.call = call  # its end, which the socket is about to tell, answers it
            return
        elif answer.digest != call.digest:
            self.kill(LOST, "its worker process answered something else")
            return
        else:
            self._finish(call, answer)
        self.call = None
        self.since = self._loop.time()
        self._owner.freed(self)

    def _finish(self, call: Call, answer: Answer) -> None:
        if answer.status == b"c":
            self._known.pop(call.digest, None)
        elif call.program is not None:
            self._note_kept(call.digest)
        if not call.answer.done():
            call.answer.set_result(answer)

    def _done(self) -> int:
        return int.from_bytes(self._page[:4], sys.byteorder)

    # ------------------------------------------------------------------ ending

    def note_slow(self) -> None:
        """From now on nobody waits for it, and what it takes of the processor is counted."""
        if not self.slow:
            self.slow = True
            self._cpu_before = cpu_seconds(self.pid)

    def is_long(self, taken: float) -> bool:
        """Whether its call, after so many seconds, used so much of the processor that others come first."""
        return min(taken, self._cpu_used) > _YIELD_AFTER * self._limits.slow

    @property
    def had_its_share(self) -> bool:
        """Whether its slow call had the processor for longer than most calls need; True where none tells."""
        return self._cpu_used >= self._limits.little

    @property
    def _cpu_used(self) -> float:
        now = cpu_seconds(self.pid)
        if now is None:
            return math.inf
        return 0.0 if self._cpu_before is None else now - self._cpu_before

    def step_back(self) -> None:
        """Let every other process go first; there is no way back."""
        if not self.yields:
            self.yields = True
            self._give_way(19)

    def _give_way(self, nice: int) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, nice)

    def end_late_call(self) -> None:
        """Its call took longer than calls may: end it.

        Who had less of the processor than that was kept from working, by a busy machine or by somebody who stopped
        it; that says nothing about the call.
        """
        assert self.call is not None
        most, used = self._may_take(self.call), self._cpu_used
        if used > most:
            self.kill(LIMIT, f"took more than {most:.3g} s")
        else:
            taken = most * (self._limits.patience if self.had_its_share else 1)
            self.kill(LATE, f"its worker process had the processor for {used:.2g} s of {taken:.3g} s")

    def kill(self, status: bytes, reason: str) -> None:
        """End it now; `status` and `reason` are what its call is told."""
        self._killed_for = self._killed_for or (status, reason)
        self._process.kill()

    def close(self) -> None:
        """Let a free worker go: it leaves when the socket ends."""
        self._end()

    def _end(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._owner.gone(self)
        self._reap(0.001)

    def _reap(self, delay: float) -> None:
        """Collect the process; what it died of is what its call failed of."""
        if self._process.poll() is None:
            if delay > 1:
                self._process.kill()
            self._loop.call_later(delay, self._reap, min(delay * 2, 2))
            return
        self._collected()

    def collect(self) -> None:
        """Wait for the process: blocks for as long as the kernel takes to end it."""
        self._process.kill()
        self._process.wait()
        self._collected()

    def _collected(self) -> None:
        call, self.call = self.call, None
        if call is not None and not call.answer.done():
            status, reason = self._killed_for or self._cause(self._process.returncode)
            call.answer.set_result(Answer(status, b"", reason, self._done(), call.digest))
        with contextlib.suppress(BufferError):
            self._page.close()
        self._owner.ended(self, self._process.returncode)

    def _cause(self, returncode: int) -> tuple[bytes, str]:
        limits = self._limits
        causes = {
            -signal.SIGVTALRM: f"took more than {limits.cpu:g} s of CPU",
            -signal.SIGABRT: f"needs more than {limits.memory // MB} MB",
            3: f"needs more than {limits.memory // MB} MB",
            -signal.SIGSEGV: "nests too deeply",
            -signal.SIGBUS: "nests too deeply",
        }
        reason = causes.get(returncode)
        return (LIMIT, reason) if reason else (LOST, "lost its worker process")


def cpu_seconds(pid: int) -> float | None:
    """The processor time that a process has had, the kernel's work for it included; None where none tells."""
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the clock that clock_getcpuclockid(3) gives
    except OSError:
        return None


def _shared_page() -> int:
    """A file without a name, one page long, to be shared with the worker."""
    if sys.platform == "linux":
        page = os.memfd_create("agentos-progress")
    else:
        with tempfile.TemporaryFile() as file:
            page = os.dup(file.fileno())
    os.ftruncate(page, mmap.PAGESIZE)
    return page
