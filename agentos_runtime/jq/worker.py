"""A worker: the only place where jq runs. Started as a program of its own, with nothing but what it needs.

Its standard input is a socket to the runtime, its standard output a shared page in which it counts the outputs of
the call it is on, so that the runtime knows how far a worker came that the kernel ended. It has no environment, no
further files, and limits that it cannot lift. One call at a time:

    to the worker    HEADER(kind, digest, size of program, size of input) program input
    from the worker  ANSWER(status, digest, size of outputs, size of message) outputs message

kind `r` runs the program that has the digest (after keeping its text when there is some: the exact and the quick
form, a zero byte between them). Programs are kept by the sha256 of their text, which is made here and goes back
with every answer, so that no answer can be taken for another program's; when the table is full, the one that was
not used for longest makes room. A program that is not there is answered with `u`. The outputs are one JSON array;
the exact form separates its items by a line feed and a comma.

kind `c` compiles the texts of its input (zero bytes between them) one after the other, until its time is used up.
The outputs are a JSON array: for each text that it came to, null or jq's words.

The quick form lets jq.py make Python values, which is several times faster for long strings but turns long integers
into doubles. So it counts only where no number is long, in the input and in what came out; and a program that fails
is run again in its exact form, which tells how far it came and why it failed.
"""

# `_signal`, `_json` and `_sha2` are the parts in C of signal, json and hashlib, which load much more than is used
# here: that would take as long as the start of Python itself.
import _signal as signal  # type: ignore[import-not-found]
import _thread
import ctypes
import importlib.machinery
import mmap
import os
import resource
import struct
import sys
import time
from _json import encode_basestring, encode_basestring_ascii, make_encoder

if sys.version_info >= (3, 12):
    from _sha2 import sha256
else:
    from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:  # a third of the start would go into loading typing
    from typing import Any

HEADER = struct.Struct("<c32sII")
ANSWER = struct.Struct("<c32sII")
NOTHING = bytes(32)
DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
LONG_NUMBER = b"0" * 16
"""Doubles keep every integer of 15 digits."""
DEATH_SIGNAL = 1
CHECKING = 0.02
"""Seconds after which a check of many texts answers with what it has."""
COMPACT = make_encoder(None, repr, encode_basestring, None, ":", ",", False, False, False)
"""What `json.JSONEncoder` works with: without spaces or escapes, and not for NaN. `repr` would be asked for values
of other types, which jq does not have.
"""
USUAL = make_encoder(None, repr, encode_basestring_ascii, None, ": ", ", ", False, False, True)
"""What `json.dumps` works with."""


class Utf8:
    """Bytes that jq.py takes for text: it asks only for `encode("utf8")`, and so nothing is copied."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def encode(self, _encoding: str) -> bytes:
        return self.raw


class Compiled:
    """A program in its two forms, each compiled when it is first needed."""

    __slots__ = ("digest", "exact", "jq", "quick", "texts")

    def __init__(self, jq: "Any", texts: bytes) -> None:
        self.jq = jq
        self.digest = sha256(texts).digest()
        self.texts = texts.decode().split("\0")
        self.exact: Any = None
        self.quick: Any = None

    def in_exact_form(self) -> "Any":
        if self.exact is None:
            self.exact = self.jq.compile(self.texts[0])
        return self.exact

    def in_quick_form(self) -> "Any":
        if self.quick is None:
            self.quick = self.jq.compile(self.texts[1])
        return self.quick


class Table:
    """The programs that a worker keeps, by the digest of their text."""

    def __init__(self, jq: "Any", size: int) -> None:
        self.jq = jq
        self.size = size
        self.programs: dict[bytes, Compiled] = {}

    def find(self, digest: bytes) -> Compiled | None:
        """The program with the digest, which is now the one used last."""
        program = self.programs.pop(digest, None)
        if program is not None:
            self.programs[digest] = program
        return program

    def keep(self, texts: bytes) -> Compiled:
        """A program of these texts; the one not used for longest makes room first."""
        program = Compiled(self.jq, texts)
        self.forget(program)
        while len(self.programs) >= self.size:
            del self.programs[next(iter(self.programs))]
        self.programs[program.digest] = program
        return program

    def forget(self, program: Compiled) -> None:
        self.programs.pop(program.digest, None)


class Worker:
    def __init__(
        self,
        jq: "Any",
        channel: int,
        progress: memoryview,
        cpu: float,
        per_byte: float,
        largest: int,
        programs: int,
    ) -> None:
        self.jq = jq
        self.channel = channel
        self.progress = progress
        self.cpu = cpu
        self.per_byte = per_byte
        self.largest = largest
        self.table = Table(jq, programs)
        self.digest = NOTHING
        self.buffer = bytearray(1 << 16)

    def serve(self) -> None:
        self.answer(b"h")
        while True:
            kind, digest, text, data = self.receive()
            self.progress[0] = 0
            self.limit_time(len(data))
            try:
                if kind == b"c":
                    self.check(data)
                else:
                    self.run(digest, text, data)
            except MemoryError:
                os._exit(3)

    def limit_time(self, size: int) -> None:
        """The kernel ends this process when it takes longer."""
        signal.setitimer(signal.ITIMER_VIRTUAL, self.cpu + size * self.per_byte)

    def check(self, texts: bytes) -> None:
        """Compile the texts in turn, each within its own limit of time."""
        self.digest = sha256(texts).digest()
        end = time.monotonic() + CHECKING
        said: list[str | None] = []
        for text in texts.decode().split("\0"):
            self.limit_time(len(text))
            try:
                self.jq.compile(text)
                said.append(None)
            except ValueError as error:
                said.append(ends_of(str(error), 1 << 14))
            if time.monotonic() > end:
                break
        self.answer(b"o", encoded(said).encode("utf-8", "replace"))

    def run(self, digest: bytes, text: bytes, data: bytes) -> None:
        program = self.table.keep(text) if text else self.table.find(digest)
        if program is None:
            self.digest = NOTHING
            return self.answer(b"u")
        self.digest = program.digest
        try:
            quick = None if has_long_number(data) else program.in_quick_form()
            quickly = None if quick is None else self.run_quickly(quick, data)
            if quickly is not None:
                return self.answer(b"o", quickly)
            exact = program.in_exact_form()
        except ValueError as error:
            self.table.forget(program)
            return self.answer(b"c", b"", ends_of(str(error), 1 << 16))
        self.progress[0] = 0
        return self.run_exactly(exact, data)

    def run_quickly(self, program: "Any", data: bytes) -> bytes | None:
        """The outputs, or None when only the exact form can tell."""
        outputs = []
        try:
            for output in program.input_text(Utf8(data)):
                if type(output) is not list:
                    return None
                outputs.append(output[:2])
                self.progress[0] += 1
            text = encoded(outputs).encode()
        except (ValueError, RecursionError):
            return None
        return None if len(text) > self.largest or has_long_number(text) else text

    def run_exactly(self, program: "Any", data: bytes) -> None:
        outputs: list[str] = []
        size = 0
        try:
            for output in program.input_text(Utf8(data)):
                size += len(output)
                if size > self.largest:
                    return self.answer(b"l")
                outputs.append(output)
                self.progress[0] += 1
        except (TypeError, ValueError) as error:  # TypeError: an unchecked program left its brackets, gives no text
            return self.answer(b"e", listed(outputs), ends_of(str(error), 400))
        return self.answer(b"o", listed(outputs))

    def answer(self, status: bytes, outputs: bytes = b"", message: str = "") -> None:
        said = message.encode("utf-8", "replace")
        rest = memoryview(ANSWER.pack(status, self.digest, len(outputs), len(said)) + outputs + said)
        while rest:
            rest = rest[os.write(self.channel, rest) :]

    def receive(self) -> tuple[bytes, bytes, bytes, bytes]:
        """The next call; one read is nearly always all of it. Leaves for good when the runtime is gone."""
        buffer = self.buffer
        have = self.fill(memoryview(buffer), 0, HEADER.size)
        kind, digest, text_size, data_size = HEADER.unpack_from(buffer)
        middle = HEADER.size + text_size
        end = middle + data_size
        if end > have:
            if end > len(buffer):
                buffer = bytearray(end)
                buffer[:have] = self.buffer[:have]
            self.fill(memoryview(buffer), have, end)
        view = memoryview(buffer)
        return kind, digest, bytes(view[HEADER.size : middle]), bytes(view[middle:end])

    def fill(self, view: memoryview, have: int, wanted: int) -> int:
        while have < wanted:
            got = os.readv(self.channel, [view[have:]])
            if not got:
                os._exit(0)
            have += got
        return have


def encoded(values: "list[Any]") -> str:
    """The JSON text of a list. Raises ValueError for NaN and infinities, RecursionError if it is too deep."""
    return "".join(COMPACT(values, 0))


def ends_of(message: str, part: int) -> str:
    """jq quotes whole texts in its messages; what tells them apart stands at the ends."""
    return message if len(message) <= 2 * part else message[:part] + message[-part:]


def has_long_number(text: bytes) -> bool:
    """Whether 16 digits stand in a row; translating first is ten times faster than a regular expression."""
    return LONG_NUMBER in text.translate(DIGITS)


def listed(outputs: list[str]) -> bytes:
    return ("[" + "\n,".join(outputs) + "]").encode()


class Json:
    """All that jq.py asks of `json` here: for errors that are no texts."""

    @staticmethod
    def dumps(value: object) -> str:
        return "".join(USUAL(value, 0))


class Threading:
    """All that jq.py asks of `threading`."""

    Lock = _thread.allocate_lock


def load_jq(file: str) -> "Any":
    """jq.py, without the two modules that it imports: they would be a third of the start."""
    modules: dict[str, Any] = sys.modules
    modules |= {"json": Json, "threading": Threading}
    try:
        return load_extension(file)
    finally:
        del modules["json"], modules["threading"]


def load_extension(file: str) -> "Any":
    loader = importlib.machinery.ExtensionFileLoader("jq", file)
    module = loader.create_module(importlib.machinery.ModuleSpec("jq", loader, origin=file))
    loader.exec_module(module)
    return module


def leave_with(parent: int) -> None:
    """End when the runtime ends, also in the middle of a call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def limit(memory: int) -> None:
    """Limits for good: hard ones, set when everything that has to be opened is open."""
    free = os.dup(0)
    os.close(free)
    limits = {
        resource.RLIMIT_NOFILE: free,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = memory
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))


def main(jq_file: str, parent: str, memory: str, cpu: str, per_byte: str, largest: str, programs: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_with(int(parent))
    jq = load_jq(jq_file)
    progress = memoryview(mmap.mmap(1, mmap.PAGESIZE)).cast("I")
    limit(int(memory))
    Worker(jq, 0, progress, float(cpu), float(per_byte), int(largest), int(programs)).serve()
