"""Two servers behind the balancers whose configuration is in `deploy/`."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.chat import ASK, HELLO, Steps, completion, in_steps, sse
from tests.programs import Program
from tests.server.test_stop import free_port
from tests.toy.raw import Behaviour, Exchange, Toy, answer_json

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 240.0
CHAT = "/api/skills/openrouter/chat"
PUBLIC = "http://agents.example"
TOKEN = "a token that is made up"
HEADERS = {"Host": "agents.example", "Authorization": f"Bearer {TOKEN}"}
BALANCERS: Mapping[str, tuple[str, Callable[[Path], list[str]], Callable[[Path], list[str]]]] = {
    "haproxy": (
        "haproxy.cfg",
        lambda file: ["haproxy", "-c", "-f", str(file)],
        lambda file: ["haproxy", "-db", "-f", str(file)],
    ),
    "nginx": (
        "nginx.conf",
        lambda file: ["nginx", "-t", "-c", str(file), "-e", "stderr"],
        lambda file: ["nginx", "-c", str(file), "-e", "stderr", "-g", f"daemon off; pid {file.parent}/nginx.pid;"],
    ),
}


def installed(name: str) -> str:
    """The balancer's program, also where only root looks for programs."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@dataclass
class Replicas:
    """Two servers on one home behind a balancer; `stop` and `start` one by its number."""

    ports: tuple[int, int]
    environ: Mapping[str, str]
    url: str = ""
    states: str | None = None
    """Where HAProxy says which servers it sends calls to; nginx finds that out by calls."""

    def __post_init__(self) -> None:
        self.running: dict[int, subprocess.Popen[str]] = {}

    def start(self, number: int) -> None:
        command = [sys.executable, "-m", "agentos_runtime", "serve", "--json", "--port", str(self.ports[number])]
        process = Program(command, env=dict(self.environ), stdout=subprocess.PIPE, text=True)
        self.running[number] = process
        assert process.stdout is not None
        assert process.stdout.readline()
        if self.states:
            _until(lambda: f"agentos,agentos-{number + 1}," in self._up())

    def _up(self) -> str:
        states = httpx.get(self.states or "", trust_env=False, timeout=PATIENCE).text.splitlines()
        return "\n".join(line for line in states if ",UP," in line)

    def tell_to_end(self, number: int) -> None:
        process = self.running.pop(number)
        process.send_signal(signal.SIGTERM)
        with process:
            process.communicate(timeout=PATIENCE)

    def kill(self, number: int) -> None:
        process = self.running.pop(number)
        process.kill()
        with process:
            process.communicate(timeout=PATIENCE)

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            with process:
                process.communicate(timeout=PATIENCE)

    def call(self) -> httpx.Response:
        return httpx.post(self.url + CHAT, json=ASK, headers=HEADERS, timeout=PATIENCE, trust_env=False)


def configuration(name: str, folder: Path, ports: tuple[int, ...]) -> tuple[Path, int, int]:
    """The file of `deploy/` with the places of the test in it, the balancer's port, and where it tells states."""
    port, states = free_port(), free_port()
    lines = (DEPLOY / BALANCERS[name][0]).read_text().splitlines()
    named = [line for line in lines if re.search(r"agentos-\d:3456", line)]
    at = lines.index(named[0])
    servers = [_of_server(named[0], number, each) for number, each in enumerate(ports, 1)]
    text = "\n".join([*lines[:at], *servers, *lines[at + len(named) :], ""])
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("listen 8080", f"listen 127.0.0.1:{port}")
    file = folder / BALANCERS[name][0]
    if name == "haproxy":
        text = text.replace("inter 1s", "inter 100ms")
        text += f"\nfrontend states\n  bind 127.0.0.1:{states}\n  stats enable\n  stats uri /\n"
    file.write_text(text)
    return file, port, states


def _of_server(line: str, number: int, port: int) -> str:
    """The line of the first server, for one on this port."""
    return line.replace("agentos-1:3456", f"127.0.0.1:{port}").replace("agentos-1", f"agentos-{number}")


@contextlib.contextmanager
def balanced(name: str, folder: Path, ports: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """The balancer in front of servers on these ports: its address, and where it tells states."""
    program = installed(name)
    file, port, states = configuration(name, folder, ports)
    balancer = subprocess.Popen([program, *BALANCERS[name][2](file)[1:]], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{states}/;csv"
    finally:
        balancer.terminate()
        balancer.wait(PATIENCE)


@contextlib.contextmanager
def replicas(name: str, folder: Path, toy: Toy) -> Iterator[Replicas]:
    installed(name)
    environ = {
        "AGENTOS_HOME": str(folder / "home"),
        "AGENTOS_REWRITE": f"https://openrouter.ai={toy.origin}",
        "AGENTOS_PUBLIC_URL": PUBLIC,
        "AGENTOS_TOKEN": TOKEN,
        "AGENTOS_DRAIN": "2",
        "OPENROUTER_API_KEY": "sk-or-made-up",
        "PATH": os.environ["PATH"],
    }
    both = Replicas((free_port(), free_port()), environ)
    with contextlib.ExitStack() as ends:
        ends.callback(both.end)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(both.start, (0, 1)))
        both.url, states = ends.enter_context(balanced(name, folder, both.ports))
        _until(lambda: _answers(both.url))
        if name == "haproxy":
            both.states = states
        yield both


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/api/health", headers=HEADERS, trust_env=False, timeout=PATIENCE).status_code == 200
    return False


def _until(wanted: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < deadline


def one_by_one(arrived: threading.Semaphore, go_on: threading.Event) -> Behaviour:
    """Says that a request is there, and answers it when told to go on."""

    def behave(exchange: Exchange) -> None:
        arrived.release()
        assert go_on.wait(PATIENCE)
        answer_json(completion("done"))(exchange)

    return behave


@pytest.mark.parametrize("name", BALANCERS)
def test_the_configuration_is_what_the_balancer_understands(name: str, tmp_path: Path) -> None:
    program = installed(name)
    file, _, _ = configuration(name, tmp_path, (1, 2))
    checked = subprocess.run([program, *BALANCERS[name][1](file)[1:]], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr.lower()


def test_servers_are_replaced_one_after_the_other_and_no_call_fails(tmp_path: Path) -> None:
    """Behind HAProxy, which asks whether they are ready; nginx learns it by a call."""
    with Toy(answer_json(completion("hello"))) as toy, replicas("haproxy", tmp_path, toy) as both:
        over = threading.Event()
        replies: list[httpx.Response] = []

        def go_on_calling() -> None:
            while not over.is_set():
                replies.append(both.call())

        with ThreadPoolExecutor(2) as pool:
            callers = [pool.submit(go_on_calling) for _ in range(2)]
            for number in (0, 1):
                both.tell_to_end(number)
                both.start(number)
            made = len(replies)
            _until(lambda: len(replies) > made + 10)
            over.set()
            for caller in callers:
                caller.result(PATIENCE)
        assert [reply.text for reply in replies if reply.status_code != 200] == []
        assert len(toy.requests) == len(replies)


@pytest.mark.parametrize("name", BALANCERS)
def test_a_call_of_a_killed_server_is_not_made_again_and_the_other_answers(name: str, tmp_path: Path) -> None:
    arrived, go_on = threading.Semaphore(0), threading.Event()
    with (
        Toy(one_by_one(arrived, go_on)) as toy,
        replicas(name, tmp_path, toy) as both,
        ThreadPoolExecutor(8) as pool,
    ):
        calls = [pool.submit(both.call) for _ in range(8)]
        for _ in calls:
            assert arrived.acquire(timeout=PATIENCE)
        both.kill(0)
        go_on.set()
        assert {call.result(PATIENCE).status_code for call in calls} == {200, 502}
        assert len(toy.requests) == 8
        assert [both.call().status_code for _ in range(10)] == [200] * 10


@pytest.mark.parametrize("name", BALANCERS)
def test_events_pass_the_balancer_as_they_come(name: str, tmp_path: Path) -> None:
    gate = Steps()
    parts = in_steps(*(sse(part, done=False) for part in HELLO), sse(), gate=gate.wait)
    with Toy(parts) as toy, replicas(name, tmp_path, toy) as both:
        gate.open()
        headers = HEADERS | {"Accept": "text/event-stream"}
        with httpx.stream(
            "POST", both.url + CHAT, json=ASK, headers=headers, timeout=PATIENCE, trust_env=False
        ) as reply:
            lines = reply.iter_lines()
            # The service goes on only when the event before has arrived here.
            assert next(line for line in lines if '"Hel"' in line)
            gate.open()
            assert next(line for line in lines if '"lo"' in line)
            gate.open(9)
            done = [line for line in lines if line.startswith("data:")][-1]
        assert json.loads(done.removeprefix("data:"))["content"] == "Hello"


@pytest.mark.parametrize("name", BALANCERS)
def test_figures_are_not_for_callers(name: str, tmp_path: Path) -> None:
    with Toy(answer_json(completion("hello"))) as toy, replicas(name, tmp_path, toy) as both:
        found = httpx.get(both.url + "/metrics", headers=HEADERS, trust_env=False)
        assert found.status_code == 404
        assert "agentos_calls_total" not in found.text
