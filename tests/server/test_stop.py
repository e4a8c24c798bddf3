"""Starting and stopping: in a process of its own, by signals."""

import asyncio
import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from agentos_runtime.calls.call import Event
from agentos_runtime.config.settings import SettingsError
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.ports import Runtime
from agentos_runtime.server.server import listen
from tests.programs import Program
from tests.server.client import Address, Answer, ask, connected, post, read_answer, read_until
from tests.server.server import running
from tests.server.test_streams import events
from tests.server.toy_runtime import ToyRuntime

CHAT = "/api/skills/toy/chat"
HEL = Event("delta", {"content": "Hel"})
PROGRAM = """
from pathlib import Path
from agentos_runtime.calls.call import Event
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.server import run
from tests.server.toy_runtime import ToyRuntime

runtime = ToyRuntime({"chat": [[Event("delta", {"content": "Hel"})], None]})
runtime.on_log = lambda what: print(what, flush=True)
settings = Settings(home=Path("/nonexistent"), port=0)
run(runtime.open, settings, ready=lambda url: print(url, flush=True), notice=print)
"""


@contextlib.contextmanager
def process() -> Iterator[tuple[Address, "subprocess.Popen[str]"]]:
    root = Path(__file__).parents[2]
    started = Program([sys.executable, "-c", PROGRAM], cwd=root, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield Address(int(started.stdout.readline().rpartition(":")[2])), started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_with_one_goodbye_and_the_process_with_success(number: signal.Signals) -> None:
    with process() as (server, started), connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}', "x-request-id: r"))
        read_until(wire, b"Hel")
        started.send_signal(number)
        last = read_until(wire, b"0\r\n\r\n")
        assert started.wait(timeout=60) == 0
        assert last.count(b"event: error") == 1
        assert b'"code":"shutting_down"' in last
        assert b'"request_id":"r"' in last
        assert b'"partial":{"content":"Hel"}' in last
        assert started.stdout is not None
        assert started.stdout.read().split("\n")[:2] == ["closed", "runtime closed"]


def test_while_stopping_health_says_so_and_no_new_call_is_taken() -> None:
    runtime = ToyRuntime()
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open, Limits(call_grace=20)) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/patient", b"{}"))
        assert happened.get(timeout=30) == "patient"
        server.stop()
        while (health := ask(server, "GET", "/api/health")).status == 200:
            pass
        assert (health.status, health.code, health.json["status"]) == (503, "shutting_down", "stopping")
        refused = ask(server, "POST", "/api/skills/toy/echo", {})
        assert (refused.status, refused.code) == (503, "shutting_down")
        server.loop.call_soon_threadsafe(runtime.finish_patient_calls)
        assert read_answer(wire).json["params"] == {}


def test_a_plain_call_has_all_of_its_grace_where_no_stream_is_open() -> None:
    runtime = ToyRuntime()
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open, Limits(call_grace=5, stream_grace=5)) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/patient", b"{}"))
        assert happened.get(timeout=30) == "patient"
        server.stop()
        server.loop.call_soon_threadsafe(server.loop.call_later, 0.5, runtime.finish_patient_calls)
        assert read_answer(wire).status == 200


def test_a_plain_call_that_outlives_the_grace_is_ended_with_an_error() -> None:
    runtime = ToyRuntime()
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open, Limits(call_grace=0.2, stream_grace=0.1)) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/slow", b"{}"))
        assert happened.get(timeout=30) == "waiting"
        server.stop()
        answer = read_answer(wire)
        assert (answer.status, answer.code) == (503, "shutting_down")
        assert happened.get(timeout=30) == "cancelled"


def test_a_stream_that_does_not_say_goodbye_is_ended_with_one() -> None:
    runtime = ToyRuntime({"chat": [[HEL], None]}, heeds_interrupts=False)
    with running(runtime.open, Limits(call_grace=0.2, stream_grace=0.1)) as server, connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}'))
        first = read_until(wire, b"Hel")
        server.stop()
        whole = first + read_until(wire, b"0\r\n\r\n")
    body = b"".join(line + b"\n" for line in whole.split(b"\r\n") if line.startswith(b"event: "))
    assert [name for name, _ in events(body.replace(b"\n\n\n", b"\n\n"))] == ["delta", "error"]
    assert runtime.happened == ["closed", "runtime closed"]


def test_a_client_that_does_not_read_cannot_keep_the_server_up() -> None:
    big = [Event("delta", {"content": "x" * 100_000})]
    runtime = ToyRuntime({"chat": [big] * 500})
    with running(runtime.open, Limits(call_grace=0.2, stream_grace=0.1)) as server, connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}'))
        read_until(wire, b"event: delta")
        server.stop()
        server.join(timeout=10)
    assert runtime.happened == ["closed", "runtime closed"]


def test_idle_connections_do_not_delay_the_end() -> None:
    patient = Limits(head_timeout=600, call_grace=600, stream_grace=600)
    with running(ToyRuntime().open, patient) as server, connected(server) as idle, connected(server) as half_open:
        half_open.sendall(b"GET /")
        server.stop()
        server.join(timeout=60)
        assert idle.recv(1) == b""


def test_before_the_runtime_is_open_health_says_so_and_calls_wait() -> None:
    runtime = ToyRuntime()
    port = free_port()
    answers: queue.Queue[Answer] = queue.Queue()

    @contextlib.asynccontextmanager
    async def slowly() -> AsyncIterator[Runtime]:
        proceed = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=call_early, args=(lambda: loop.call_soon_threadsafe(proceed.set),)).start()
        await proceed.wait()
        async with runtime.open() as opened:
            yield opened

    def call_early(open_now: Callable[[], object]) -> None:
        server = Address(port)
        with connected(server) as wire:
            wire.sendall(post(server, "/api/skills/toy/echo", b"{}"))
            answers.put(ask(server, "GET", "/api/health"))
            open_now()
            answers.put(read_answer(wire))

    with running(slowly, port=port):
        health, call = answers.get(timeout=30), answers.get(timeout=30)
    assert (health.status, health.json["status"]) == (503, "starting")
    assert call.json["params"] == {}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="AGENTOS_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_an_address_that_is_not_ours_is_said_with_what_to_do() -> None:
    for host in ("192.0.2.1", "no.such.name.invalid"):
        with pytest.raises(SettingsError, match="AGENTOS_"), contextlib.closing(listen(host, 0)):
            pass
