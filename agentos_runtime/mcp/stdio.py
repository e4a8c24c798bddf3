"""MCP over stdin and stdout: a message is a line. Requests are answered side by side, in any order."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeAlias

from agentos_runtime.error_logging import Troubles
from agentos_runtime.errors import AgentOSError
from agentos_runtime.mcp.protocol import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    Malformed,
    Request,
    RpcError,
    failure,
    label,
    read_message,
)

LONGEST_LINE = 32 * 1024 * 1024
GRACE = 5.0
"""Seconds that open requests have after the end of stdin."""
_CHUNK = 1 << 16

Say: TypeAlias = Callable[[bytes], None]
"""Sends one message."""


class Desk(Protocol):
    """Answers requests: in this process, or by asking a server."""

    async def answer(self, line: bytes, request: Request, client: str | None, say: Say) -> None:
        """Says everything that belongs to the request, the answer last.

        client: what a legacy client called itself. Raises RpcError, AgentOSError.
        """
        ...

    async def notices(self, client: str | None, say: Say) -> None:
        """Tells a legacy client of changes, until cancelled."""
        ...


class Conversation:
    """One client, from its first line to its last."""

    def __init__(self, desk: Desk, say: Say) -> None:
        self._desk = desk
        self._say = say
        self._open: dict[str | int, asyncio.Task[None]] = {}
        self._notices: asyncio.Task[None] | None = None
        self._client: str | None = None

    def hear(self, line: bytes) -> None:
        """One line of the client."""
        try:
            message = read_message(line)
        except Malformed as error:
            self._say(failure(error.request_id, error))
            return
        if message.id is not None:
            if message.method == "initialize":
                self._client = label(message.params.get("clientInfo"))
            task = asyncio.get_running_loop().create_task(self._answer(line, message, message.id))
            self._open[message.id] = task
        elif message.method == "notifications/cancelled":
            self._cancel(message)
        elif message.method == "notifications/initialized" and self._notices is None:
            notices = self._desk.notices(self._client, self._say)
            self._notices = asyncio.get_running_loop().create_task(notices)

    async def end(self, grace: float) -> None:
        """Open requests have a moment left, then they are cancelled."""
        if self._open and grace:
            await asyncio.wait(self._open.values(), timeout=grace)
        left = [*self._open.values(), *([self._notices] if self._notices else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _cancel(self, message: Request) -> None:
        named = message.params.get("requestId")
        task = self._open.get(named) if isinstance(named, str | int) else None
        if task is not None:
            task.cancel()

    async def _answer(self, line: bytes, request: Request, request_id: str | int) -> None:
        try:
            await self._desk.answer(line, request, self._client, self._say)
        except RpcError as error:
            self._say(failure(request_id, error))
        except AgentOSError as error:
            self._say(failure(request_id, RpcError(INTERNAL_ERROR, error.message, data=error.as_json())))
        except Exception as error:  # noqa: BLE001 - the top of the surface: a bug becomes an answer
            told = Troubles("agentos.mcp").bug("A request failed", error)
            self._say(failure(request_id, RpcError(INTERNAL_ERROR, told)))
        finally:
            if self._open.get(request_id) is asyncio.current_task():
                del self._open[request_id]


async def converse(desk: Desk, say: Say, stdin: int, stop: asyncio.Event) -> None:
    """Answer what comes from the descriptor until it ends or `stop` is set."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_read_lines, args=(stdin, loop, lines), daemon=True).start()
    conversation = Conversation(desk, say)
    stopping = loop.create_task(stop.wait())
    grace = 0.0
    try:
        while not stop.is_set():
            reading = loop.create_task(lines.get())
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            # All that came together is heard before any of it begins: the end of a request may stand behind it.
            heard = [reading.result()]
            while not lines.empty():
                heard.append(lines.get_nowait())
            for line in heard:
                if line is not None:
                    _hear(conversation, line, say)
            if heard[-1] is None:
                grace = GRACE
                break
    finally:
        stopping.cancel()
        await conversation.end(grace)


def _hear(conversation: Conversation, line: bytes, say: Say) -> None:
    if len(line) > LONGEST_LINE:
        say(failure(None, Malformed(INVALID_REQUEST, f"A line has {LONGEST_LINE} bytes at most")))
    elif line.strip():
        conversation.hear(line)


def _put_all(lines: "asyncio.Queue[bytes | None]", those: list[bytes]) -> None:
    for line in those:
        lines.put_nowait(line)


def _read_lines(stdin: int, loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[bytes | None]") -> None:
    """In a thread of its own: stdin may be a file, which an event loop cannot wait for."""
    rest = bytearray()
    with suppress(RuntimeError):  # the loop is closed: nobody listens any more
        while chunk := _read(stdin):
            rest += chunk
            if b"\n" in chunk:
                *whole, last = bytes(rest).split(b"\n")
                loop.call_soon_threadsafe(_put_all, lines, whole)
                rest = bytearray(last)
            elif len(rest) > LONGEST_LINE:
                del rest[LONGEST_LINE + 1 :]
        for line in [bytes(rest)] if rest else []:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)


def _read(stdin: int) -> bytes:
    try:
        return os.read(stdin, _CHUNK)
    except OSError:
        return b""
