"""Answers as another parser reads them: ours takes no answer that h11 reads otherwise."""

import asyncio
import contextlib
import re
import socket
from itertools import pairwise

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.faults import WireError
from agentos_runtime.http_client.wire import LONGEST_FIELD, Wire
from tests.security.support import environment_number
from tests.sizes import examples

EXAMPLES = environment_number("AGENTOS_TEST_ANSWERS", examples(400))
REQUEST = h11.Request(method="POST", target="/", headers=[("Host", "a"), ("Content-Length", "0")])
READ_IN = 3
"""Rounds of the event loop within which what lies in a socket has been read."""
Read = tuple[int, dict[str, str], bytes]


async def ours(pieces: list[bytes]) -> Read | None:
    """What our connection makes of these reads, and of the end after them; None for an answer that it refuses."""
    here, there = socket.socketpair()
    with there:
        loop = asyncio.get_running_loop()
        wire = Wire(lambda wire: None, lambda wire: None)
        await loop.create_connection(lambda: wire, sock=here)
        asking = asyncio.ensure_future(wire.ask("POST", b"POST / HTTP/1.1\r\n\r\n", None))
        await asyncio.sleep(0)
        there.recv(100)  # with anything unread the end would be a reset
        with contextlib.suppress(OSError):  # it may be refused before its end
            for piece in pieces:
                there.sendall(piece)
                for _ in range(READ_IN):
                    await asyncio.sleep(0)
        there.close()
        try:
            answer = await asking
            return answer.status, dict(answer.headers), await whole(answer)
        except WireError:
            return None
        finally:
            wire.abort()


async def whole(answer: Answer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    return b"".join(pieces)


def theirs(data: bytes) -> Read | None:
    """The same as h11 reads it."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(REQUEST)
    connection.send(h11.EndOfMessage())
    status, headers, body = 0, dict[str, str](), b""
    try:
        connection.receive_data(data)
        connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                for name, value in event.headers:
                    key, text = name.decode(), value.decode("utf-8", "replace")
                    headers[key] = f"{headers[key]}, {text}" if key in headers else text
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, body
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


NAMES = st.sampled_from([b"X-A", b"x-a", b"Content-Type", b"Server", b"Retry-After", b"Set-Cookie"])
VALUES = st.binary(max_size=20).map(lambda raw: bytes(each for each in raw if each >= 0x21 and each != 0x7F))


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """The header that says how long it is, and the body on the wire."""
    body = draw(st.binary(max_size=200))
    kind = draw(st.sampled_from(["length", "chunked", "end"]))
    if kind == "length":
        return [b"Content-Length: %d" % len(body)], body
    if kind == "end":
        return [], body
    edges = [0, *sorted(draw(st.lists(st.integers(0, len(body)), max_size=4))), len(body)]
    parts = [body[a:b] for a, b in pairwise(edges) if a != b]
    extension = draw(st.sampled_from([b"", b";a=b"]))
    trailer = draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"]))
    chunks = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts]
    return [b"Transfer-Encoding: chunked"], b"".join([*chunks, b"0\r\n", trailer, b"\r\n"])


INTERIM = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 X\r\nA: b\r\n\r\n"]
STATUSES = [b"200 OK", b"201 ", b"202 ", b"299 X", b"404 Not Found", b"429 Too", b"500 E", b"599 x"]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    interim = draw(
        st.lists(st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 X\r\nA: b\r\n\r\n"]), max_size=2)
    )
    status = draw(
        st.sampled_from([b"200 OK", b"201", b"202 ", b"299 X", b"404 Not Found", b"429 Too", b"500 E", b"599 x"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    framing, body = draw(bodies())
    if version == b"HTTP/1.0" and framing and b"chunked" in framing[0]:
        version = b"HTTP/1.1"
    fields = [b"%s: %s" % pair for pair in draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))]
    fields += draw(st.sampled_from([[], [b"Connection: close"], [b"Connection: keep-alive"]]))
    lines = [b"%s %s" % (version, status), *draw(st.permutations([*fields, *framing]))]
    return b"".join(interim) + b"\r\n".join([*lines, b"", b""]) + body


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a != b]


@given(answers(), st.lists(st.integers(0, examples(400)), max_size=6))
@settings(deadline=None, max_examples=EXAMPLES)
def test_an_answer_that_keeps_the_rules_is_read_as_h11_reads_it_in_whatever_pieces(
    data: bytes, cuts: list[int]
) -> None:
    expected = theirs(data)
    assert expected is not None
    assert asyncio.run(ours(in_pieces(data, cuts))) == expected


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(answers()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.integers(0, 2))
        if change == 0:
            data[at] = draw(st.sampled_from([*b"\r\n\0: \t,;0189afxA\x80\xff"]))
        elif change == 1:
            del data[at : at + draw(st.integers(1, 4))]
        else:
            data[at:at] = draw(
                st.sampled_from(
                    [b"\r\n", b"\n", b" ", b"0", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b":"]
                )
            )
        if not data:
            break
    return bytes(data)


HEAD = re.compile(rb"[\r\n]*(HTTP/1\.[01] ([0-9]{3}))(?: [^\r\n]*)?\r\n")


def without_decoration(data: bytes) -> bytes:
    """Without what nobody reads: empty lines before an answer, and the words beside its status.

    What follows a final answer is not touched: it may be a body that looks like another answer.
    """
    head = HEAD.match(data)
    end = data.find(b"\r\n\r\n", head.end() - 2) if head else -1
    if head is None or end < 0:
        return data
    plain = head[1] + b" \r\n" + data[head.end() : end + 4]
    return plain + (without_decoration(data[end + 4 :]) if head[2][:1] == b"1" else data[end + 4 :])


@given(damaged(), st.lists(st.integers(0, examples(400)), max_size=3))
@settings(deadline=None, max_examples=EXAMPLES)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [])
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n", [])
@example(b"HTTP/1.1 803 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", [])
@example(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (LONGEST_FIELD + 1) + b"\r\n\r\n", [])
def test_no_damage_makes_an_answer_that_h11_reads_otherwise(data: bytes, cuts: list[int]) -> None:
    read = asyncio.run(ours(in_pieces(data, cuts)))
    if read is not None:
        assert read == theirs(without_decoration(data))
