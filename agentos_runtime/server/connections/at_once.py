"""What is written where nothing stands in the way: a whole answer in one piece, a piece of one without waiting."""

from collections.abc import Callable, Sequence

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

LARGEST = 64 * 1024
"""Bytes of a body that are put behind the head; larger ones are not copied."""
MOST_WAITING = 64 * 1024
"""Bytes that wait for the client, with which nothing more is written at once."""


def write_at_once(send: Send, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
    """Whether the answer, a 200, was written; else it is to be sent message by message.

    `send` is uvicorn's own where nobody who listens to the messages stands in between. headers: with their length.
    """
    cycle = _ready(send, headers, body)
    if cycle is None:
        return False
    _write(cycle, headers, body)
    _complete(cycle)
    return True


def begin_at_once(send: Send, headers: Sequence[tuple[bytes, bytes]], piece: bytes, *, last: bool) -> bool:
    """The same of an answer in pieces: its head and the first of them, which may be the last.

    headers: without length and transfer encoding.
    """
    cycle = _ready(send, headers, piece)
    if cycle is None or not piece:
        return False
    cycle.chunked_encoding = True
    end = b"0\r\n\r\n" if last else b""
    _write(cycle, (*headers, _IN_PIECES), b"%x\r\n%b\r\n%b" % (len(piece), piece, end))
    if last:
        _complete(cycle)
    return True


def _ready(send: Send, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> RequestResponseCycle | None:
    """What the answer can be written to in one piece, if it can."""
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or len(body) > LARGEST:
        return None
    if cycle.response_started or cycle.disconnected or not cycle.keep_alive or cycle.flow.write_paused:
        return None
    if cycle.scope["method"] == "HEAD" or cycle.transport.is_closing():
        return None
    return None if HEADER_VALUE_RE.search(b"".join([value for _, value in headers])) else cycle


def _write(cycle: RequestResponseCycle, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
    parts = [STATUS_LINE[200]]
    for name, value in (*cycle.default_headers, *headers):
        parts += (name, b": ", value, b"\r\n")
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join([*parts, b"\r\n", body]))


def _complete(cycle: RequestResponseCycle) -> None:
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()


def body_writer(send: Send) -> Callable[[bytes], bool]:
    """What writes a piece of an answer's body, and says whether it did; else it is to be sent as a message.

    While much of what was written before waits for the client, nothing is: the message waits until it has read.
    How much waits is asked: uvicorn hears only between two turns of the loop that it should pause, and a socket
    may be read many times in one.
    """
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle):
        return lambda piece: False

    def write(piece: bytes) -> bool:
        if cycle.disconnected or cycle.response_complete or not cycle.chunked_encoding:
            return False
        if cycle.transport.get_write_buffer_size() > MOST_WAITING:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    return write


_IN_PIECES = (b"transfer-encoding", b"chunked")
