"""Bodies that are sent on while they arrive."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from agentos_runtime.server.limits import Limits
from tests.proxy.lab import Lab, lab
from tests.security.support import until

MB = 1 << 20
HEAD = b"POST /use/openrouter.ai/api/v1/files HTTP/1.1\r\nHost: localhost:%d\r\nX-Agent: up\r\n%b\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Service:
    """Takes one request on a socket, so much of it at a time as a test says."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(20)
        self.origin = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.got = bytearray()
        self.over = threading.Event()
        """Whether the connection ended."""

    def serve(self, until_then: Callable[[bytearray], bool], answer: bytes = OK) -> threading.Thread:
        """In a thread: read until that is so, answer, and go on reading until the end."""
        thread = threading.Thread(target=self._serve, args=(until_then, answer), daemon=True)
        thread.start()
        return thread

    def _serve(self, until_then: Callable[[bytearray], bool], answer: bytes) -> None:
        accepted, _ = self.listening.accept()
        with accepted, contextlib.suppress(OSError):
            answered = False
            while data := accepted.recv(MB):
                self.got += data
                if not answered and until_then(self.got):
                    accepted.sendall(answer)
                    answered = True
        self.over.set()

    @property
    def body(self) -> bytearray:
        return self.got.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def listening() -> Iterator[Service]:
    made = Service()
    yield made
    made.listening.close()


LARGE = int(os.environ.get("AGENTOS_TEST_UPLOAD", "10"))
"""MB."""


@pytest.fixture(scope="module")
def small(listening: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A house that holds bodies of 2 MB at most, and passes 64 MB on."""
    rewrite = {"https://openrouter.ai": listening.origin}
    folder, limits = tmp_path_factory.mktemp("uploads"), Limits(body_timeout=1)
    with lab(folder, rewrite=rewrite, limits=limits, max_body=2 * MB, max_upload=max(64, LARGE) * MB) as made:
        yield made


@pytest.fixture
def service(listening: Service) -> Service:
    """One that has heard nothing yet."""
    listening.got = bytearray()
    listening.over.clear()
    return listening


@contextlib.contextmanager
def client(here: Lab, framing: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", here.house.server.port), timeout=20) as made:
        made.sendall(HEAD % (here.house.server.port, framing))
        yield made


def answer_of(wire: socket.socket) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(wire)
    response.begin()
    return response.status, response.read()


def test_a_large_body_reaches_the_service_while_its_client_still_sends(small: Lab, service: Service) -> None:
    body = bytes(range(256)) * (LARGE * MB // 256)
    service.serve(lambda got: len(got) > len(body) and got.endswith(body[-1024:]))
    with client(small, b"Content-Length: %d" % len(body)) as wire:
        wire.sendall(body[: 5 * MB])
        assert until(lambda: len(service.got) > 2 * MB)
        wire.sendall(body[5 * MB :])
        assert answer_of(wire) == (200, b"{}")
        assert hashlib.sha256(service.body).digest() == hashlib.sha256(body).digest()
        assert b"\r\nContent-Length: %d\r\n\r\n" % len(body) in service.got[:2000]
        assert (small.row()["outcome"], small.row()["utility"]) == ("ok", "use")


def test_a_body_without_a_length_goes_on_in_chunks(small: Lab, service: Service) -> None:
    piece = b"x" * 300_000
    service.serve(lambda got: got.endswith(b"0\r\n\r\n"))
    with client(small, b"Transfer-Encoding: chunked") as wire:
        for _ in range(10):
            wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.sendall(b"0\r\nX-Api-Key: smuggled\r\n\r\n")
        assert answer_of(wire) == (200, b"{}")
        assert b"smuggled" not in service.got
        assert (service.body.count(b"x"), b"content-length" in service.got[:2000].lower()) == (3_000_000, False)


def test_a_service_that_does_not_read_slows_the_client_down(small: Lab, service: Service) -> None:
    sent = 0
    with client(small, b"Content-Length: %d" % (60 * MB)) as wire:
        wire.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while sent < 60 * MB:
                sent += wire.send(b"x" * MB)
        assert sent < 40 * MB
        accepted, _ = service.listening.accept()
        accepted.close()


def test_a_body_above_the_bound_is_refused_and_the_service_never_has_a_whole_one(
    small: Lab, service: Service
) -> None:
    before = small.row()["id"] if small.house.rows() else 0
    with client(small, b"Content-Length: %d" % (200 * MB)) as wire:
        status, said = answer_of(wire)
        assert (status, "AGENTOS_MAX_UPLOAD" in json.loads(said)["error"]) == (413, True)
    assert not small.house.rows() or small.row()["id"] == before
    service.serve(lambda got: got.endswith(b"0\r\n\r\n"))
    with client(small, b"Transfer-Encoding: chunked") as wire:
        for _ in range(65):
            wire.sendall(b"100000\r\n%b\r\n" % (b"x" * MB))
        wire.sendall(b"0\r\n\r\n")
        assert answer_of(wire)[0] == 413
    assert service.over.wait(10)
    assert not service.got.endswith(b"0\r\n\r\n")
    assert small.row()["code"] == "payload_too_large"


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_leaves_or_says_nothing_ends_the_request_to_the_service(
    small: Lab, service: Service, leaves: bool
) -> None:
    service.serve(lambda got: False)
    with client(small, b"Content-Length: %d" % (4 * MB)) as wire:
        wire.sendall(b"x" * 2 * MB)
        assert until(lambda: len(service.got) > MB)
        if not leaves:
            assert answer_of(wire)[0] == 408
    assert service.over.wait(10)
    assert len(service.body) < 4 * MB
    assert until(lambda: small.row()["outcome"] != "started")
    row = small.row()
    assert (row["outcome"], row["code"]) == (("cancelled", None) if leaves else ("error", "request_timeout"))


def test_a_service_that_answers_before_it_has_all_of_it_is_heard(small: Lab, service: Service) -> None:
    service.serve(lambda got: len(got) > MB, OK.replace(b"200 OK", b"413 Too Large"))
    with client(small, b"Content-Length: %d" % (60 * MB)) as wire:
        with contextlib.suppress(OSError):
            for _ in range(60):
                wire.sendall(b"x" * MB)
        assert answer_of(wire) == (413, b"{}")
    assert small.row()["upstream_status"] == 413


def test_the_older_name_of_a_utility_reads_its_body_whole(small: Lab, service: Service) -> None:
    head = HEAD.replace(b"openrouter.ai/api/v1/files", b"openrouter/list_models")
    with socket.create_connection(("127.0.0.1", small.house.server.port), timeout=20) as wire:
        wire.sendall(head % (small.house.server.port, b"Content-Length: %d" % (3 * MB)) + b" " * (3 * MB))
        status, said = answer_of(wire)
    assert (status, b"AGENTOS_MAX_BODY" in said, bytes(service.got)) == (413, True, b"")
