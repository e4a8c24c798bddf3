"""What is asked of this machine is run, and what came of it is an answer as a service would give it."""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.errors import (
    AgentOSError,
    NotAvailable,
    UpstreamFailed,
    UpstreamFailure,
    UpstreamInvalid,
    UpstreamTimeout,
)
from agentos_runtime.executors.places import Places
from agentos_runtime.executors.process import MB, MOST_OUTPUT, Bounds, Outcome, Program, run
from agentos_runtime.jsontext import Json, dump, is_json
from agentos_runtime.manifest.model import Local
from agentos_runtime.visible import visible

AT_ONCE = 8
"""Programs of one runtime that run at the same time; others wait within their time."""
MOST_ROWS = 50_000
Form: TypeAlias = Literal["json", "text", "raw"]
"""JSON where it is, else text; always text; as it is."""
Sibling: TypeAlias = Callable[[str, dict[str, Json]], Awaitable[Json]]
"""Calls another callable of the same skill, under its name with these params. Raises AgentOSError."""
_INSIDE = Path(__file__).with_name("inside")
_SIZE = struct.Struct("!I")


class Executors:
    """Runs programs of this machine, so many at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(
        self,
        local: Local,
        body: Mapping[str, Json],
        places: Places,
        *,
        what: str,
        seconds: float,
        form: Form,
        nested: bool,
        sibling: Sibling,
    ) -> tuple[UpstreamResponse, str]:
        """The answer, and the end of what was written to its error.

        what: whose it is, for sentences. form: what its output is taken for. nested: it is a part of a call that
        has its place already. Raises UpstreamTimeout, UpstreamFailed, UpstreamInvalid, NotAvailable.
        """
        started = asyncio.get_running_loop().time()
        if not nested:
            try:
                async with asyncio.timeout(seconds):
                    await self._places.acquire()
            except TimeoutError:
                raise UpstreamTimeout(f"{what} was not begun within {seconds:g} s: {AT_ONCE} others run") from None
        try:
            left = max(0.05, seconds - (asyncio.get_running_loop().time() - started))
            return await _RUN[local.executor](_Task(local, body, places, what, seconds, left, form, sibling))
        finally:
            if not nested:
                self._places.release()


class _Task:
    """One thing that is run."""

    def __init__(
        self,
        local: Local,
        body: Mapping[str, Any],
        places: Places,
        what: str,
        seconds: float,
        left: float,
        form: Form,
        sibling: Sibling,
    ) -> None:
        self.local = local
        self.body = body
        self.places = places
        self.what = what
        self.seconds = seconds
        self.left = left
        self.form = form
        self.sibling = sibling

    def check(self, outcome: Outcome) -> None:
        """Raise the error of a program that did not come to its own end."""
        most = f"{MOST_OUTPUT // MB} MB"
        match outcome.ended:
            case "exit":
                return
            case "time":
                raise UpstreamTimeout(f"{self.what} took more than {self.seconds:g} s, and was ended")
            case "output":
                raise UpstreamInvalid(f"{self.what} wrote more than {most}, and was ended")
            case "memory":
                raise UpstreamFailed(f"{self.what} took more memory than it may, and was ended")
            case "processes":
                raise UpstreamFailed(f"{self.what} started more processes than it may, and was ended")
            case "not_started":
                raise NotAvailable(f"{self.what} could not be started: {visible(outcome.reason)[:200]}")
            case "lost":
                raise UpstreamFailed(f"{self.what} was lost: the process that watched it has ended")

    def check_error(self, said: Json) -> None:
        """Raise what a program reports as `{"error": …}`."""
        error = said.get("error") if isinstance(said, dict) else None
        if error:
            words = error.get("message") if isinstance(error, dict) else error
            raise self.failed(words if isinstance(words, str) else dump(error).decode())

    def failed(self, message: str, **details: Json) -> UpstreamFailed:
        said = visible(message)[:500]
        return UpstreamFailed(f"{self.what} failed: {said}", upstream=UpstreamFailure(message=said, **details))  # type: ignore[arg-type]  # named by the caller


async def _sql(task: _Task) -> tuple[UpstreamResponse, str]:
    resolved, body = task.places.databases, task.body
    order = {
        "query": body["query"],
        "database": resolved[body["database"]],
        "attach": {name: resolved[path] for name, path in body.get("attach", {}).items()},
        "params": body.get("params", {}),
        "write": task.local.write,
        "rows": MOST_ROWS,
        "bytes": MOST_OUTPUT - MB,
    }
    argv = [sys.executable, "-I", "-S", "-B", str(_INSIDE / "sql_worker.py")]
    bounds = Bounds(task.left, memory=512 * MB, processes=1, file=(1024 if task.local.write else 16) * MB)
    outcome = await run(Program(argv, {}, "/", json.dumps(order).encode(), bounds))
    task.check(outcome)
    found = _parsed(outcome.stdout)
    if not isinstance(found, dict):
        raise UpstreamFailed(f"{task.what} took more memory than it may, or its process was ended")
    if "failed" in found:
        raise task.failed(str(found["failed"]))
    if "excess" in found:
        raise UpstreamInvalid(f"{task.what} gives {visible(str(found['excess']))}")
    return _answer(found.get("rows", found)), ""


async def _command(task: _Task) -> tuple[UpstreamResponse, str]:
    body, places = task.body, task.places
    env = {**places.env, **body.get("env", {})}
    assert places.program is not None
    stdin = str(body.get("stdin", "")).encode("utf-8", "replace")
    program = Program([places.program, *body["args"]], env, places.cwd, stdin, Bounds(task.left))
    outcome = await run(program)
    task.check(outcome)
    errors = visible(outcome.stderr.decode("utf-8", "replace"))
    if outcome.code:
        said = _parsed(outcome.stdout)
        task.check_error(said)
        how = f"it ended with {outcome.code}" if outcome.code > 0 else f"it was ended by signal {-outcome.code}"
        raise task.failed(f"{how}; what it wrote to its error is not passed on")
    text = outcome.stdout
    said = _parsed(text) if task.form != "text" and is_json(text) else None
    task.check_error(said)
    if task.form == "raw":
        return _response(text, "text/plain; charset=utf-8" if said is None else "application/json"), errors
    if said is not None:
        return _response(text, "application/json"), errors
    plain = text.decode("utf-8", "replace")
    return _answer(plain.removesuffix("\n") if plain.strip() else None), errors


async def _python(task: _Task) -> tuple[UpstreamResponse, str]:
    body, folder = task.body, task.places.cwd
    ours, theirs = socket.socketpair()
    order = {
        "file": str(Path(folder) / str(body["module"])),
        "folder": folder,
        "function": body["function"],
        "args": body["args"],
        "takes": body.get("takes"),
        "channel": theirs.fileno(),
    }
    argv = [sys.executable, "-I", "-B", str(_INSIDE / "python_worker.py")]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
    program = Program(argv, env, folder, json.dumps(order).encode(), Bounds(task.left))
    talking = asyncio.ensure_future(_talk(ours, task.sibling))
    try:
        outcome = await run(program, theirs)
        task.check(outcome)
        async with asyncio.timeout(5):
            said = await talking
    finally:
        talking.cancel()
        with suppress(asyncio.CancelledError, OSError, TimeoutError, _TooLong):
            await talking
        ours.close()
    errors = visible(outcome.stderr.decode("utf-8", "replace"))
    if "return" in said:
        task.check_error(said["return"])
        return _answer(said["return"]), errors
    if "missing" in said:
        raise NotAvailable(
            f"{task.what} needs the Python module {visible(str(said['missing']))[:200]}, which is not there"
        )
    raised: Any = said.get("raised")
    if raised is None:
        raise UpstreamFailed(f"{task.what} took more memory than it may, or its process was ended")
    raise task.failed(f"{raised['type']}: {raised['message']}")


class _TooLong(ValueError):
    """A message is longer than one may be."""


async def _talk(channel: socket.socket, sibling: Sibling) -> dict[str, Json]:
    """Answer the program's calls of siblings until it says what came of it; nothing when it ends without."""
    channel.setblocking(False)
    loop = asyncio.get_running_loop()
    while True:
        head = await _receive(channel, _SIZE.size)
        if head is None:
            return {}
        size = _SIZE.unpack(head)[0]
        data = await _receive(channel, size) if size <= MOST_OUTPUT else None
        if data is None:
            with suppress(OSError):  # it writes on for as long as somebody might read it
                channel.shutdown(socket.SHUT_RDWR)
            return {"raised": {"type": "too much", "message": f"it gives more than {MOST_OUTPUT // MB} MB"}}
        message = _parsed(data)
        if not isinstance(message, dict) or "call" not in message:
            return message if isinstance(message, dict) else {}
        answer = dump(await _asked(message, sibling))
        await loop.sock_sendall(channel, _SIZE.pack(len(answer)) + answer)


async def _asked(message: Mapping[str, Any], sibling: Sibling) -> dict[str, Json]:
    try:
        return {"value": await sibling(str(message["call"]), dict(message.get("params") or {}))}
    except AgentOSError as error:
        return {"error": {**error.as_json(), "status": error.status}}


async def _receive(channel: socket.socket, size: int) -> bytes | None:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size:
        piece = await loop.sock_recv(channel, min(size - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _parsed(data: bytes) -> Json:
    try:
        found: Json = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found


def _answer(value: Json) -> UpstreamResponse:
    return _response(dump(value), "application/json")


def _response(body: bytes, kind: str) -> UpstreamResponse:
    return UpstreamResponse(200, {"content-type": kind}, body)


_RUN: Mapping[str, Callable[[_Task], Awaitable[tuple[UpstreamResponse, str]]]] = {
    "sql": _sql,
    "command": _command,
    "python": _python,
}
