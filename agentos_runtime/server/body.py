"""Reading a request's body, bounded in size, time and in what all bodies together may hold."""

import asyncio

from starlette.types import Receive

from agentos_runtime.errors import Overloaded, PayloadTooLarge, RequestTimeout


class ClientGone(Exception):
    """The client left before its request was complete: nobody is there to be answered."""


class BodyReader:
    """Reads bodies; large ones stay counted until released, so that many clients cannot fill the memory."""

    def __init__(self, largest: int, all_together: int, timeout: float) -> None:
        self._largest = largest
        self._all_together = max(all_together, largest)
        self._timeout = timeout
        self._held = 0

    async def read_arrived(self, receive: Receive) -> bytes:
        """The body of a request that is complete: no wait, so no clock is set. Same errors and duties."""
        body = bytearray()
        try:
            await self._read_chunk(receive, body)
        except BaseException:
            self._forget(body)
            raise
        return bytes(body)

    async def read(self, receive: Receive) -> bytes:
        """The whole body; `release` it after use.

        Raises PayloadTooLarge, RequestTimeout, Overloaded, ClientGone.
        """
        body = bytearray()
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

    def _count(self, before: int, now: int) -> None:
        if now > _SMALL:
            self._held += now - (before if before > _SMALL else 0)
        if now > self._largest:
            raise PayloadTooLarge(f"The body is larger than {self._largest} bytes (AGENTOS_MAX_BODY).")
        if self._held > self._all_together:
            raise Overloaded(
                "Too many large requests are being read at once. Try again in a moment.", retry_after=1
            )


_SMALL = 64 * 1024
