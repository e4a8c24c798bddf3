"""What balancers ask, and how a server leaves one without a call that fails."""

import asyncio
import contextlib
import json
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.ports import Runtime
from agentos_runtime.server.server import Server
from tests.programs import Program
from tests.server.client import Address, Answer, ask
from tests.server.server import running
from tests.server.test_stop import free_port
from tests.server.toy_runtime import ToyRuntime

ECHO = "/api/skills/toy/echo"
PROBES = ("/api/health/live", "/api/health/ready")
PROGRAM = """
from pathlib import Path
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.server import run
from tests.server.test_stop import free_port
from tests.server.toy_runtime import ToyRuntime

settings = Settings(home=Path("/nonexistent"), port=0, drain=600.0)
run(ToyRuntime().open, settings, ready=lambda url: print(url, flush=True), notice=print)
"""


@pytest.mark.parametrize("path", PROBES)
def test_anybody_may_ask_whether_it_lives_and_learns_nothing_else(path: str) -> None:
    with running(ToyRuntime().open, token="t" * 20) as server:
        told = ask(server, "GET", path, headers={"Host": "10.1.2.3:8080", "Origin": "http://elsewhere.example"})
        assert (told.status, told.json) == (200, {"status": "ok"})
        assert ask(server, "HEAD", path, headers={"Host": "pod"}).status == 200
        refused = ask(server, "POST", path, {})
        assert (refused.status, refused.code, refused.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
        assert ask(server, "GET", "/api/health", headers={"Host": "10.1.2.3:8080"}).status == 421


def test_it_lives_before_it_is_ready() -> None:
    port = free_port()
    answers: queue.Queue[Answer] = queue.Queue()

    @asynccontextmanager
    async def late() -> AsyncIterator[Runtime]:
        for path in PROBES:
            answers.put(await asyncio.to_thread(ask, Address(port), "GET", path))
        async with ToyRuntime().open() as runtime:
            yield runtime

    with running(late, port=port) as server:
        assert ask(server, "GET", "/api/health/ready").status == 200
    live, ready = answers.get(), answers.get()
    assert (live.status, ready.status, ready.json) == (200, 503, {"status": "starting"})


def test_a_server_that_is_told_to_end_sends_others_away_and_takes_calls_until_a_second_signal() -> None:
    command = [sys.executable, "-c", PROGRAM]
    started = Program(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    with started, contextlib.ExitStack() as ends:
        ends.callback(started.kill)
        assert started.stdout is not None
        server = Address(int(started.stdout.readline().rpartition(":")[2]))
        assert ask(server, "POST", ECHO, {}).headers.get("connection") is None
        started.send_signal(signal.SIGTERM)
        while (ready := ask(server, "GET", "/api/health/ready")).status == 200:
            pass
        assert (ready.status, ready.json) == (503, {"status": "stopping"})
        assert ask(server, "GET", "/api/health/live").status == 200
        assert ask(server, "GET", "/api/health").json["status"] == "stopping"
        taken = ask(server, "POST", ECHO, {})
        assert (taken.status, taken.headers["connection"]) == (200, "close")
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0


@pytest.mark.parametrize("raw", ["soon", "-1", "3601", "nan", "inf"])
def test_what_is_no_number_of_seconds_is_refused(raw: str) -> None:
    with pytest.raises(SettingsError, match="must be a number of seconds, 0 to 3600"):
        Settings.from_environ({"AGENTOS_DRAIN": raw})
    assert Settings.from_environ({"AGENTOS_DRAIN": "2.5"}).drain == 2.5


def test_replicas_take_calls_for_ten_seconds_more_unless_they_are_told_otherwise() -> None:
    replica = {"AGENTOS_DATABASE": "postgresql://nobody@127.0.0.1:1/none", "AGENTOS_HOME": "/nonexistent"}
    assert Settings.from_environ(replica).drain == 10
    assert Settings.from_environ(replica | {"AGENTOS_DRAIN": "0"}).drain == 0


def test_a_connection_that_was_accepted_last_is_still_served() -> None:
    limits = Limits(last_requests=60.0, head_timeout=60.0)
    with (
        running(ToyRuntime().open, limits, drain=0.05) as server,
        socket.create_connection(("127.0.0.1", server.port), 60) as last,
    ):
        server.stop()
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                socket.create_connection(("127.0.0.1", server.port)).close()
        last.sendall(request_to(server.port))
        assert last.recv(100).startswith(b"HTTP/1.1 200 ")


def test_connections_that_wait_to_be_accepted_when_a_server_has_drained_are_still_served() -> None:
    drain, waiting = 0.3, list[socket.socket]()
    with (
        running(ToyRuntime().open, Limits(last_requests=60.0), drain=drain) as server,
        contextlib.ExitStack() as ends,
    ):

        def connect() -> None:
            """In the server's thread, which accepts nothing meanwhile, until it has drained."""
            for _ in range(20):
                waiting.append(ends.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)))
                waiting[-1].sendall(request_to(server.port))
            while time.monotonic() < ended:
                pass

        server.stop()
        while ask(server, "GET", "/api/health/ready").status == 200:
            pass
        ended = time.monotonic() + drain
        server.loop.call_soon_threadsafe(connect)
        server.join()
        assert [each.recv(13) for each in waiting] == [b"HTTP/1.1 200 "] * 20


def test_who_has_begun_to_connect_when_a_server_has_drained_may_end_that() -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    with contextlib.suppress(OSError):
        tried = subprocess.run([*alone, "ip", "tuntap", "add", "try0", "mode", "tun"], capture_output=True)
        if tried.returncode == 0:
            command = [*alone, sys.executable, "-m", "tests.server.far_client"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
            assert json.loads(done.stdout or "{}") == {"got": "hello", "answered": False}, done.stderr
            return
    pytest.skip("this machine lets nobody make a network of their own")


def test_a_request_that_arrives_as_its_connection_is_closed_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    accept_no_more = Server._accept_no_more
    with (
        running(ToyRuntime().open) as server,
        socket.create_connection(("127.0.0.1", server.port), 60) as kept,
    ):

        def arriving(self: Server) -> None:
            accept_no_more(self)
            kept.sendall(request_to(server.port))

        kept.sendall(request_to(server.port))
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(Server, "_accept_no_more", arriving)
        server.stop()
        answer = b"".join(iter(lambda: kept.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert b'"code":"shutting_down"' in answer


def request_to(port: int) -> bytes:
    head = f"POST {ECHO} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: 2\r\n\r\n{{}}".encode()
