"""How long a connection has been waiting for its client."""

import asyncio
import contextlib
import socket
import struct


class Wait:
    """A wait that is looked at every second or so."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seen = 0

    def lasts(self, now: float, waiting: bool, progress: int = 0) -> float:
        """Seconds since the wait began; it begins anew when `progress` is another number than before."""
        if not waiting:
            self._since = None
            return 0.0
        if self._since is None or progress != self._seen:
            self._since, self._seen = now, progress
        return now - self._since


def bytes_taken(transport: asyncio.Transport) -> int:
    """What the client's machine has acknowledged so far, or where that is not told, a number that moves with it.

    Our own buffer does not show a slow reader: the kernel lets us write again only when much of its buffer is free.
    """
    with contextlib.suppress(AttributeError, OSError, struct.error):
        wire = transport.get_extra_info("socket")
        info = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED_AT + _ACKED.size)
        return int(_ACKED.unpack_from(info, _ACKED_AT)[0])
    return transport.get_write_buffer_size()


_ACKED = struct.Struct("=Q")
_ACKED_AT = 120
"""`tcpi_bytes_acked` in `struct tcp_info`, linux/tcp.h; since Linux 4.1."""
