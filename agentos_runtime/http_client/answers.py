"""One answer while it arrives: its head, and its body with back-pressure."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from agentos_runtime.http_client.faults import Lost, WireError

HIGH = 256 * 1024
"""Bytes of a body that wait to be read; with more, the upstream has to wait."""
LONGEST_STATUS = len(b"HTTP/1.1 200")
"""With so many bytes an answer has begun."""


class Carrier(Protocol):
    """The connection of an answer, as far as it needs it."""

    def abort(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Answer:
    """The answer to one request. `status` is 0 and `headers` empty until `head()` returned."""

    __slots__ = (
        "_buffered",
        "_carrier",
        "_loop",
        "_paused",
        "_pieces",
        "_take",
        "_waiter",
        "complete",
        "error",
        "headers",
        "method",
        "received",
        "status",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, carrier: Carrier, method: str) -> None:
        self.method = method
        self.status = 0
        self.headers: Mapping[str, str] = {}
        """Lower-case names; repeated headers joined by a comma; bytes that are not UTF-8 replaced."""
        self.complete = False
        self.error: WireError | None = None
        self.received = 0
        """Bytes on the wire, the head included."""
        self._loop = loop
        self._carrier = carrier
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], bool] | None = None

    # ------------------------------------------------------------------ for who reads

    async def head(self) -> None:
        """Wait until status and headers are there. Raises WireError, and of a failure only for want of a head."""
        while not self.status:
            if self.error is not None:
                raise self.error
            await self._news()
        if self.error is not None and not self._pieces and self.status < 300:
            raise self.error

    async def read(self) -> bytes:
        """All of the body that has arrived, at least a byte; b"" at its end. Raises WireError."""
        while not self._pieces:
            if self.complete:
                return b""
            if self.error is not None:
                raise self.error
            await self._news()
        return self.read_nowait()

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Give all that arrives to `take`, in the turn of the event loop in which it does, until that says False.

        Ends, too, where something is to be read, or nothing more comes. Raises WireError, and what `take` raises.
        """
        if not self._pieces and not self.complete and self.error is None:
            self._take = take
            try:
                await self._news()
            finally:
                self._take = None
            return  # what is wrong is told where the next piece is read, behind what `take` has yet to pass on
        if self.error is not None and not self._pieces:
            raise self.error

    def read_nowait(self) -> bytes:
        """What `read` would give without waiting, or b""."""
        pieces = self._pieces
        if not pieces:
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._buffered = 0
        if self._paused:
            self._paused = False
            self._carrier.resume()
        return data

    @property
    def is_at_hand(self) -> bool:
        """Whether something, or the end, has arrived that was not read yet."""
        return self.complete or bool(self._pieces)

    def close(self) -> None:
        """Leave the answer: what it has not said yet is not waited for, what it said is forgotten."""
        self._pieces = []
        if not self.complete:
            self.fail(Lost(begun=True))
            self._carrier.abort()

    # ------------------------------------------------------------------ for the connection

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH and not self._paused:
            self._paused = True
            self._carrier.pause()

    def finish(self) -> None:
        """All of it is here, read or not: from now on the connection belongs to others."""
        self.complete = True
        if self._paused:
            self._paused = False
            self._carrier.resume()

    def fail(self, error: WireError) -> None:
        """The first failure counts; a complete answer cannot fail any more."""
        if self.error is None and not self.complete:
            self.error = error
        self.wake()

    def wake(self) -> None:
        """Something is new for who waits."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._take is not None and self._pieces:
            try:
                if self._take(self.read_nowait()) and not self.complete and self.error is None:
                    return
            except Exception as error:  # noqa: BLE001 - it is raised where this is waited for
                if not waiter.done():
                    waiter.set_exception(error)
        if not waiter.done():
            waiter.set_result(None)

    async def _news(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
