"""One program of this machine, run to its end: bounded in time, output, memory and processes, and ended with all
that it started."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Literal

from agentos_runtime.frozen import dataclass

LAUNCHER = str(Path(__file__).with_name("inside") / "launcher.py")
MB = 1024 * 1024
MOST_OUTPUT = 16 * MB
MOST_STDERR = 8192
"""Bytes of its end that are kept."""
ENDING = 3.0
"""Seconds within which a launcher has ended everything; after that it is killed itself."""
_SIZE = struct.Struct("!I")

Ended = Literal["exit", "time", "output", "memory", "processes", "not_started", "lost"]
_REASONS: Sequence[Ended] = ("memory", "processes", "output")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one program, with all that it starts, may take."""

    seconds: float
    output: int = MOST_OUTPUT
    memory: int = 1024 * MB
    processes: int = 64
    file: int = 1024 * MB
    """Bytes of the largest file that it may write."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run."""

    argv: Sequence[str]
    """The first is a whole path."""
    env: Mapping[str, str]
    cwd: str
    stdin: bytes = field(repr=False, default=b"")
    bounds: Bounds = Bounds(60.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    ended: Ended
    code: int | None
    """Its exit code; negative: the signal that ended it."""
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    reason: str = ""


class _TooMuch(Exception):
    """More output than is taken."""


async def run(program: Program, channel: socket.socket | None = None) -> Outcome:
    """Run a program to its end, which comes with everything that it started, also when the caller leaves.

    channel: a socket that the program inherits under its own number; closed here.
    """
    stdout, stderr = bytearray(), bytearray()
    launcher = _Launcher(channel)
    try:
        async with asyncio.timeout(program.bounds.seconds):
            said = await _followed(launcher, program, stdout, stderr)
    except TimeoutError:
        return Outcome("time", None, b"", bytes(stderr))
    finally:
        await launcher.end()
    return _outcome(said, bytes(stdout), bytes(stderr))


async def _followed(
    launcher: "_Launcher", program: Program, stdout: bytearray, stderr: bytearray
) -> Mapping[str, object]:
    said: Mapping[str, object] = {}
    try:
        async with asyncio.TaskGroup() as group:
            told = group.create_task(launcher.converse(program))
            group.create_task(_collect(await launcher.output(0), stdout, program.bounds.output))
            group.create_task(_keep_end(await launcher.output(1), stderr))
        said = told.result()
    except* _TooMuch:
        said = {"reason": "output"}
    return said


def _outcome(said: Mapping[str, object], stdout: bytes, stderr: bytes) -> Outcome:
    if "failed" in said:
        return Outcome("not_started", None, b"", b"", str(said["failed"]))
    for ended in _REASONS:
        if said.get("reason") == ended:
            return Outcome(ended, None, b"", stderr)
    code = said.get("status")
    if not isinstance(code, int):
        return Outcome("lost", None, b"", stderr)
    return Outcome("exit", code, stdout, stderr)


class _Launcher:
    """The process that starts the program and ends it, in a session of its own."""

    def __init__(self, channel: socket.socket | None) -> None:
        self._channel = channel
        self._number = None if channel is None else channel.fileno()
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._transports: list[asyncio.ReadTransport] = []
        self._program: int | None = None
        """The program, when its launcher has ended without a word about its end."""
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(self._socket.close)
            self._process = subprocess.Popen(  # noqa: S603  what it runs was approved
                [sys.executable, "-I", "-S", "-B", LAUNCHER],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                start_new_session=True,
                pass_fds=() if self._number is None else (self._number,),
            )
            on_failure.pop_all()
        if channel is not None:
            channel.close()

    async def output(self, which: int) -> asyncio.StreamReader:
        """What the program writes: 0 to its output, 1 to its error."""
        reader = asyncio.StreamReader()
        pipe = (self._process.stdout, self._process.stderr)[which]
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._transports.append(transport)
        return reader

    async def converse(self, program: Program) -> dict[str, object]:
        """Hand the order over and hear how it ended; nothing when the launcher was lost."""
        bounds = program.bounds
        limits = {"memory": bounds.memory, "processes": bounds.processes, "file": bounds.file}
        order = {
            "argv": [*program.argv],
            "env": {**program.env},
            "cwd": program.cwd,
            "input": len(program.stdin),
            "limits": limits | ({} if self._number is None else {"channel": self._number}),
        }
        frame = json.dumps(order).encode()
        loop = asyncio.get_running_loop()
        heard = bytearray()
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(self._socket, _SIZE.pack(len(frame)) + frame + program.stdin)
            while piece := await loop.sock_recv(self._socket, 4096):
                heard += piece
        lines = [json.loads(line) for line in heard.splitlines()]
        self._program = lines[0].get("pid") if len(lines) == 1 else None
        return dict(lines[-1]) if lines else {}

    async def end(self) -> None:
        """Everything is over when this returns, also when the one who waits is cancelled meanwhile."""
        self._socket.close()
        for transport in self._transports:
            transport.close()
        ending = asyncio.ensure_future(asyncio.to_thread(self._collected))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    def _collected(self) -> None:
        """The launcher ends everything once nobody listens; it is killed when it does not come to that."""
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._program is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._program, signal.SIGKILL)


async def _collect(stream: asyncio.StreamReader, into: bytearray, most: int) -> None:
    while piece := await stream.read(1 << 16):
        into += piece
        if len(into) > most:
            raise _TooMuch


async def _keep_end(stream: asyncio.StreamReader, into: bytearray) -> None:
    while piece := await stream.read(1 << 16):
        into += piece
        del into[:-MOST_STDERR]
