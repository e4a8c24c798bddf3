"""What has arrived when a server ends is not lost: connections yet to be accepted, requests yet to be read."""

import asyncio
import contextlib
import select
import socket
import struct
import sys
import time
from array import array

_SO_ATTACH_FILTER = 26
_DROP = array("B", struct.pack("=HBBI", 0x06, 0, 0, 0))
"""`return 0`: nothing of a packet is kept. `struct sock_filter`, linux/filter.h."""


def hear_no_more(listener: socket.socket) -> None:
    """Have the kernel drop whoever connects from now on, so that all that it has let in can be accepted.

    Closing a listening socket resets the connections in its queue, and their clients believe that their requests
    have arrived. Who is dropped tries again after a second, and is refused by then: that call was never sent. On
    Linux alone (SO_ATTACH_FILTER, socket(7)); elsewhere nothing happens.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            program = struct.pack("@HP", 1, _DROP.buffer_info()[0])  # `struct sock_fprog`
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def refuse_from_now_on(listener: socket.socket) -> None:
    """Listen no more, on a socket that other processes keep open, too: who connects would wait for their end.

    On Linux alone; elsewhere it ends with the last of them.
    """
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


async def accept_waiting(listener: socket.socket, patience: float) -> None:
    """Let the loop accept what waits in the queue, within so many seconds. It takes one connection a turn."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not _is_readable(listener.fileno()):
            return
        await asyncio.sleep(0)


def has_arrived(transport: asyncio.Transport) -> bool:
    """Whether the kernel holds something of this connection that was not read yet, also its end."""
    wire = transport.get_extra_info("socket")
    return wire is not None and _is_readable(wire.fileno())


def _is_readable(descriptor: int) -> bool:
    if descriptor < 0:  # it is closed
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
