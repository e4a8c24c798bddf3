"""The listener takes one answer from a browser that comes back, and nothing else."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from agentos_runtime.security.login.callback import Callback, LoginError
from agentos_runtime.security.login.listener import Listener
from tests.login.browser import NAVIGATION, visit

STATE = "c3RhdGUtb2YtMTI4LWJpdHM"
ANYWHERE = "http://127.0.0.1/callback"


@contextmanager
def waiting(declared: str = ANYWHERE, timeout: float = 60) -> Iterator[tuple[Callback, Future[str]]]:
    """A listener in a thread of its own, and what it will have heard; ends with the answer."""
    with Listener(declared) as listener, ThreadPoolExecutor(1) as pool:
        callback = Callback(listener.page, STATE, in_path=True)
        heard = pool.submit(lambda: asyncio.run(listener.answer(callback, timeout=timeout)))
        try:
            yield callback, heard
        finally:
            if not heard.done():
                visit(f"{callback.address}?code=unused")


def test_one_answer_is_taken_and_the_page_says_that_it_may_be_closed() -> None:
    with waiting() as (callback, heard):
        page = visit(f"{callback.address}?code=secret-code")
        assert heard.result(30) == "secret-code"
    assert page.status == 200
    assert "This page may be closed" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "secret-code" not in page.text
    assert STATE not in page.text
    with pytest.raises(ConnectionError):
        visit(f"{callback.address}?code=secret-code")


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/callback/wrong?code=a", "GET", NAVIGATION, 400),
        (f"/callback/{STATE}", "GET", NAVIGATION, 400),
        ("/", "GET", NAVIGATION, 404),
        ("/favicon.ico", "GET", {"Sec-Fetch-Mode": "no-cors"}, 403),
        ("/favicon.ico", "GET", {}, 404),
        (f"/callback/{STATE}?code=a", "POST", NAVIGATION, 405),
        (f"/callback/{STATE}?code=a", "HEAD", NAVIGATION, 405),
        (f"/callback/{STATE}?code=a", "GET", {"Host": "evil.example"}, 421),
        (f"/callback/{STATE}?code=a", "GET", {"Host": "localhost"}, 421),
        (f"/callback/{STATE}?code=a", "GET", {"Origin": "https://evil.example"}, 403),
        (f"/callback/{STATE}?code=a", "GET", {"Origin": "null"}, 403),
        (f"/callback/{STATE}?code=a", "GET", {"Sec-Fetch-Mode": "no-cors"}, 403),
        (f"/callback/{STATE}?code=a", "GET", {"Sec-Fetch-Mode": "cors"}, 403),
    ],
)
def test_everything_else_is_refused_and_the_answer_is_still_waited_for(
    path: str, method: str, headers: dict[str, str], status: int
) -> None:
    with waiting() as (callback, heard):
        origin = f"http://{callback.host}"
        page = visit(origin + path, method, headers)
        assert (page.status, heard.done()) == (status, False)
        assert STATE not in page.text
        visit(f"{callback.address}?code=right")
        assert heard.result(30) == "right"


def test_what_is_no_http_and_who_says_nothing_keep_nobody_waiting() -> None:
    with waiting() as (callback, heard):
        host, _, port = callback.host.partition(":")
        with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))) as rude:
            rude.sendall(b"nonsense\r\n\r\n")
            assert rude.recv(100).startswith(b"HTTP/1.1 400")
            with socket.create_connection((host, int(port))) as huge:
                head = f"GET /callback/{STATE}?code=huge HTTP/1.1\r\nHost: {callback.host}\r\n"
                head += f"X: {'x' * 40_000}\r\n\r\n"
                with contextlib.suppress(ConnectionError):
                    huge.sendall(head.encode())
                assert _ended(huge)
            visit(f"{callback.address}?code=right")
            assert heard.result(30) == "right"


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def test_of_two_answers_at_the_same_moment_one_counts() -> None:
    async def come_twice() -> tuple[str, list[bytes]]:
        with Listener(ANYWHERE) as listener, contextlib.ExitStack() as open_ones:
            callback = Callback(listener.page, STATE, in_path=True)
            answer = asyncio.create_task(listener.answer(callback, timeout=60))
            clients = []
            for number in range(2):
                client = socket.create_connection(("127.0.0.1", listener.port))
                clients.append(open_ones.enter_context(client))
                client.sendall(
                    f"GET /callback/{STATE}?code=c{number} HTTP/1.1\r\nHost: {callback.host}\r\n".encode()
                )
            for _ in range(50):
                await asyncio.sleep(0)  # both are let in, and neither has said all
            for client in clients:
                client.sendall(b"\r\n")
            return await answer, [client.recv(12) for client in clients]

    code, pages = asyncio.run(come_twice())
    assert sorted(pages) == [b"HTTP/1.1 200", b"HTTP/1.1 409"]
    assert code == f"c{pages.index(b'HTTP/1.1 200')}"


def test_a_refusal_of_the_service_ends_the_wait() -> None:
    with waiting() as (callback, heard):
        assert visit(f"{callback.address}?error=access_denied").status == 200
        with pytest.raises(LoginError, match="The login was refused: access_denied"):
            heard.result(30)


def test_nobody_is_waited_for_without_end() -> None:
    with Listener(ANYWHERE) as listener:
        callback = Callback(listener.page, STATE, in_path=True)
        with pytest.raises(LoginError, match=r"Nobody came back from the browser within 0\.05 s"):
            asyncio.run(listener.answer(callback, timeout=0.05))
    with pytest.raises(ConnectionError):
        visit(listener.page)


def test_it_listens_on_this_machine_alone_at_the_port_that_is_wanted_or_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Listener(f"http://localhost:{port}/cb") as listener:
            assert not listener.preferred
            assert listener.port != port
            assert listener.page == f"http://localhost:{listener.port}/cb"
    with Listener(f"http://127.0.0.1:{port}/cb") as listener:
        assert (listener.preferred, listener.page) == (True, f"http://127.0.0.1:{port}/cb")
        addresses = {each.getsockname()[0] for each in listener._sockets}
        assert addresses == {"127.0.0.1"}


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_program_at_the_other_address_of_localhost_does_not_get_the_answer() -> None:
    try:
        taken = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error.strerror}")
    with taken:
        port = taken.getsockname()[1]
        with Listener(f"http://localhost:{port}/cb") as listener:
            assert not listener.preferred
        with waiting("http://localhost/callback") as (callback, heard):
            port = int(callback.host.rpartition(":")[2])
            with socket.create_connection(("::1", port)) as other:
                target = f"/callback/{STATE}?code=six"
                other.sendall(f"GET {target} HTTP/1.1\r\nHost: {callback.host}\r\n\r\n".encode())
                assert other.recv(100).startswith(b"HTTP/1.1 200")
            assert heard.result(30) == "six"
