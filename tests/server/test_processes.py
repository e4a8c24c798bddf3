"""Several server processes on one home: one port, one ledger, one set of skills; one that dies is replaced."""

import contextlib
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.programs import Program
from tests.toy.raw import Exchange, Toy, answer, render

PATIENCE = 240.0

SKILL = """---
id: toy
name: Toy
description: A toy
utilities:
  say:
    description: Says {said}
    rest: {{url: "https://toy.example/say", response: {{transform: '"{said}"'}}}}
---
"""


@contextlib.contextmanager
def served(
    folder: Path, count: int, rewrite: str, drain: float = 0, stderr: Any = subprocess.PIPE
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    (folder / "skills").mkdir(exist_ok=True)
    (folder / "skills" / "toy.md").write_text(SKILL.format(said="one"))
    environ = {
        "AGENTOS_HOME": str(folder / "home"),
        "AGENTOS_SKILLS": str(folder / "skills"),
        "AGENTOS_ONLY_SKILLS": "true",
        "AGENTOS_REWRITE": rewrite,
        "AGENTOS_DRAIN": str(drain),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "agentos_runtime", "serve", "--port", "0", "--json", "--processes", str(count)]
    process = Program(command, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield process, json.loads(line)["url"]
    finally:
        process.terminate()
        with process:
            process.communicate(timeout=PATIENCE)


def children(pid: int) -> set[int]:
    return {int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def eventually(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, seen
    return seen


def say(url: str) -> Any:
    return httpx.post(f"{url}/api/skills/toy/say", json={}, trust_env=False, timeout=PATIENCE).json()


@pytest.mark.slow
def test_processes_share_port_skills_and_ledger_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, served(tmp_path, 2, f"https://toy.example={toy.origin}") as (parent, url):
        first = children(parent.pid)
        assert len(first) == 2
        assert [say(url) for _ in range(20)] == ["one"] * 20
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: children(parent.pid), lambda now: len(now) == 2 and victim not in now)
        (tmp_path / "skills" / "toy.md").write_text(SKILL.format(said="two"))
        eventually(lambda: [say(url) for _ in range(8)], lambda said: said == ["two"] * 8)
        rows = httpx.get(f"{url}/api/activity?limit=1000", trust_env=False).json()["rows"]
        assert len([row for row in rows if row["outcome"] == "ok"]) >= 28
        assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.slow
def test_a_burst_of_connections_is_spread_over_the_processes(tmp_path: Path) -> None:
    with served(tmp_path, 2, "https://toy.example=http://127.0.0.1:1") as (parent, url):
        both = children(parent.pid)
        with contextlib.ExitStack() as kept:
            # All are there before either process looks, so that the first to look could take them all.
            for pid in both:
                os.kill(pid, signal.SIGSTOP)
            port = int(url.rsplit(":", 1)[1])
            for _ in range(64):
                kept.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            for pid in both:
                os.kill(pid, signal.SIGCONT)
                eventually(lambda: queues(port), lambda now: 0 in now)
            held = eventually(lambda: [accepted(pid, port) for pid in both], lambda now: sum(now) == 64)
        # Spread by chance, 54 to 10 is less likely than one in a hundred million.
        assert min(held) >= 10


@pytest.mark.slow
def test_while_a_process_cannot_be_replaced_the_others_take_its_connections(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, served(tmp_path, 3, f"https://toy.example={toy.origin}") as (parent, url):
        first = children(parent.pid)
        # Nothing that starts from now on can serve; what serves has read it already.
        (tmp_path / "home" / "config.toml").write_text("[mcp]\nmode = 5\n")
        survivor, *victims = sorted(first)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        # Two of three listeners have no process of their own, and a third of all connections comes to each.
        assert [say(url) for _ in range(24)] == ["one"] * 24
        assert survivor in children(parent.pid)
        (tmp_path / "home" / "config.toml").unlink()
        eventually(lambda: children(parent.pid), lambda now: len(now) == 3)
        assert [say(url) for _ in range(24)] == ["one"] * 24


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="what another may open is bounded on Linux alone")
def test_a_process_that_cannot_be_replaced_now_is_replaced_later(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, served(tmp_path, 2, f"https://toy.example={toy.origin}") as (parent, url):
        first, usual = children(parent.pid), resource.prlimit(parent.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(parent.pid, resource.RLIMIT_NOFILE, (3, usual[1]))
        os.kill(min(first), signal.SIGKILL)
        assert parent.stderr is not None
        while "no server process could be started" not in (said := parent.stderr.readline()):
            assert said, "it has ended"
        assert [say(url) for _ in range(24)] == ["one"] * 24
        resource.prlimit(parent.pid, resource.RLIMIT_NOFILE, usual)
        eventually(lambda: children(parent.pid), lambda now: len(now) == 2)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_process_is_replaced_also_where_nothing_can_be_said_about_it(tmp_path: Path) -> None:
    with (
        open("/dev/full", "w") as full,
        Toy(answer(body=b"{}")) as toy,
        served(tmp_path, 2, f"https://toy.example={toy.origin}", stderr=full) as (parent, url),
    ):
        victim = min(children(parent.pid))
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: children(parent.pid), lambda now: len(now) == 2 and victim not in now)
        assert [say(url) for _ in range(24)] == ["one"] * 24
        assert parent.poll() is None


@pytest.mark.slow
def test_a_second_server_on_the_same_port_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, 2, "https://toy.example=http://127.0.0.1:1") as (_, url):
        command = [
            sys.executable,
            "-m",
            "agentos_runtime",
            "serve",
            "--port",
            url.rsplit(":", 1)[1],
            "--processes",
            "2",
        ]
        environ = {"AGENTOS_HOME": str(tmp_path / "other"), "PATH": os.environ["PATH"]}
        second = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE)
        assert second.returncode != 0
        assert "cannot listen on" in second.stderr


@pytest.mark.slow
def test_who_connects_to_several_processes_that_end_is_answered_or_refused(tmp_path: Path) -> None:
    with (
        Toy(answer(body=b"{}")) as toy,
        served(tmp_path, 2, f"https://toy.example={toy.origin}", drain=0.5) as (parent, url),
        ThreadPoolExecutor(16) as clients,
    ):
        begun = threading.Barrier(17)
        ended = [clients.submit(call_until_refused, url, begun) for _ in range(16)]
        begun.wait(PATIENCE)
        parent.terminate()
        assert [each.result() for each in ended] == [{200}] * 16
        assert parent.wait(PATIENCE) == 0


@pytest.mark.slow
def test_processes_that_are_told_to_end_take_calls_for_as_long_as_they_should(tmp_path: Path) -> None:
    with (
        Toy(answer(body=b"{}")) as toy,
        served(tmp_path, 2, f"https://toy.example={toy.origin}", drain=2 * PATIENCE) as (parent, url),
    ):
        both = children(parent.pid)
        for pid in (parent.pid, *both):  # as systemd does
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: [is_ready(url) for _ in range(24)], lambda seen: not any(seen))
        assert [say(url) for _ in range(24)] == ["one"] * 24
        os.kill(min(both), signal.SIGKILL)
        eventually(lambda: children(parent.pid), lambda left: len(left) == 1)
        assert [say(url) for _ in range(24)] == ["one"] * 24
        parent.terminate()
        assert parent.wait(PATIENCE) == 0


def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    with served(tmp_path, 2, "https://toy.example=http://127.0.0.1:1") as (parent, _):
        running = children(parent.pid)
        parent.kill()
        eventually(lambda: [pid for pid in running if alive(pid)], lambda left: left == [])


def call_until_refused(url: str, begun: threading.Barrier) -> set[int]:
    """The statuses of all calls, each over a connection of its own; what is cut off is raised."""
    seen: set[int] = set()
    for number in itertools.count():
        try:
            answered = httpx.post(f"{url}/api/skills/toy/say", json={}, trust_env=False, timeout=PATIENCE)
        except httpx.ConnectError:
            return seen
        seen.add(answered.status_code)
        if number == 0:
            begun.wait(PATIENCE)
    raise AssertionError


def is_ready(url: str) -> bool:
    return httpx.get(f"{url}/api/health/ready", trust_env=False, timeout=PATIENCE).status_code == 200


def test_the_port_is_free_at_once_when_the_parent_was_killed_and_calls_go_on_to_their_end(tmp_path: Path) -> None:
    free = threading.Event()

    def late(exchange: Exchange) -> None:
        assert free.wait(PATIENCE)
        exchange.send(render(200, b"{}"))

    with (
        Toy(late) as toy,
        served(tmp_path, 2, f"https://toy.example={toy.origin}") as (parent, url),
        ThreadPoolExecutor(1) as client,
    ):
        said = client.submit(say, url)
        eventually(lambda: toy.requests, bool)
        parent.kill()
        port = int(url.rsplit(":", 1)[1])
        eventually(lambda: tcp_rows(port, "0A"), lambda listening: listening == [])
        free.set()
        assert said.result() == "one"


def tcp_rows(port: int, state: str) -> list[list[str]]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == state]


def queues(port: int) -> list[int]:
    """Of each socket that listens on the port, how many connections nobody has taken yet."""
    return [int(row[4].split(":")[1], 16) for row in tcp_rows(port, "0A")]


def accepted(pid: int, port: int) -> int:
    """How many connections to the port the process has taken."""
    established = {f"socket:[{row[9]}]" for row in tcp_rows(port, "01")}
    taken = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            taken += os.readlink(each) in established
    return taken


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("count", [1, 2])
def test_a_mistake_for_which_no_process_can_start_ends_the_server_and_is_said(tmp_path: Path, count: int) -> None:
    (tmp_path / "config.toml").write_text("[mcp]\nmode = 5\n")
    command = [sys.executable, "-m", "agentos_runtime", "serve", "--port", "0", "--processes", str(count)]
    environ = {"AGENTOS_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, "mcp.mode must be" in done.stderr) == (2, True), done.stderr
