"""Every way an answer can go wrong is one typed error, and a POST arrives at most once."""

import asyncio
import fcntl
import gzip
import os
import socket
import stat
import sys
import termios
import threading

import pytest

from agentos_runtime.errors import (
    AgentOSError,
    InvalidParams,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from agentos_runtime.http_client import UpstreamRequest
from agentos_runtime.http_client.wire import Wire
from tests.http_client.conftest import Run
from tests.http_client.support import SECRET, happens, post, request, send, settings, upstream
from tests.toy.raw import (
    Behaviour,
    Exchange,
    Toy,
    answer,
    bomb,
    chunked_head,
    cut,
    endless,
    flood,
    one_chunk,
    pieces,
    refusing,
    render,
    render_chunks,
    reset,
    say,
    stall,
)

PLAIN = render(200, b'{"ok":true}', [("Content-Type", "application/json")])
CHUNKED = render_chunks([b'{"ok"', b":true}"])
NOTHING = gzip.compress(b"")
NAMELESS = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + bytes(5) + b"\x03"
"""The head of a gzip body up to where a file's name stands, which nothing ends."""
STATUS_LINE = len("HTTP/1.1 200")


@pytest.mark.parametrize("whole", [PLAIN, CHUNKED], ids=["length", "chunked"])
def test_a_cut_at_any_byte_is_one_typed_error_and_the_post_arrives_once(run: Run, whole: bytes) -> None:
    async def all_cuts() -> None:
        async with upstream() as out:
            for at in range(len(whole)):
                with Toy(cut(whole, at)) as toy:
                    expected = UpstreamUnreachable if at < STATUS_LINE else UpstreamTruncated
                    with pytest.raises((UpstreamUnreachable, UpstreamTruncated)) as caught:
                        await out.send(post(toy.url("/v1?key=" + SECRET)), timeout=10, allow_private=True)
                    if at not in range(STATUS_LINE - 3, STATUS_LINE):
                        assert type(caught.value) is expected, at
                    assert len(toy.requests) == 1
                    assert "may have been processed" in caught.value.message
                    assert SECRET not in caught.value.message

    run(all_cuts())


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (reset(), UpstreamUnreachable),
        (reset(render(200, b"hello", length=10)), UpstreamTruncated),
        (reset(b"HTTP/1.1 200 OK\r\n\r\nends with its connection"), UpstreamTruncated),
        (cut(b""), UpstreamUnreachable),
        (answer(body=b"short", length=6), UpstreamTimeout),
        (say(PLAIN + PLAIN), UpstreamInvalid),
        (answer(body=b"longer than it says", length=5), UpstreamInvalid),
        (stall(), UpstreamTimeout),
        (stall(PLAIN[:-3]), UpstreamTimeout),
        (flood(103), UpstreamInvalid),
        (say(b"HTTP/1.1 103 Hints\r\n\r\n" * 33 + render(body=b"{}")), UpstreamInvalid),
        (flood(100), UpstreamInvalid),
        (say(b"SSH-2.0-OpenSSH_9.9\r\n"), UpstreamInvalid),
        (say(b"<html>not HTTP</html>\r\n"), UpstreamInvalid),
        (say(b"HTTP/2 200\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), UpstreamInvalid),
        (
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            UpstreamInvalid,
        ),
        (say(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"), UpstreamInvalid),
        (say(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n"), UpstreamInvalid),
        (endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096), UpstreamInvalid),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536), UpstreamInvalid),
        (endless(render_chunks([b"body"], end=False) + b"0\r\nX: ", b"a" * 65536), UpstreamInvalid),
        (endless(render_chunks([b"body"], end=False) + b"0\r\nX", b"a" * 4096), UpstreamInvalid),
        (endless(render_chunks([b"body"], end=False) + b"4;a=", b"a" * 65536), UpstreamInvalid),
        (answer(body=NOTHING * 2000, headers=[("Content-Encoding", "gzip")]), UpstreamInvalid),
        (endless(chunked_head(), one_chunk(b"a" * 65536)), UpstreamInvalid),
        (endless(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", NOTHING * 3000), UpstreamInvalid),
        (endless(NAMELESS, b"a" * 65536), UpstreamInvalid),
        (answer(body=b"a" * (1 << 20) + b"b"), UpstreamInvalid),
        (say(render_chunks([b"good"], end=False) + b"zz\r\n\r\n"), UpstreamInvalid),
        (bomb(50 << 20), UpstreamInvalid),
        (answer(body=b"plain", headers=[("Content-Encoding", "gzip")]), UpstreamInvalid),
        (answer(body=b"x", headers=[("Content-Encoding", "br")]), UpstreamInvalid),
        (answer(body=b"x", headers=[("Content-Encoding", "gzip, gzip")]), UpstreamInvalid),
    ],
)
def test_a_bad_answer_is_one_typed_error(run: Run, behaviour: Behaviour, expected: type[AgentOSError]) -> None:
    with Toy(behaviour) as toy:
        with pytest.raises(expected) as caught:
            run(send(post(toy.url("/v1?key=" + SECRET)), timeout=0.5 if expected is UpstreamTimeout else 10))
        assert toy.origin in caught.value.message
        assert SECRET not in caught.value.message
        assert len(toy.requests) == 1


def test_a_broken_chunk_after_good_ones_is_noticed_at_once(run: Run) -> None:
    seen = threading.Event()

    async def read_then_break() -> None:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            chunks = stream.chunks()
            assert await anext(chunks) == b"good"
            seen.set()
            with pytest.raises(UpstreamInvalid):
                await anext(chunks)

    sent_before = iter([True, False])
    with Toy(
        pieces([render_chunks([b"good"], end=False), b"zz\r\nbad"], lambda: next(sent_before) or seen.wait(10))
    ) as toy:
        run(read_then_break())


def test_a_refused_connection_says_so(run: Run) -> None:
    with refusing() as origin, pytest.raises(UpstreamUnreachable, match="refused") as caught:
        run(send(post(origin)))
    assert "processed" not in caught.value.message


def test_an_unknown_name_says_so(run: Run) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(UpstreamUnreachable, match="name is not known"):
        run(send(post("https://nowhere.example/"), resolve=nowhere))


def test_the_deadline_is_over_the_whole_call(run: Run) -> None:
    with (
        Toy(endless(chunked_head(), one_chunk(b"."))) as toy,
        pytest.raises(UpstreamTimeout, match=r"within 0\.4 s"),
    ):
        run(asyncio.wait_for(send(request(toy.url()), settings(max_reply=1 << 40), timeout=0.4), 5))


def test_an_answer_of_exactly_the_bound_is_taken(run: Run) -> None:
    with Toy(answer(body=b"a" * 1000)) as toy:
        assert len(run(send(request(toy.url()), settings(max_reply=1000))).body) == 1000


@pytest.mark.parametrize(
    "raw", [render(200, b"a" * 1001), render_chunks([b"a" * 1001]), render_chunks([b"a"] * 1001)]
)
def test_one_byte_more_than_the_bound_is_refused(run: Run, raw: bytes) -> None:
    with Toy(say(raw)) as toy, pytest.raises(UpstreamInvalid, match="larger than 1000 bytes"):
        run(send(request(toy.url()), settings(max_reply=1000)))


def test_a_put_or_delete_is_not_repeated_behind_our_back(run: Run) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        with Toy(cut(b"")) as toy:
            with pytest.raises(UpstreamUnreachable):
                run(send(request(toy.url(), method)))
            assert len(toy.requests) == 1


def test_a_connection_that_was_closed_while_idle_is_not_written_to(run: Run) -> None:
    """The upstream's goodbye lies unread in the socket, because the loop had other work."""
    closing, closed = threading.Event(), threading.Event()

    def answer_then_close(exchange: Exchange) -> None:
        exchange.send(PLAIN)
        closing.wait(10)
        exchange.connection.finish()
        closed.set()
        exchange.close()

    async def two_posts() -> None:
        async with upstream() as out:
            await out.send(post(toy.url()), timeout=10, allow_private=True)
            closing.set()
            closed.wait(10)  # on purpose: the loop must not see it
            assert (await out.send(post(toy.url()), timeout=10, allow_private=True)).status == 200

    with Toy(answer_then_close, say(PLAIN)) as toy:
        run(two_posts())
        assert [len(toy.requests), len(toy.connections)] == [2, 2]


def test_an_answer_nobody_asked_for_is_never_given_to_the_next_call(run: Run) -> None:
    asked, poisoned = threading.Event(), threading.Event()

    def answer_twice(exchange: Exchange) -> None:
        exchange.send(PLAIN)
        asked.wait(10)
        exchange.send(render(200, b"poison"))
        poisoned.set()

    async def two_calls() -> bytes:
        async with upstream() as out:
            await out.send(request(toy.url()), timeout=10, allow_private=True)
            asked.set()
            await asyncio.to_thread(poisoned.wait, 10)
            return (await out.send(request(toy.url()), timeout=10, allow_private=True)).body

    with Toy(answer_twice, say(PLAIN)) as toy:
        assert run(two_calls()) == b'{"ok":true}'


def test_a_connection_is_kept_and_used_again(run: Run) -> None:
    async def three_calls() -> None:
        async with upstream() as out:
            for _ in range(3):
                await out.send(post(toy.url()), timeout=10, allow_private=True)

    with Toy(say(PLAIN)) as toy:
        run(three_calls())
        assert [len(toy.requests), len(toy.connections)] == [3, 1]


def test_a_cancelled_call_closes_its_connection_at_once(run: Run) -> None:
    """At any moment: before the answer, within its head, within its body."""

    async def leave(body: bytes) -> None:
        async with upstream() as out:
            call = asyncio.create_task(out.send(post(toy.url(), body), timeout=60, allow_private=True))
            assert await happens(arrived)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await happens(toy.connections[0].gone)

    for sent in (b"", b"HTTP/1.1 200 OK\r\nContent-", PLAIN[:-3]):
        arrived = threading.Event()

        def say_and_wait(exchange: Exchange, sent: bytes = sent, arrived: threading.Event = arrived) -> None:
            exchange.send(sent)
            arrived.set()
            exchange.stall()

        with Toy(say_and_wait) as toy:
            run(leave(b"{}"))


def test_a_call_cancelled_while_nobody_reads_it_leaves_nothing_open(run: Run) -> None:
    """Bytes that still wait to be written do not keep the connection."""

    async def leave(origin: str) -> None:
        async with upstream() as out:
            before = open_sockets()
            call = asyncio.create_task(out.send(post(origin, bytes(30 << 20)), timeout=60, allow_private=True))
            peer, _ = await asyncio.to_thread(listener.accept)
            with peer:
                await asyncio.to_thread(peer.recv, 1)
                await let_stall(peer)
                assert open_sockets() > before + 1
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                for _ in range(100):
                    await asyncio.sleep(0)
                assert open_sockets() == before + 1

    with socket.create_server(("127.0.0.1", 0)) as listener:
        run(leave(f"http://127.0.0.1:{listener.getsockname()[1]}"))


async def let_stall(peer: socket.socket) -> None:
    """Wait until every buffer on the way to the peer is full, so that bytes wait to be written."""
    seen, waiting = -1, 0
    while seen != waiting:
        seen = waiting
        for _ in range(100):
            await asyncio.sleep(0)
        waiting = int.from_bytes(fcntl.ioctl(peer, termios.FIONREAD, bytes(4)), sys.byteorder)


def open_sockets() -> int:
    return sum(map(is_socket, os.listdir("/dev/fd")))


def is_socket(number: str) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(int(number)).st_mode)
    except OSError:
        return False


def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(run: Run) -> None:
    with Toy(say(PLAIN)) as toy:
        for value in ("a\r\nX-Injected: yes", "a\nb", "a\x00b", "half a character \ud83d"):
            bad = UpstreamRequest("POST", toy.url(), (("X-Name", value),), b"{}")
            with pytest.raises(InvalidParams, match="header"):
                run(send(bad))
        assert toy.requests == []


def test_a_connection_whose_request_was_answered_half_heard_is_not_used_again(run: Run) -> None:
    """What is left of the request would be read as the next one, or the next one as what is left."""

    async def answered(unread: int) -> list[str]:
        here, there = socket.socketpair()
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        became: list[str] = []
        wire = Wire(lambda wire: became.append("idle"), lambda wire: became.append("closed"))
        await asyncio.get_running_loop().create_connection(lambda: wire, sock=here)
        with there:
            there.sendall(PLAIN)
            answer = await wire.ask("POST", b"POST / HTTP/1.1\r\n\r\n", b"a" * unread)
            assert answer.status == 200
            await asyncio.sleep(0)
            wire.abort()
        return became[:1]

    assert run(answered(200_000)) == ["closed"]
    assert run(answered(2)) == ["idle"]


def test_a_large_body_arrives_whole(run: Run) -> None:
    body = bytes(range(256)) * 20_000
    with Toy(say(PLAIN)) as toy:
        run(send(post(toy.url(), body)))
        assert toy.requests[0].body == body
