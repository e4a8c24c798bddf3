"""Bytes that no good client sends: malformed, smuggled, slow, huge, many."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from agentos_runtime.server.limits import Limits
from tests.server.client import ask, connected, post, read_answer, read_until, send_raw
from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime

ECHO = "/api/skills/toy/echo"


def host(server: Running) -> bytes:
    return b"Host: 127.0.0.1:%d\r\n" % server.port


@pytest.mark.parametrize(
    "request_line",
    [
        b"FOO / HTTP/1.1",
        b"GET / HTTP/9.9",
        b"GET /\x00 HTTP/1.1",
        b"GET",
        b"\x16\x03\x01\x02",
        b"CONNECT evil:443 HTTP/1.1",
        b"PRI * HTTP/2.0",
    ],
)
def test_what_is_not_http_is_told_so(server: Running, request_line: bytes) -> None:
    answer = send_raw(server, request_line + b"\r\n" + host(server) + b"\r\n")
    assert answer.status in (400, 421)
    assert answer.code in ("bad_request", "misdirected_host")


@pytest.mark.parametrize("target", [b"http://127.0.0.1/api/health", b"http://evil.example/api/health", b"*"])
def test_a_target_that_is_no_path_is_misdirected(server: Running, target: bytes) -> None:
    method = b"OPTIONS" if target == b"*" else b"GET"
    answer = send_raw(server, method + b" " + target + b" HTTP/1.1\r\n" + host(server) + b"\r\n")
    assert (answer.status, answer.code) == (421, "misdirected_host")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 2, 2\r\n",
        b"Content-Length: 0x2\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length : 2\r\n",
        b" Content-Length: 2\r\n",
        b"X: a\nContent-Length: 2\r\n",
    ],
)
def test_ambiguous_framing_is_refused_and_the_connection_closed(framing: bytes) -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server, connected(server) as wire:
        head = b"POST " + ECHO.encode() + b" HTTP/1.1\r\n" + host(server) + b"Content-Type: application/json\r\n"
        smuggled = b"POST /api/skills/toy/smuggled HTTP/1.1\r\n" + host(server) + b"\r\n"
        wire.sendall(head + framing + b"\r\n{}" + smuggled)
        assert read_answer(wire).status in (400, 413, 415)
        with contextlib.suppress(ConnectionError):
            while wire.recv(65536):
                pass
    assert runtime.calls == []


def test_fields_behind_the_body_never_become_headers() -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        body = b"2\r\n{}\r\n0\r\nX-Agent: root\r\nHost: evil\r\n\r\n"
        request = post(server, ECHO, body, "transfer-encoding: chunked")
        assert send_raw(server, request).status == 200
    assert runtime.calls[0].agent == "anonymous"


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    with connected(server) as wire:
        wire.sendall(post(server, ECHO, b'{"n": 1}') + post(server, ECHO, b'{"n": 2}'))
        got = read_until(wire, b'{"n":2}')
    assert got.index(b'{"n":1}') < got.index(b'{"n":2}')


def test_a_request_to_change_the_protocol_is_answered_as_http(server: Running) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
    answer = send_raw(server, b"GET /api/health HTTP/1.1\r\n" + host(server) + upgrade)
    assert (answer.status, answer.headers["connection"]) == (200, "close")


UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n",
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
]
BODIES = [b'Content-Length: 8\r\n\r\n{"a": 1}', b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n']


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_call_that_asks_for_another_protocol_keeps_its_params(
    server: Running, upgrade: bytes, body: bytes, size: int
) -> None:
    head = b"POST " + ECHO.encode() + b" HTTP/1.1\r\n" + host(server) + b"Content-Type: application/json\r\n"
    request = head + b"X-Agent: java\r\n" + upgrade + body
    with connected(server) as wire:
        for at in range(0, len(request), size):
            wire.sendall(request[at : at + size])
        answer = read_answer(wire)
    assert (answer.status, answer.json["params"], answer.json["agent"]) == (200, {"a": 1}, "java")


def test_a_client_that_waits_for_100_continue_gets_it_or_the_refusal(server: Running) -> None:
    with connected(server) as wire:
        head, _, body = post(server, ECHO, b'{"a": 1}', "expect: 100-continue").partition(b"\r\n\r\n")
        wire.sendall(head + b"\r\n\r\n")
        assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        assert read_answer(wire).json["params"] == {"a": 1}
    refused = post(server, ECHO, b"", "expect: 100-continue", "content-length: 99999999")
    assert send_raw(server, refused).code == "payload_too_large"


# ------------------------------------------------------------------ slow


def test_a_head_that_does_not_come_is_ended() -> None:
    with running(ToyRuntime().open, Limits(head_timeout=0.2)) as server:
        for start in (b"", b"GET /api/hea", b"GET /api/health HTTP/1.1\r\nHost: x", b"\r\n"):
            answer = send_raw(server, start)
            assert (answer.status, answer.code) == (408, "request_timeout")


def test_a_second_head_on_a_connection_is_watched_too() -> None:
    with running(ToyRuntime().open, Limits(head_timeout=0.2)) as server, connected(server) as wire:
        wire.sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
        assert read_answer(wire).status == 200
        wire.sendall(b"GET /api")
        assert read_answer(wire).status == 408


def test_a_body_that_does_not_come_is_ended_also_when_it_dribbles() -> None:
    with running(ToyRuntime().open, Limits(body_timeout=0.3)) as server, connected(server) as wire:
        wire.sendall(post(server, ECHO, b"{", "content-length: 5000"))
        wire.settimeout(0.02)
        answer = None
        for _ in range(200):
            try:
                answer = read_answer(wire)
            except TimeoutError:
                wire.sendall(b" ")
            else:
                break
        assert answer is not None
        assert (answer.status, answer.code) == (408, "request_timeout")


def test_a_quiet_connection_is_kept_and_then_closed() -> None:
    with running(ToyRuntime().open, Limits(keep_alive=1, head_timeout=0.2)) as server, connected(server) as wire:
        wire.sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
        assert read_answer(wire).status == 200
        assert wire.recv(1) == b""


def test_a_connection_that_is_used_now_and_then_is_not_a_quiet_one() -> None:
    with running(ToyRuntime().open, Limits(keep_alive=1, head_timeout=0.2)) as server, connected(server) as wire:
        wire.settimeout(0.4)
        for _ in range(4):
            wire.sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
            assert read_answer(wire).status == 200
            with pytest.raises(TimeoutError):
                wire.recv(1)


def test_a_call_that_takes_long_is_not_taken_for_a_slow_client() -> None:
    runtime = ToyRuntime()
    hasty = Limits(head_timeout=0.1, body_timeout=0.1, call_grace=0.5)
    with running(runtime.open, hasty) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/slow", b"{}"))
        wire.settimeout(0.6)
        with pytest.raises(TimeoutError):
            wire.recv(1)
    assert runtime.happened[:2] == ["waiting", "cancelled"]


# ------------------------------------------------------------------ huge


def test_a_body_over_the_bound_is_refused_before_it_is_sent() -> None:
    with running(ToyRuntime().open, max_body=1000) as server:
        assert (
            ask(server, "POST", ECHO, b'{"a": "' + b"x" * 991 + b'"}', {"Content-Type": "application/json"}).status
            == 200
        )
        answer = send_raw(server, post(server, ECHO, b"", "content-length: 1001"))
        assert (answer.status, answer.code) == (413, "payload_too_large")


def test_a_body_without_a_length_is_refused_where_it_passes_the_bound() -> None:
    with running(ToyRuntime().open, max_body=100_000) as server, connected(server) as wire:
        wire.sendall(post(server, ECHO, b"", "transfer-encoding: chunked"))
        for _ in range(3):
            wire.sendall(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        assert read_answer(wire).code == "payload_too_large"


def test_a_client_that_pushes_200_mb_gets_its_413_and_the_memory_stays_flat() -> None:
    with running(ToyRuntime().open) as server, connected(server) as wire:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wire.sendall(post(server, ECHO, b"", "content-length: 200000000"))
        chunk = bytes(1_000_000)
        for _ in range(200):
            wire.sendall(chunk)
        assert read_answer(wire).code == "payload_too_large"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
        wire.sendall(post(server, ECHO, b"{}"))
        assert read_answer(wire).status == 200


def test_large_bodies_together_are_bounded_and_given_back() -> None:
    with running(ToyRuntime().open, Limits(bodies_held=300_000), max_body=250_000) as server:
        body = b'{"a": "' + b"x" * 200_000 + b'"}'
        with connected(server) as first, connected(server) as second:
            for wire in (first, second):
                wire.sendall(post(server, ECHO, body[:180_000], f"content-length: {len(body)}"))
            second.settimeout(20)
            first.settimeout(0.5)
            answers = []
            for wire in (second, first):
                with contextlib.suppress(TimeoutError):
                    wire.settimeout(1)
                    answers.append(read_answer(wire))
            assert [(answer.status, answer.code) for answer in answers] == [(503, "overloaded")]
        for _ in range(5):
            assert ask(server, "POST", ECHO, body, {"Content-Type": "application/json"}).status == 200


@pytest.mark.parametrize("size", [66_000, 100_000, 200_000])
def test_an_address_that_is_too_long_is_told_so(server: Running, size: int) -> None:
    head = f"GET /api/skills?q={'a' * size} HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n\r\n"
    said = send_raw(server, head.encode())
    assert (said.status, said.code) == (413, "payload_too_large")


@pytest.mark.parametrize(
    "filler", [b"X: " + b"y" * 100_000, b"".join(b"X%d: y\r\n" % n for n in range(10_000))], ids=["one", "many"]
)
def test_a_head_without_end_is_refused(server: Running, filler: bytes) -> None:
    with connected(server) as wire:
        with contextlib.suppress(ConnectionError):
            wire.sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + filler)
        assert read_answer(wire).code == "payload_too_large"


# ------------------------------------------------------------------ many


@contextlib.contextmanager
def few_open_files() -> Iterator[None]:
    """As many as systems allow a process by default, and fewer than its connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_500_half_open_connections_do_not_keep_others_out() -> None:
    with few_open_files(), running(ToyRuntime().open) as server, contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(connected(server)).sendall(b"POST /api/ski")
        assert ask(server, "POST", ECHO, {"a": 1}).status == 200


def test_connections_above_the_bound_are_told_so_and_far_above_dropped() -> None:
    with running(ToyRuntime().open, Limits(spare_connections=2), max_connections=3) as server:
        with contextlib.ExitStack() as stack:
            opened = [stack.enter_context(connected(server)) for _ in range(5)]
            opened[0].sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
            assert read_answer(opened[0]).status == 200
            opened[4].sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
            answer = read_answer(opened[4])
            assert (answer.status, answer.code, answer.headers["connection"]) == (503, "overloaded", "close")
            far_above = [stack.enter_context(connected(server)) for _ in range(2)]
            with pytest.raises((HTTPException, OSError)):
                _ask_on(far_above[1], server)
        assert ask(server, "GET", "/api/health").status == 200


def _ask_on(wire: socket.socket, server: Running) -> None:
    wire.sendall(b"GET /api/health HTTP/1.1\r\n" + host(server) + b"\r\n")
    read_answer(wire)


def test_slots_come_back_when_clients_leave() -> None:
    with running(ToyRuntime().open, Limits(spare_connections=0), max_connections=2) as server:
        for _ in range(50):
            assert ask(server, "GET", "/api/health").status == 200
