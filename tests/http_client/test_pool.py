"""Connections are kept, bounded, waited for, and never shared between calls that differ in what they may reach."""

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.http_client import Upstream
from tests.http_client.conftest import Run
from tests.http_client.support import post, request, upstream
from tests.toy.raw import Exchange, Toy, answer, cut, render


def few(most: int) -> Settings:
    return Settings(home=Path("unused"), max_connections=most)


class Gate:
    """Answers when it is opened; counts who waits in front of it."""

    def __init__(self) -> None:
        self.waiting = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)

    def __call__(self, exchange: Exchange) -> None:
        self.waiting.release()
        self.opened.acquire(timeout=10)
        exchange.send(render(200, b"let in"))

    async def somebody_waits(self) -> bool:
        return await asyncio.to_thread(self.waiting.acquire, timeout=10)


def get(out: Upstream, toy: Toy) -> "asyncio.Future[bytes]":
    async def body() -> bytes:
        return (await out.send(request(toy.url()), timeout=10, allow_private=True)).body

    return asyncio.ensure_future(body())


def test_no_more_connections_are_open_than_permitted_and_who_waits_comes_in_turn(run: Run) -> None:
    gate = Gate()

    async def five() -> list[bytes]:
        async with upstream(few(2)) as out:
            calls = [get(out, toy) for _ in range(5)]
            for _ in range(5):
                assert await gate.somebody_waits()
                assert len(toy.connections) <= 2
                gate.opened.release()
            return await asyncio.gather(*calls)

    with Toy(gate) as toy:
        assert run(five()) == [b"let in"] * 5
        assert len(toy.connections) == 2


def test_who_stops_waiting_takes_no_place(run: Run) -> None:
    gate = Gate()

    async def leave_while_waiting() -> None:
        async with upstream(few(1)) as out:
            first = get(out, toy)
            assert await gate.somebody_waits()
            leaving, second = get(out, toy), get(out, toy)
            await asyncio.sleep(0)
            leaving.cancel()
            gate.opened.release()
            assert await first == b"let in"
            leaving.cancel()
            gate.opened.release()
            assert await second == b"let in"
            with contextlib.suppress(asyncio.CancelledError):
                await leaving

    with Toy(gate) as toy:
        run(leave_while_waiting())
        assert len(toy.requests) == 2


def test_who_leaves_just_when_its_turn_comes_hands_it_on(run: Run) -> None:
    gate = Gate()

    async def leave_in_turn() -> None:
        async with upstream(few(1)) as out:
            first = get(out, toy)
            assert await gate.somebody_waits()
            leaving, second = get(out, toy), get(out, toy)
            first.add_done_callback(lambda _: leaving.cancel())
            for _ in range(3):
                gate.opened.release()
            assert await asyncio.wait_for(second, 5) == b"let in"

    with Toy(gate) as toy:
        run(leave_in_turn())


def test_a_failed_call_leaves_its_place_to_others(run: Run) -> None:
    async def fail_then_call() -> None:
        async with upstream(few(1)) as out:
            for _ in range(3):
                with pytest.raises(UpstreamUnreachable):
                    await out.send(post("http://127.0.0.1:1/"), timeout=10, allow_private=True)
            assert (await out.send(post(toy.url()), timeout=10, allow_private=True)).status == 200

    with Toy(answer()) as toy:
        run(fail_then_call())


def test_an_idle_connection_makes_room_for_one_elsewhere(run: Run) -> None:
    async def here_and_there() -> None:
        async with upstream(few(1)) as out:
            for toy in (one, other, one):
                assert await get(out, toy) == b""
            assert await asyncio.to_thread(one.connections[0].gone.wait, 5)

    with Toy(answer()) as one, Toy(answer()) as other:
        run(here_and_there())
        assert [len(one.connections), len(other.connections)] == [2, 1]


def test_idle_connections_that_ended_or_made_room_give_no_place_more_than_there_is(run: Run) -> None:
    """What ended while it was idle carried no call, so its end frees nothing."""
    gate = Gate()

    async def many() -> None:
        async with upstream(few(1)) as out:
            for _ in range(3):
                assert await get(out, leaving) == b""
                await asyncio.to_thread(leaving.connections[-1].gone.wait, 5)
                assert await get(out, staying) == b""
            calls = [get(out, toy) for _ in range(4)]
            for _ in calls:
                assert await gate.somebody_waits()
                gate.opened.release()
            assert await asyncio.gather(*calls) == [b"let in"] * 4

    with Toy(cut(render(200))) as leaving, Toy(answer()) as staying, Toy(gate) as toy:
        run(many())
        assert len(toy.connections) == 1, "no second one was made beside the first"


def test_closing_ends_what_is_open(run: Run) -> None:
    async def leave_all() -> None:
        async with upstream() as out:
            await get(out, toy)
        assert await asyncio.to_thread(toy.connections[0].gone.wait, 5)

    with Toy(answer()) as toy:
        run(leave_all())


@pytest.mark.parametrize("goodbye", [b"Connection: close\r\n", b"connection: Close\r\n"])
def test_a_connection_that_says_goodbye_is_not_used_again(run: Run, goodbye: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\n" + goodbye + b"Content-Length: 0\r\n\r\n"

    async def twice() -> None:
        async with upstream() as out:
            for _ in range(2):
                assert await get(out, toy) == b""

    with Toy(lambda exchange: exchange.send(raw)) as toy:
        run(twice())
        assert len(toy.connections) == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for secure.example, key and all in one file."""
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=toy"
    names = ["-addext", "subjectAltName=DNS:secure.example", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@contextlib.contextmanager
def tunnelling(target: Toy) -> Iterator[Toy]:
    """A proxy that answers every CONNECT by carrying bytes to the target."""

    def carry(exchange: Exchange) -> None:
        exchange.tunnel(("127.0.0.1", target.port))

    with Toy(carry) as proxy:
        yield proxy


def test_a_tunnel_through_the_proxy_is_secured_with_the_service_and_kept(run: Run, certificate: Path) -> None:
    async def outside(host: str, port: int) -> list[str]:
        return ["1.1.1.1"]

    async def twice() -> None:
        given = Settings(home=Path("unused"), proxy=proxy.origin)
        trusted = ssl.create_default_context(cafile=f"{certificate}.crt")
        async with upstream(given, tls=trusted, resolve=outside) as out:
            for _ in range(2):
                got = await out.send(post("https://secure.example/v1?a=b"), timeout=10)
                assert (got.status, got.body) == (200, b"secure")

    side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    side.load_cert_chain(certificate)
    with Toy(answer(body=b"secure"), tls=side) as target, tunnelling(target) as proxy:
        run(twice())
        assert [received.target for received in proxy.requests] == ["secure.example:443"] * len(proxy.connections)
        assert [(each.target, each.header("host")) for each in target.requests] == [
            ("/v1?a=b", "secure.example")
        ] * 2
        assert target.requests[0].header("proxy-authorization") is None


def test_a_tunnel_that_ends_at_somebody_else_is_refused(run: Run, certificate: Path) -> None:
    async def outside(host: str, port: int) -> list[str]:
        return ["1.1.1.1"]

    async def once() -> None:
        given = Settings(home=Path("unused"), proxy=proxy.origin)
        trusted = ssl.create_default_context(cafile=f"{certificate}.crt")
        async with upstream(given, tls=trusted, resolve=outside) as out:
            with pytest.raises(UpstreamUnreachable, match="certificate is refused"):
                await out.send(post("https://other.example/"), timeout=10)

    side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    side.load_cert_chain(certificate)
    with Toy(answer(), tls=side) as target, tunnelling(target) as proxy:
        run(once())
        assert target.requests == []
