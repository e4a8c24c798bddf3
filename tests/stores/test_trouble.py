"""Three servers behind HAProxy over one database, under calls, while servers are killed and the database fails."""

import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.console import SCRIPT, Console
from tests.deploy.test_balancers import DEPLOY, installed
from tests.limits.support import KEY, ORIGIN, priced
from tests.security.support import until
from tests.server.test_stop import free_port
from tests.stores.databases import PrivateServer, ask, made, private_server
from tests.stores.test_crashes import _CUT as CUT
from tests.stores.test_sealed import K1
from tests.toy.raw import Exchange, Toy

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SIZES = dict(zip(("kills", "crashes", "cuts", "freezes", "read_only"), (1, 1, 0, 0, 0), strict=True))
"""How often each trouble comes; `AGENTOS_TEST_TROUBLES=200,20,20,5,2` says another number of each."""
REPLICAS = 3
CALLERS = 12
MOST_AT_ONCE = 5
LIMITS = f"[limits.agents.bot]\ncost_per_week = 1000000.0\nconcurrent = {MOST_AT_ONCE}\n"
TOKEN = "a-token-for-all-callers"
SKILL = """\
---
id: toy
name: Toy
description: A service for tests
auth: {type: api_key, header: X-Key}
utilities:
  ask:
    description: Ask something
    params: {text: {type: string}, who: {type: string}}
    rest: {method: POST, url: ORIGIN/ask, body: {text: .params.text, who: .params.who}}
---
"""
TYPED = {"database_unavailable", "idempotency_unknown", "rate_limited", "shutting_down", "overloaded"}
"""What callers may be told besides answers."""


class Service:
    """Counts what it is asked, and how many calls of one agent it has at once."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        body = json.loads(exchange.request.body)
        who = body["who"]
        with self._lock:
            self.asked[body["text"]] += 1
            self._now[who] += 1
            self.most[who] = max(self.most[who], self._now[who])
        try:
            time.sleep(0.005)
            priced(0.25)(exchange)
        finally:
            with self._lock:
                self._now[who] -= 1


class Team:
    """The servers, each with a home of its own."""

    def __init__(self, folder: Path, console: Console, address: str, origin: str) -> None:
        self.ports = [free_port() for _ in range(REPLICAS)]
        self._folder = folder
        self._environ = console.environ | {
            "AGENTOS_DATABASE": address,
            "AGENTOS_MASTER_KEY": K1,
            "AGENTOS_REWRITE": f"{ORIGIN}={origin}",
            "AGENTOS_TOKEN": TOKEN,
            "AGENTOS_PUBLIC_URL": "http://agents.example",
            "TOY_API_KEY": KEY,
        }
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def start(self, number: int) -> None:
        home = self._folder / f"home-{number}"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.toml").write_text("[idempotency]\nenabled = true\n")
        command = [*SCRIPT, "serve", "--json", "--port", str(self.ports[number])]
        environ = self._environ | {"AGENTOS_HOME": str(home)}
        with (self._folder / f"log-{number}").open("a") as log:
            process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
        self._processes[number] = process
        assert process.stdout is not None
        assert process.stdout.readline(), (self._folder / f"log-{number}").read_text()

    def kill(self, number: int) -> None:
        with self._processes.pop(number) as process:
            process.kill()

    def end(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            with process:
                process.communicate(timeout=60)


class Load:
    """Callers that ask one thing after the other, each under a key, and again where they do not know."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.strange: list[str] = []
        self.last_at = time.monotonic()
        self.longest = 0.0
        self.going = True
        self._lock = threading.Lock()

    def run(self, who: str) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while self.going:
                text = secrets.token_hex(8)
                for _ in range(5):
                    try:
                        if self._is_known(self._ask(client, who, text)):
                            break
                    except httpx.TransportError:  # of a connection that was used before, HAProxy says nothing
                        self.outcomes["cut off"] += 1

    def _ask(self, client: httpx.Client, who: str, text: str) -> httpx.Response:
        headers = {
            "Host": "agents.example",
            "Authorization": f"Bearer {TOKEN}",
            "X-Agent": who,
            "Idempotency-Key": text,
        }
        return client.post(f"{self.url}/api/skills/toy/ask", json={"text": text, "who": who}, headers=headers)

    def _is_known(self, answer: httpx.Response) -> bool:
        """Whether the caller knows what became of its call."""
        with self._lock:
            if answer.status_code == 200:
                now = time.monotonic()
                self.longest, self.last_at = max(self.longest, now - self.last_at), now
                self.acknowledged.add(answer.headers["x-request-id"])
                self.outcomes["ok" if "idempotency-replayed" not in answer.headers else "replayed"] += 1
                return True
            balancer = answer.headers.get("content-type", "").startswith("text/html")
            code = f"balancer {answer.status_code}" if balancer else answer.json()["code"]
            self.outcomes[code] += 1
            if code not in TYPED and code not in ("balancer 502", "balancer 503"):
                self.strange.append(answer.text)
        if code in ("rate_limited", "database_unavailable", "balancer 503"):
            time.sleep(0.02)
        return code == "idempotency_unknown"


@contextlib.contextmanager
def balanced(folder: Path, ports: list[int]) -> Iterator[str]:
    """HAProxy with the file of `deploy/`, and the servers of the test in it."""
    text = (DEPLOY / "haproxy.cfg").read_text().partition("  server agentos-1")[0]
    text += "".join(f"  server agentos-{number} 127.0.0.1:{port}\n" for number, port in enumerate(ports, 1))
    port = free_port()
    file = folder / "haproxy.cfg"
    file.write_text(text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("inter 1s", "inter 100ms"))
    process = subprocess.Popen([installed("haproxy"), "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def is_ready(url: str) -> bool:
    """Whether a server behind the balancer says so; at first the balancer itself may not listen yet."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/api/health/ready", trust_env=False, timeout=60).status_code == 200
    return False


def processes_of(server: PrivateServer) -> list[int]:
    """The database's, all of them."""
    first = int((server._folder / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


def freeze(server: PrivateServer, address: str) -> None:
    pids = processes_of(server)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def crash(server: PrivateServer, address: str) -> None:
    server.crash()
    server.start()


def read_only(server: PrivateServer, address: str) -> None:
    name = address.rpartition("/")[2].partition("?")[0]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ask(server.address, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ask(server.address, cut)
    time.sleep(1.5)
    ask(server.address, f"ALTER DATABASE {name} RESET default_transaction_read_only")
    ask(server.address, cut)


def troubles() -> list[str]:
    given = os.environ.get("AGENTOS_TEST_TROUBLES")
    sizes = dict(zip(SIZES, map(int, given.split(",")), strict=True)) if given else SIZES
    found = [name for name, many in sizes.items() for _ in range(many)]
    random.Random(1).shuffle(found)
    return found


def test_nothing_is_lost_passed_or_made_twice_whatever_fails(tmp_path: Path, console: Console) -> None:
    console.write("toy.md", SKILL.replace("ORIGIN", ORIGIN))
    limits, service = tmp_path / "limits.toml", Service()
    limits.write_text(LIMITS)
    with private_server() as server, made(server.address) as address, Toy(service) as toy:
        assert console.run("database", "limits", limits, AGENTOS_DATABASE=address).code == 0
        team = Team(tmp_path, console, address, toy.origin)
        assert console.run("approve", "toy", "--yes", AGENTOS_DATABASE=address).code == 0
        with ThreadPoolExecutor(CALLERS + REPLICAS) as pool, contextlib.ExitStack() as ends:
            ends.callback(team.end)
            list(pool.map(team.start, range(REPLICAS)))
            load = Load(ends.enter_context(balanced(tmp_path, team.ports)))
            assert until(lambda: is_ready(load.url))
            load.last_at = time.monotonic()
            calls = [pool.submit(load.run, who) for who in ("bot", "free") * (CALLERS // 2)]
            ends.callback(setattr, load, "going", False)
            make: dict[str, Callable[[], Any]] = {
                "crashes": lambda: crash(server, address),
                "cuts": lambda: ask(address, CUT),
                "freezes": lambda: freeze(server, address),
                "read_only": lambda: read_only(server, address),
            }
            for number, trouble in enumerate(troubles()):
                wanted = len(load.acknowledged) + 100
                assert until(lambda wanted=wanted: len(load.acknowledged) >= wanted), (trouble, load.outcomes)  # type: ignore[misc]
                if trouble == "kills":
                    team.kill(number % REPLICAS)
                    team.start(number % REPLICAS)
                else:
                    make[trouble]()
            wanted = len(load.acknowledged) + 100
            assert until(lambda: len(load.acknowledged) >= wanted), load.outcomes
            load.going = False
            for call in calls:
                call.result()
            assert until(lambda: ask(address, "SELECT count(*) FROM open_call") == [(0,)]), "a call is open"
            check(address, load, service)
            print(f"{dict(load.outcomes)}; the longest time without an answer: {load.longest:.1f} s")  # noqa: T201


def check(address: str, load: Load, service: Service) -> None:
    assert load.strange == []
    kept = {each for (each,) in ask(address, "SELECT request_id FROM ended")}
    assert load.acknowledged - kept == set()
    assert [text for text, times in service.asked.items() if times > 1] == []
    assert service.most["bot"] <= MOST_AT_ONCE
    counted = ask(address, "SELECT cost_week, running, reserved FROM subject WHERE name = 'bot'")
    spent = ask(address, "SELECT sum(round(cost * 1e9))::bigint FROM ended WHERE agent = 'bot'")[0][0]
    assert counted == [(spent, 0, 0)]
