"""Streams that are listened to: what arrives is taken in the turn of the event loop in which it does."""

import asyncio
import gzip
import threading
from collections.abc import Callable

import pytest

from agentos_runtime.errors import UpstreamTimeout, UpstreamTruncated
from tests.http_client.conftest import Run
from tests.http_client.support import happens, post, upstream
from tests.toy.raw import Behaviour, Exchange, Toy, answer, chunked_head, one_chunk, say, stall

HEAD = chunked_head()
PARTS = [one_chunk(b"one"), one_chunk(b"two"), one_chunk(b"three") + b"0\r\n\r\n"]
Take = Callable[[bytes], bool]


class InStep:
    """Sends the head, and each part only when that is asked for; then it does as told."""

    def __init__(self, *parts: bytes, then: Callable[[Exchange], object] = lambda exchange: None) -> None:
        self._parts = parts
        self._then = then
        self._gate = threading.Semaphore(0)

    def go_on(self, times: int = 1) -> None:
        self._gate.release(times)

    def __call__(self, exchange: Exchange) -> None:
        exchange.send(HEAD)
        for part in self._parts:
            assert self._gate.acquire(timeout=30)
            exchange.send(part)
        self._then(exchange)


async def heard(toy: Toy, take: Take, begun: Callable[[], object], idle_timeout: float = 10) -> bytes:
    """Listen until that ends, then read the rest."""
    async with upstream() as out:
        stream = await out.open(post(toy.url()), timeout=10, idle_timeout=idle_timeout, allow_private=True)
        try:
            begun()  # the loop has no turn before it is listened
            await stream.listen(take)
            return b"".join([piece async for piece in stream.chunks()])
        finally:
            await stream.close()


def taking(taken: list[bytes], steps: InStep) -> Take:
    """What takes everything, and asks for the next part."""

    def take(piece: bytes) -> bool:
        taken.append(piece)
        steps.go_on()
        return True

    return take


def never(piece: bytes) -> bool:
    raise AssertionError(f"{piece!r} was there to be read")


def test_each_piece_is_taken_before_the_next_is_sent(run: Run) -> None:
    steps, taken = InStep(*PARTS), list[bytes]()
    with Toy(steps) as toy:
        assert run(heard(toy, taking(taken, steps), steps.go_on)) == b""
        assert taken == [b"one", b"two", b"three"]


def test_what_follows_a_no_is_read_as_ever(run: Run) -> None:
    steps, taken = InStep(*PARTS), list[bytes]()

    def take(piece: bytes) -> bool:
        taken.append(piece)
        steps.go_on(2)
        return False

    with Toy(steps) as toy:
        assert run(heard(toy, take, steps.go_on)) == b"twothree"
        assert taken == [b"one"]


@pytest.mark.parametrize(
    "behaviour", [answer(200, gzip.compress(b"hello"), [("Content-Encoding", "gzip")]), say(HEAD + b"".join(PARTS))]
)
def test_what_is_packed_or_there_already_is_to_be_read(run: Run, behaviour: Behaviour) -> None:
    with Toy(behaviour) as toy:
        assert run(heard(toy, never, lambda: None)) in (b"hello", b"onetwothree")


@pytest.mark.parametrize("then", [Exchange.close, Exchange.reset], ids=["closed", "reset"])
def test_a_cut_is_truncated_after_what_was_taken(run: Run, then: Callable[[Exchange], object]) -> None:
    steps, taken = InStep(PARTS[0], then=then), list[bytes]()
    with Toy(steps) as toy, pytest.raises(UpstreamTruncated):
        run(heard(toy, taking(taken, steps), steps.go_on))
    assert taken == [b"one"]


def test_what_is_no_http_ends_it_after_what_was_taken(run: Run) -> None:
    steps, taken = InStep(PARTS[0], PARTS[1] + b"no size\r\n"), list[bytes]()
    with Toy(steps) as toy, pytest.raises(Exception, match=r"not HTTP/1\.1"):
        run(heard(toy, taking(taken, steps), steps.go_on))
    assert taken == [b"one", b"two"]


def test_silence_is_counted_from_the_last_piece(run: Run) -> None:
    steps, taken = InStep(PARTS[0], then=Exchange.stall), list[bytes]()
    with Toy(steps) as toy:
        with pytest.raises(UpstreamTimeout, match=r"sent nothing for 0\.3 s"):
            run(heard(toy, taking(taken, steps), steps.go_on, idle_timeout=0.3))
        assert taken == [b"one"]
        assert toy.connections[0].gone.wait(30)


def test_what_goes_wrong_while_taking_is_raised_where_it_is_waited(run: Run) -> None:
    def take(piece: bytes) -> bool:
        raise KeyError(piece)

    steps = InStep(PARTS[0], then=Exchange.stall)
    with Toy(steps) as toy:
        with pytest.raises(KeyError, match="one"):
            run(heard(toy, take, steps.go_on))
        assert toy.connections[0].gone.wait(30)


def test_closing_ends_it(run: Run) -> None:
    async def close_from_elsewhere() -> None:
        async with upstream() as out:
            stream = await out.open(post(toy.url()), timeout=10, idle_timeout=60, allow_private=True)
            listener = asyncio.create_task(stream.listen(never))
            await asyncio.sleep(0)
            stream.abort()
            await listener
            await stream.listen(never)
            assert await happens(toy.connections[0].gone)

    with Toy(stall(HEAD)) as toy:
        run(close_from_elsewhere())
