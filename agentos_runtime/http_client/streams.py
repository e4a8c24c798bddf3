"""An answer that is read while it arrives."""

import asyncio
from collections.abc import AsyncIterator

from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.bodies import read_whole
from agentos_runtime.http_client.deadlines import Deadlines
from agentos_runtime.http_client.decoding import Decoder
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
        self._circumstances = Circumstances(origin, answer.method, answering=True)
        self._idle_timeout = idle_timeout
        self._deadlines = deadlines
        self._max_reply = max_reply
        self._closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Decoded bytes as they arrive, each piece at most a few hundred KB; ends with the answer, or when closed.

        Nothing is read ahead beyond the transport's buffer: who reads slowly slows the upstream down. Raises
        UpstreamTimeout after `idle_timeout` seconds without a byte, UpstreamTruncated, UpstreamInvalid.
        """
        try:
            while raw := await self._next():
                for piece in self._decoder.feed(raw):
                    yield piece
            if not self._closed:
                self._decoder.finish()
        except CAUGHT as error:
            if not self._closed:
                await self.close()
                raise failure(error, self._circumstances).error from None

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
        self._answer.close()

    async def close(self) -> None:
        """`abort`, for those who wait."""
        self.abort()

    async def drain(self) -> None:
        """Give an answer that said its last word a moment to end, so that its connection can be used again."""
        try:
            async with asyncio.timeout(_LAST_MOMENT):
                while not self._closed and await self._answer.read():
                    pass
        except (TimeoutError, *CAUGHT):
            self.abort()

    async def _next(self) -> bytes:
        """The next raw bytes, b"" at the end. No timer is set when bytes are waiting."""
        if self._closed:
            return b""
        if raw := self._answer.read_nowait():
            return raw
        try:
            with self._deadlines.at(_in(self._idle_timeout)):
                return await self._answer.read()
        except TimeoutError:
            await self.close()
            raise idle_too_long(self._circumstances.origin, self._idle_timeout) from None


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
