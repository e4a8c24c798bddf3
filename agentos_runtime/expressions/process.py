"""One worker process, seen from the runtime."""

import asyncio
import contextlib
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentos_runtime.expressions.answer import MB, Answer, Limits
from agentos_runtime.expressions.program import Program

_HEADER = struct.Struct("<cHII")  # as in worker.py
_ANSWER = struct.Struct("<cII")
_SCRIPT = str(Path(__file__).with_name("worker.py"))
_READ = 1 << 16
"""Bytes per read: answers are nearly always smaller, and a larger buffer would be mapped and unmapped each time."""
_PROGRAMS = 256


@dataclass(slots=True, eq=False)
class Call:
    """One call on its way through the pool."""

    kind: bytes
    program: Program
    input: bytes
    answer: "asyncio.Future[Answer]"


class WorkerProcess:
    """A process that runs one call at a time. `on_free` and `on_gone` tell the pool."""

    def __init__(
        self,
        jq_file: str,
        limits: Limits,
        on_free: Callable[["WorkerProcess"], None],
        on_gone: Callable[["WorkerProcess"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_free = on_free
        self._on_gone = on_gone
        self._slots: OrderedDict[bytes, int] = OrderedDict()
        self._unsent = b""
        self._received = bytearray()
        self._killed_for = ""
        self.call: Call | None = None
        self.ready = False
        """It said hello."""
        self.slow = False
        """Its call takes so long that nobody should wait for it."""
        self.yields = False
        """It gives way to every other process, for good."""
        self.since = self._loop.time()
        """When it started, or began its call."""
        self._start(jq_file)

    def _start(self, jq_file: str) -> None:
        page = _shared_page()
        ours, theirs = socket.socketpair()
        try:
            limits = self._limits
            numbers = (os.getpid(), limits.memory, limits.cpu, limits.per_mb / MB, limits.largest)
            self._process = subprocess.Popen(  # noqa: S603  nothing in it comes from outside
                [sys.executable, "-I", "-S", _SCRIPT, jq_file, *map(str, numbers)],
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
    def over_time(self) -> bool:
        """Its call took longer than calls may, whatever it did meanwhile."""
        if self.call is None:
            return False
        limits = self._limits
        return self._loop.time() - self.since > limits.wall + 2 * limits.per_mb * len(self.call.input) / MB

    # ------------------------------------------------------------------ sending

    def send(self, call: Call) -> bool:
        """Give it a call; it must be free. False when it has just died and cannot take it."""
        self.call = call
        self.since = self._loop.time()
        text = b""
        slot = 0
        if call.kind == b"r":
            slot, known = self._slot_of(call.program.digest)
        else:
            known = False
        if not known:
            text = b"\0".join(
                form.encode("utf-8", "replace") for form in (call.program.text, call.program.quick) if form
            )
        frame = _HEADER.pack(call.kind, slot, len(text), len(call.input)) + text + call.input
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

    def _slot_of(self, digest: bytes) -> tuple[int, bool]:
        """Where the worker keeps the compiled program, and whether it is there already; the oldest makes room."""
        slots = self._slots
        slot = slots.get(digest)
        if slot is not None:
            slots.move_to_end(digest)
            return slot, True
        slot = len(slots) if len(slots) < _PROGRAMS else slots.popitem(last=False)[1]
        slots[digest] = slot
        return slot, False

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
        status, outputs, message = _ANSWER.unpack_from(received)
        middle = _ANSWER.size + outputs
        if len(received) < middle + message:
            return
        said = received[middle : middle + message].decode("utf-8", "replace") if message else ""
        answer = Answer(status, bytes(received[_ANSWER.size : middle]), said, self._done() if status == b"l" else 0)
        received.clear()
        self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        call, self.call = self.call, None
        if answer.status == b"h":
            self.ready = True
        elif answer.status == b"c" and call is not None:
            self._slots.pop(call.program.digest, None)
        if call is not None and not call.answer.done():
            call.answer.set_result(answer)
        self._on_free(self)

    def _done(self) -> int:
        return int.from_bytes(self._page[:4], sys.byteorder)

    # ------------------------------------------------------------------ ending

    def step_back(self) -> None:
        """Let every other process go first; there is no way back."""
        if not self.yields:
            self.yields = True
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.pid, 19)

    def kill(self, reason: str) -> None:
        """End it now; `reason` is what its call is told."""
        self._killed_for = self._killed_for or reason
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
        self._on_gone(self)
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
            reason = self._killed_for or self._cause(self._process.returncode)
            call.answer.set_result(Answer(b"x", b"", reason, self._done()))
        with contextlib.suppress(BufferError):
            self._page.close()

    def _cause(self, returncode: int) -> str:
        limits = self._limits
        causes = {
            -signal.SIGVTALRM: f"limit: took more than {limits.cpu:g} s of CPU",
            -signal.SIGABRT: f"limit: needs more than {limits.memory // MB} MB",
            3: f"limit: needs more than {limits.memory // MB} MB",
            -signal.SIGSEGV: "limit: nests too deeply",
            -signal.SIGBUS: "limit: nests too deeply",
        }
        return causes.get(returncode, "died: lost its worker process")


def _shared_page() -> int:
    """A file without a name, one page long, to be shared with the worker."""
    if sys.platform == "linux":
        page = os.memfd_create("agentos-progress")
    else:
        with tempfile.TemporaryFile() as file:
            page = os.dup(file.fileno())
    os.ftruncate(page, mmap.PAGESIZE)
    return page
