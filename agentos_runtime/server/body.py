"""Reading a request's body, bounded in size, time and in what all bodies together may hold."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from agentos_runtime.errors import Overloaded, PayloadTooLarge, RequestTimeout


class ClientGone(asyncio.CancelledError):
    """The client left before its request was complete: nobody is there to be answered."""


class Arriving:
    """A body that is read by whoever sends it on. length: in bytes; None = known at its end only."""

    def __init__(self, reader: "BodyReader", receive: Receive, first: bytes, length: int | None) -> None:
        self.length = length
        self._reader = reader
        self._receive = receive
        self._first = first

    async def pieces(self) -> AsyncIterator[bytes]:
        """Once. No faster than they are taken: then the client has to wait.

        Raises PayloadTooLarge, RequestTimeout for a client that sends nothing for a while, ClientGone.
        """
        size = len(self._first)
        yield self._first
        more = True
        while more:
            piece, more = await self._reader.read_piece(self._receive)
            size += len(piece)
            self._reader.check_upload(size)
            yield piece

    async def whole(self) -> bytes:
        """In place of `pieces`. Raises as `BodyReader.read`."""
        return await self._reader.read(self._receive, self._first)


class BodyReader:
    """Reads bodies; large ones stay counted until released, so that many clients cannot fill the memory."""

    def __init__(self, largest: int, all_together: int, timeout: float, upload: int) -> None:
        self._largest = largest
        self._upload = upload
        self._all_together = max(all_together, largest)
        self._timeout = timeout
        self._held = 0

    async def read_arrived(self, receive: Receive) -> bytes:
        """The body of a request that is complete: no wait, so no clock is set. Same errors and duties."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        try:
            self._count(0, len(body))
        except BaseException:
            self.release(body)
            del body  # the error's traceback would hold it for as long as that lives
            message.clear()
            raise
        return body

    async def read(self, receive: Receive, first: bytes = b"") -> bytes:
        """The whole body, of which `first` was read before; `release` it after use.

        Raises PayloadTooLarge, RequestTimeout, Overloaded, ClientGone.
        """
        body = bytearray(first)
        try:
            async with asyncio.timeout(self._timeout):
                while await self._read_chunk(receive, body):
                    pass
        except TimeoutError:
            self._forget(body)
            raise RequestTimeout(f"The body did not arrive within {self._timeout:g} s.") from None
        except BaseException:
            self._forget(body)
            raise
        return bytes(body)

    async def begin(self, receive: Receive, length: int | None) -> tuple[bytes, Arriving | None]:
        """The body of a request that may be passed on while it arrives: all of it, or so much, and the rest.

        Raises as `read`.
        """
        if length is not None and length > AT_ONCE:
            return b"", Arriving(self, receive, b"", length)
        if length is not None:
            return await self.read(receive), None
        body, more = bytearray(), True
        while more and len(body) <= AT_ONCE:
            piece, more = await self.read_piece(receive)
            body += piece
        first = bytes(body)
        return (b"", Arriving(self, receive, first, None)) if more else (first, None)

    async def read_piece(self, receive: Receive) -> tuple[bytes, bool]:
        """What comes next, and whether that is not all. Raises RequestTimeout, ClientGone."""
        try:
            async with asyncio.timeout(self._timeout):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout(f"Nothing of the body came for {self._timeout:g} s.") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message.get("body", b""), bool(message.get("more_body", False))

    def check_length(self, length: int, *, upload: bool) -> None:
        """Of a body that says it; upload: it may be passed on while it arrives. Raises PayloadTooLarge."""
        if upload:
            self.check_upload(length)
        else:
            self._check_size(length)

    def check_upload(self, size: int) -> None:
        """Raises PayloadTooLarge."""
        if size > self._upload:
            raise PayloadTooLarge(f"The body is larger than {self._upload} bytes (AGENTOS_MAX_UPLOAD).")

    def release(self, body: bytes | bytearray) -> None:
        if len(body) > _SMALL:
            self._held -= len(body)

    def _forget(self, body: bytearray) -> None:
        """Releases it and frees its memory, which the error's traceback would hold for as long as that lives."""
        self.release(body)
        body.clear()

    async def _read_chunk(self, receive: Receive, body: bytearray) -> bool:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        before = len(body)
        body += message.get("body", b"")
        self._count(before, len(body))
        return bool(message.get("more_body", False))

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise PayloadTooLarge(f"The body is larger than {self._largest} bytes (AGENTOS_MAX_BODY).")

    def _count(self, before: int, now: int) -> None:
        if now > _SMALL:
            self._held += now - (before if before > _SMALL else 0)
        self._check_size(now)
        if self._held > self._all_together:
            raise Overloaded(
                "Too many large requests are being read at once. Try again in a moment.", retry_after=1
            )


_SMALL = 64 * 1024
AT_ONCE = 1 << 20
"""Bytes of a body that is read whole although it could be passed on while it arrives."""
