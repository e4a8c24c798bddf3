"""Streams: as they arrive, bounded, and left at once."""

import asyncio
import gzip
import threading
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import UpstreamTimeout, UpstreamTruncated, UpstreamUnreachable
from agentos_runtime.http_client import UpstreamStream
from tests.http_client.conftest import Run
from tests.http_client.support import happens, post, request, upstream
from tests.sizes import examples
from tests.toy.raw import (
    Behaviour,
    Toy,
    answer,
    bomb,
    chunked_head,
    cut,
    endless,
    one_chunk,
    pieces,
    render_chunks,
    reset,
    say,
    stall,
)

EVENTS = [b'data: {"n":1}\n\n', b": ping\n\n", b"data: [DONE]\n\n"]
STREAM = render_chunks(EVENTS, headers=[("Content-Type", "text/event-stream")])
HEAD = len(chunked_head(headers=[("Content-Type", "text/event-stream")]))


async def collect(stream: UpstreamStream) -> bytes:
    return b"".join([chunk async for chunk in stream.chunks()])


async def read(toy: Toy, *, idle_timeout: float = 10) -> bytes:
    async with upstream() as out:
        stream = await out.open(post(toy.url()), timeout=10, idle_timeout=idle_timeout, allow_private=True)
        try:
            return await collect(stream)
        finally:
            await stream.close()


def test_a_stream_arrives_whole_at_any_split(run: Run) -> None:
    @given(st.lists(st.integers(0, len(STREAM)), max_size=8))
    @settings(deadline=None, max_examples=examples(25))
    def split_anywhere(cuts: list[int]) -> None:
        edges = [0, *sorted(cuts), len(STREAM)]
        with Toy(pieces([STREAM[a:b] for a, b in pairwise(edges)])) as toy:
            assert run(read(toy)) == b"".join(EVENTS)

    split_anywhere()


def test_each_piece_is_there_before_the_next_is_sent(run: Run) -> None:
    got = threading.Semaphore(1)
    parts = [chunked_head() + one_chunk(EVENTS[0]), one_chunk(EVENTS[1]), one_chunk(EVENTS[2]) + b"0\r\n\r\n"]

    async def read_in_step() -> list[bytes]:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            seen = []
            async for chunk in stream.chunks():
                seen.append(chunk)
                got.release()
            return seen

    with Toy(pieces(parts, lambda: got.acquire(timeout=10))) as toy:
        assert run(read_in_step()) == EVENTS


def test_gzip_that_is_flushed_arrives_at_once(run: Run) -> None:
    got = threading.Semaphore(1)
    packer = zlib.compressobj(wbits=31)
    flushed = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    parts = [
        chunked_head(headers=[("Content-Encoding", "gzip")]) + one_chunk(flushed[0]),
        *map(one_chunk, flushed[1:]),
    ]
    parts[-1] += one_chunk(packer.flush()) + b"0\r\n\r\n"

    async def read_in_step() -> list[bytes]:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            seen = []
            async for chunk in stream.chunks():
                seen.append(chunk)
                got.release()
            return seen

    with Toy(pieces(parts, lambda: got.acquire(timeout=10))) as toy:
        assert run(read_in_step()) == EVENTS
        assert toy.requests[0].header("accept-encoding") == "identity"


def test_a_stream_cut_at_any_byte_is_truncated_after_what_had_arrived(run: Run) -> None:
    async def all_cuts() -> None:
        async with upstream() as out:
            for at in range(HEAD, len(STREAM)):
                with Toy(cut(STREAM, at)) as toy:
                    stream = await out.open(post(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
                    with pytest.raises(UpstreamTruncated):
                        await collect(stream)
                    assert len(toy.requests) == 1

    run(all_cuts())


@pytest.mark.parametrize(
    "behaviour", [reset(STREAM[:-5]), reset(b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")], ids=["chunked", "to the end"]
)
def test_a_stream_that_is_reset_is_truncated(run: Run, behaviour: Behaviour) -> None:
    with Toy(behaviour) as toy, pytest.raises(UpstreamTruncated):
        run(read(toy))


def test_a_stream_without_length_ends_with_its_connection(run: Run) -> None:
    with Toy(cut(b"HTTP/1.1 200 OK\r\n\r\n" + b"".join(EVENTS))) as toy:
        assert run(read(toy)) == b"".join(EVENTS)


def test_gzip_in_a_stream_that_stops_early_is_truncated(run: Run) -> None:
    short = answer(200, gzip.compress(b"hello")[:-4], [("Content-Encoding", "gzip")])
    with Toy(short) as toy, pytest.raises(UpstreamTruncated):
        run(read(toy))


def test_silence_in_a_stream_is_a_timeout(run: Run) -> None:
    with Toy(stall(STREAM[:-5])) as toy:
        with pytest.raises(UpstreamTimeout, match=r"sent nothing for 0\.3 s"):
            run(read(toy, idle_timeout=0.3))
        assert toy.connections[0].gone.wait(30)


def test_no_headers_in_time_is_a_timeout(run: Run) -> None:
    async def never_opened() -> None:
        async with upstream() as out:
            with pytest.raises(UpstreamTimeout):
                await out.open(request(toy.url()), timeout=0.3, idle_timeout=10, allow_private=True)

    with Toy(stall(STREAM[:20])) as toy:
        run(never_opened())


def test_closing_a_stream_is_seen_by_the_upstream_at_once(run: Run) -> None:
    async def leave_early() -> None:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=60, allow_private=True)
            assert await anext(stream.chunks()) == EVENTS[0]
            await stream.close()
            await stream.close()
            assert [chunk async for chunk in stream.chunks()] == []
            assert await happens(toy.connections[0].gone)

    with Toy(stall(STREAM[: HEAD + len(one_chunk(EVENTS[0]))])) as toy:
        run(leave_early())


def test_closing_ends_a_reader_that_waits(run: Run) -> None:
    async def close_from_elsewhere() -> None:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=60, allow_private=True)
            reader = asyncio.create_task(collect(stream))
            await asyncio.sleep(0)
            await stream.close()
            assert await reader == b""

    with Toy(stall(STREAM[:HEAD])) as toy:
        run(close_from_elsewhere())


def test_a_cancelled_reader_leaves_a_stream_that_can_be_closed(run: Run) -> None:
    async def cancel_reader() -> None:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=60, allow_private=True)
            reader = asyncio.create_task(collect(stream))
            await asyncio.sleep(0)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            await stream.close()
            assert await happens(toy.connections[0].gone)

    with Toy(stall(STREAM[:HEAD])) as toy:
        run(cancel_reader())


def test_a_slow_reader_slows_the_upstream_down(run: Run) -> None:
    """Memory stays flat because the upstream's own sends have to wait."""

    async def read_one_piece() -> None:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            chunks = stream.chunks()
            await anext(chunks)
            assert await asyncio.to_thread(toy.connections[0].blocked.wait, 10)
            stood_at = toy.connections[0].sent
            while toy.connections[0].sent == stood_at:
                await anext(chunks)
            await stream.close()

    with Toy(endless(chunked_head(), one_chunk(b"a" * 65536)), send_buffer=65536) as toy:
        run(read_one_piece())


def test_a_bomb_in_a_stream_comes_in_small_pieces(run: Run) -> None:
    async def sizes() -> list[int]:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            return [len(chunk) async for chunk in stream.chunks()]

    with Toy(bomb(30 << 20)) as toy:
        seen = run(sizes())
        assert sum(seen) == 30 << 20
        assert max(seen) <= 65536


def test_a_finished_stream_gives_its_connection_back(run: Run) -> None:
    async def two_streams() -> None:
        async with upstream() as out:
            for _ in range(2):
                stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
                await collect(stream)
                await stream.close()

    with Toy(say(STREAM)) as toy:
        run(two_streams())
        assert len(toy.connections) == 1


def test_an_error_instead_of_a_stream_can_be_read_whole(run: Run) -> None:
    async def refused() -> tuple[int, bytes]:
        async with upstream() as out:
            stream = await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            response = await stream.whole(timeout=10)
            return response.status, response.body

    body = b'{"error":{"message":"no credits"}}'
    with Toy(answer(402, gzip.compress(body), [("Content-Encoding", "gzip")])) as toy:
        assert run(refused()) == (402, body)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (stall(chunked_head(402) + one_chunk(b"{")), UpstreamTimeout),
        (cut(b"HTTP/1.1 402 Toy\r\nContent-Le"), UpstreamTruncated),
        (cut(b""), UpstreamUnreachable),
    ],
)
def test_an_error_that_does_not_come_is_one_typed_error(
    run: Run, behaviour: Behaviour, expected: type[Exception]
) -> None:
    async def unreadable() -> None:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            await stream.whole(timeout=0.4)

    with Toy(behaviour) as toy, pytest.raises(expected):
        run(unreadable())


@pytest.mark.parametrize(
    "behaviour",
    [
        cut(chunked_head(402) + one_chunk(b"{")),
        endless(chunked_head(402), one_chunk(b"a" * 65536)),
        answer(402, b"x", [("Content-Encoding", "br")]),
    ],
)
def test_an_error_that_cannot_be_read_is_its_status(run: Run, behaviour: Behaviour) -> None:
    async def unreadable() -> tuple[int, bytes]:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=10, allow_private=True)
            response = await stream.whole(timeout=10)
            return response.status, response.body

    with Toy(behaviour) as toy:
        assert run(unreadable()) == (402, b"")


def test_opening_may_be_repeated_like_a_plain_call(run: Run) -> None:
    with Toy(cut(b""), say(STREAM)) as toy:
        assert run(opened_get(toy)) == b"".join(EVENTS)
        assert len(toy.requests) == 2


async def opened_get(toy: Toy) -> bytes:
    async def no_pause(seconds: float) -> None:
        pass

    async with upstream(sleep=no_pause) as out:
        return await collect(await out.open(request(toy.url()), timeout=10, idle_timeout=10, allow_private=True))
