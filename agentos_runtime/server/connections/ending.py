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
_INSTRUCTION = struct.Struct("=HBBI")
"""`struct sock_filter`, linux/filter.h."""
_DROP_NEW = array("B", b"".join(_INSTRUCTION.pack(*each) for each in (
    (0x30, 0, 0, 13),  # the flags of a packet of TCP
    (0x54, 0, 0, 0x12),  # of these SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection:
    (0x06, 0, 0, 0),  # nothing of it is kept,
    (0x06, 0, 0, 0xFFFFFFFF),  # and all of any other
)))  # fmt: skip
_LENGTH = len(_DROP_NEW) // _INSTRUCTION.size


def hear_no_more(listener: socket.socket) -> None:
    """Have the kernel drop whoever connects from now on, so that all that it has let in can be accepted.

    Who has begun to connect may end that: its server has answered already, and its request follows at once.
    Closing a listening socket resets the connections in its queue, and their clients believe that their requests
    have arrived. Who is dropped tries again after a second, and is refused by then: that call was never sent. On
    Linux alone (SO_ATTACH_FILTER, socket(7)); elsewhere nothing happens.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            program = struct.pack("@HP", _LENGTH, _DROP_NEW.buffer_info()[0])  # `struct sock_fprog`
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
