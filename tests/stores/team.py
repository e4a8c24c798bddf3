"""Three servers over one database, their callers, and the service that all of it is for."""

import contextlib
import json
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.cli.console import SCRIPT, Console
from tests.limits.support import KEY, ORIGIN, priced
from tests.programs import Program
from tests.server.test_stop import free_port
from tests.stores.test_sealed import K1
from tests.toy.raw import Exchange

REPLICAS = 3
MOST_AT_ONCE = 5
LIMITS = f"[limits.agents.bot]\ncost_per_week = 1000000.0\nconcurrent = {MOST_AT_ONCE}\n"
TOKEN = "a-token-for-all-callers"
HEADERS = {"Host": "agents.example", "Authorization": f"Bearer {TOKEN}"}
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
        time.sleep(0.005)
        with self._lock:  # before the answer: who has it may ask again before this thread goes on
            self._now[who] -= 1
        priced(0.25)(exchange)


class Team:
    """The servers, each with a home of its own; what is given for a number is set for that server besides."""

    def __init__(
        self, folder: Path, console: Console, address: str, origin: str, each: Mapping[int, Mapping[str, str]]
    ) -> None:
        self.ports = tuple(free_port() for _ in range(REPLICAS))
        self._folder = folder
        self._each = each
        self._environ = console.environ | {
            "AGENTOS_DATABASE": address,
            "AGENTOS_MASTER_KEY": K1,
            "AGENTOS_REWRITE": f"{ORIGIN}={origin}",
            "AGENTOS_TOKEN": TOKEN,
            "AGENTOS_PUBLIC_URL": "http://agents.example",
            "AGENTOS_DRAIN": "1",
            "TOY_API_KEY": KEY,
        }
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def start(self, number: int) -> None:
        home = self._folder / f"home-{number}"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.toml").write_text("[idempotency]\nenabled = true\n")
        command = [*SCRIPT, "serve", "--json", "--port", str(self.ports[number])]
        environ = self._environ | {"AGENTOS_HOME": str(home)} | dict(self._each.get(number, {}))
        with (self._folder / f"log-{number}").open("a") as log:
            process = Program(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
        self._processes[number] = process
        assert process.stdout is not None
        assert process.stdout.readline(), (self._folder / f"log-{number}").read_text()

    def kill(self, number: int) -> None:
        with self._processes.pop(number) as process:
            process.kill()

    def replace(self, number: int) -> None:
        """As an update does: the server is told to end, ends, and another one starts in its place."""
        with self._processes.pop(number) as process:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        self.start(number)

    def end(self) -> None:
        for process in self._processes.values():
            for _ in range(2):  # the second one ends the wait for balancers
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            with process:
                process.communicate(timeout=60)


class Load:
    """Callers that ask one thing after the other, each under a key, and again where they do not know."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self.urls = urls
        self.acknowledged: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.strange: list[str] = []
        self.failed: list[tuple[float, str]] = []
        """When a caller began, whose call then failed, and how."""
        self.going = True
        self.longest = {"answer": 0.0, "refusal": 0.0}
        """Seconds for which a caller waited that asked for the first time, since this was set to 0."""
        self.back_at: float | None = None
        """When an agent with limits was first answered, since this was set to None."""
        self._lock = threading.Lock()

    def run(self, number: int) -> None:
        """One caller, of an agent with limits or of one without, behind one of the balancers."""
        who, url = ("bot", "free")[number % 2], self.urls[number // 2 % len(self.urls)]
        with httpx.Client(timeout=60, trust_env=False) as client:
            while self.going:
                text, began = secrets.token_hex(8), time.monotonic()
                for attempt in range(5):
                    try:
                        if self._is_known(who, began, attempt, self._ask(client, url, who, text)):
                            break
                    except httpx.TransportError:  # of a connection that was used before, HAProxy says nothing
                        self.outcomes["cut off"] += 1
                        self.failed.append((began, "cut off"))

    def _ask(self, client: httpx.Client, url: str, who: str, text: str) -> httpx.Response:
        headers = HEADERS | {"X-Agent": who, "Idempotency-Key": text}
        return client.post(f"{url}/api/skills/toy/ask", json={"text": text, "who": who}, headers=headers)

    def _is_known(self, who: str, began: float, attempt: int, answer: httpx.Response) -> bool:
        """Whether the caller knows what became of its call."""
        with self._lock:
            if attempt == 0:  # who asks again may wait until it is known that a server is dead
                kind = "refusal" if answer.status_code == 503 else "answer"
                self.longest[kind] = max(self.longest[kind], answer.elapsed.total_seconds())
            if answer.status_code == 200:
                if who == "bot" and self.back_at is None:
                    self.back_at = time.monotonic()
                self.acknowledged.add(answer.headers["x-request-id"])
                self.outcomes["ok" if "idempotency-replayed" not in answer.headers else "replayed"] += 1
                return True
            balancer = answer.headers.get("content-type", "").startswith("text/html")
            code = f"balancer {answer.status_code}" if balancer else answer.json()["code"]
            self.outcomes[code] += 1
            if code != "rate_limited":
                self.failed.append((began, code))
            if code not in TYPED and code not in ("balancer 502", "balancer 503"):
                self.strange.append(answer.text)
        if code in ("rate_limited", "database_unavailable", "balancer 502", "balancer 503"):
            time.sleep(0.02)
        return code == "idempotency_unknown"


def is_ready(url: str) -> bool:
    """Whether a server behind the balancer says so; at first the balancer itself may not listen yet."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/api/health/ready", trust_env=False, timeout=60).status_code == 200
    return False
