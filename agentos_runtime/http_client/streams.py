"""An answer that is read while it arrives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.bodies import read_whole
from agentos_runtime.http_client.deadlines import Deadlines, Hurry, Patience
from agentos_runtime.http_client.decoding import Decoder, Identity
from agentos_runtime.http_client.failures import CAUGHT, Circumstances, failure, idle_too_long, timed_out

_LAST_MOMENT = 0.2
"""Seconds an answer has to end after its last event: the terminating chunk travels right behind it."""


class UpstreamStream:
    """An open answer: `status`, `headers` (lower-case names), then `chunks()` or `whole()`; always `close()` it."""

    simulated: str | None = None

    def __init__(
        self,
        answer: Answer,
        decoder: Decoder,
        *,
        origin: str,
        idle_timeout: float,
        deadlines: Deadlines,
        max_reply: int,
    ) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._decoder = decoder
        self._is_plain = isinstance(decoder, Identity)
        self._decoded: Iterator[bytes] = iter(())
        self._circumstances = Circumstances(origin, answer.method, answering=True)
        self._idle_timeout = idle_timeout
        self._patience = Patience(deadlines, idle_timeout, self._lose_patience)
        self._lost_patience = False
        self._deadlines = deadlines
        self._max_reply = max_reply
        self._closed = False

    def chunks(self) -> AsyncIterator[bytes]:
        """Decoded bytes as they arrive, each piece at most a few hundred KB; ends with the answer, or when closed.

        Nothing is read ahead beyond the transport's buffer: who reads slowly slows the upstream down. Raises
        UpstreamTimeout after `idle_timeout` seconds without a byte, UpstreamTruncated, UpstreamInvalid.
        """
        return _Chunks(self)

    async def read(self) -> bytes:
        """The next of `chunks()`, b"" where they end."""
        try:
            while True:
                for piece in self._decoded:
                    return piece
                raw = await self._next()
                if not raw:
                    if self._lost_patience:
                        raise idle_too_long(self._circumstances.origin, self._idle_timeout)
                    if not self._closed:
                        self._decoder.finish()
                    return b""
                if self._is_plain:
                    return raw
                self._decoded = self._decoder.feed(raw)
        except CAUGHT as error:
            self._fail(error)
            return b""

    def arrived(self) -> bytes:
        """What `chunks()` would give next, if it is there; what is packed is to be read."""
        return self._answer.read_nowait() if self._is_plain and not self._closed else b""

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Give all that arrives to `take`, in the very turn of the event loop in which it does, until that says
        False, something is to be read, or nothing more comes. What is packed is to be read.

        Raises as `chunks()`, and what `take` raises.
        """
        if not self._is_plain or self._closed:
            return

        def arrived(piece: bytes) -> bool:
            self._patience.begin()
            return take(piece)

        self._patience.begin()
        try:
            await self._answer.listen(arrived)
        except CAUGHT as error:
            self._fail(error)
        finally:
            self._patience.rest()

    def _fail(self, error: Exception) -> None:
        """What it means that no more can be read. Raises UpstreamError, but for who closed it."""
        if self._lost_patience:
            raise idle_too_long(self._circumstances.origin, self._idle_timeout) from None
        if self._closed:
            return
        self.abort()
        raise failure(error, self._circumstances).error from None

    def hurry(self, seconds: float) -> None:
        """Let the answer end after so many seconds from now, whatever arrives; `hurry` again begins anew.

        More than `idle_timeout` is as long as that without a byte, as before.
        """
        if self._closed:
            return
        self._patience.end()
        if seconds < self._idle_timeout:
            self._patience = Hurry(self._deadlines, seconds, lambda: self._had_enough(seconds))
        else:
            self._patience = Patience(self._deadlines, self._idle_timeout, self._lose_patience)
        self._patience.begin()

    async def whole(self, timeout: float) -> UpstreamResponse:
        """Read the rest, bounded like any plain answer, and close: for an error, or an answer that does not stream.

        Raises UpstreamTimeout after `timeout` seconds, UpstreamTruncated, UpstreamInvalid.
        """
        at = self._circumstances
        try:
            with self._deadlines.at(_in(timeout)):
                body = await read_whole(self._answer, self._decoder, self._max_reply)
        except TimeoutError:
            raise timed_out(at.origin, at.method, timeout) from None
        except CAUGHT as error:
            raise failure(error, at).error from None
        finally:
            await self.close()
        return UpstreamResponse(self.status, self.headers, body)

    def abort(self) -> None:
        """Close the connection at once unless the answer is complete. Safe to call twice, and from anywhere."""
        self._closed = True
        self._decoded = iter(())
        self._patience.end()
        self._answer.close()

    async def close(self) -> None:
        """`abort`, for those who wait."""
        self.abort()

    async def drain(self) -> None:
        """Give an answer that said its last word a moment to end, so that its connection can be used again."""
        self._answer.read_nowait()
        if self._closed or self._answer.complete:
            return
        try:
            with self._deadlines.at(_in(_LAST_MOMENT)):
                while not self._closed and await self._answer.read():
                    pass
        except (TimeoutError, *CAUGHT):
            self.abort()

    async def _next(self) -> bytes:
        """The next raw bytes, b"" at the end."""
        if self._closed:
            return b""
        if raw := self._answer.read_nowait():
            return raw
        self._patience.begin()
        try:
            return await self._answer.read()
        finally:
            self._patience.rest()

    def _lose_patience(self) -> None:
        """Nothing came for too long: who waits for the answer hears of it."""
        if self._answer.is_at_hand:  # who waits has only had no turn yet
            self._patience = Patience(self._deadlines, self._idle_timeout, self._lose_patience)
            return
        self._lost_patience = True
        self.abort()

    def _had_enough(self, seconds: float) -> None:
        """Nothing more is waited for: who reads finds the end."""
        if self._answer.is_at_hand:  # it came in time, and is yet to be read
            self.hurry(seconds)
        else:
            self.abort()


class _Chunks:
    """What `UpstreamStream.read` gives: no generator, which would stand between each piece and its reader."""

    __slots__ = ("_over", "_stream")

    def __init__(self, stream: UpstreamStream) -> None:
        self._stream = stream
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        self._over = True  # unless there is a piece: after a failure nothing follows
        piece = await self._stream.read()
        if not piece:
            raise StopAsyncIteration
        self._over = False
        return piece


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
