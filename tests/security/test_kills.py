"""Workers and servers killed at random points: typed errors, the next call works, nothing acknowledged is lost."""

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.console import Console
from tests.jq.support import linux_only
from tests.security.lab import ORIGIN, SECRET, SKILL, Fault, Lab
from tests.security.support import Served, environment_number, rows_of, serving, spawned, until
from tests.security.tally import Tally
from tests.security.till import ORIGIN as TILL
from tests.security.till import Till, check_agreement, deleted_files, make_home
from tests.toy.raw import Exchange, Toy

KILLS = environment_number("AGENTOS_TEST_KILLS", 4)
ANY_MOMENT = environment_number("AGENTOS_TEST_KILLS", 2)
TYPED = {"expression_failed", "expression_limit"}
"""What a call may end with whose worker was killed."""


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Path]:
    """The folder of the lab's skill."""
    skills = folder / "skills"
    skills.mkdir()
    (skills / "lab.md").write_text(SKILL)
    yield skills


class Callers:
    """Threads that call without pause until they are told to stop, or the server is gone."""

    def __init__(self, served: Served, prefix: str, number: int = 4) -> None:
        self._served = served
        self._stop = threading.Event()
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.codes: Counter[str] = Counter()
        self.threads = [threading.Thread(target=self._call, args=(f"{prefix}-{index}",)) for index in range(number)]

    def __enter__(self) -> "Callers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self.threads:
            thread.join()

    def make(self, number: int) -> bool:
        """Wait until so many calls more were answered."""
        enough = len(self.acknowledged) + number
        return until(lambda: len(self.acknowledged) >= enough)

    def _call(self, prefix: str) -> None:
        with self._served.client() as client:
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                name = f"{prefix}-{number}"
                self.sent.add(name)
                params = {"fault": "well"} | ({"stream": True} if number % 3 == 0 else {})
                try:
                    answer = client.post("/api/skills/lab/ask", json=params, headers={"X-Request-Id": name})
                except httpx.HTTPError:  # the server was killed
                    return
                if answer.status_code == 200 and "event: error" not in answer.text:
                    self.acknowledged.add(name)
                else:
                    self.codes[answer.text.partition('"code":"')[2].partition('"')[0]] += 1


@pytest.mark.slow
def test_workers_killed_at_random_fail_only_the_calls_they_were_on(tmp_path: Path, tally: Tally) -> None:
    dice = random.Random(3)
    kills = 10 * KILLS
    environ = {"LAB_API_KEY": SECRET, "AGENTOS_JQ": "worker"}
    with (
        lab(tmp_path) as skills,
        Toy(Lab({})) as toy,
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ=environ) as served,
        served.client() as client,
    ):
        with Callers(served, "worker") as callers:
            for _ in range(kills):
                assert callers.make(dice.randrange(1, 30)), "calls go on"
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(dice.choice(served.workers), signal.SIGKILL)
        assert callers.codes.keys() <= TYPED, callers.codes
        assert callers.codes.total() <= 2 * kills, "a kill fails what was on that worker, and no more"
        assert client.post("/api/skills/lab/ask", json={"fault": "well"}).status_code == 200
        rows = rows_of(client)
        assert {name for name, row in rows.items() if row["outcome"] == "ok"} >= callers.acknowledged
        assert {row["outcome"] for row in rows.values()} <= {"ok", "error"}
    tally.add("kills of workers", kills)


@pytest.mark.slow
def test_a_server_killed_at_random_loses_nothing_that_it_acknowledged(tmp_path: Path, tally: Tally) -> None:
    dice = random.Random(18)
    acknowledged: set[str] = set()
    console = Console(tmp_path / "home", tmp_path / "skills")
    with lab(tmp_path) as skills, Toy(Lab({})) as toy:
        for round_ in range(KILLS):
            with serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}) as served:
                stored = console.run("keys", "set", "lab", stdin=f"{SECRET}-{round_}")
                assert stored.code == 0, stored
                with Callers(served, f"round{round_}") as callers:
                    assert callers.make(dice.randrange(20, 200))
                    served.kill()
                acknowledged |= callers.acknowledged
                assert not callers.codes, callers.codes
        with serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}) as served, served.client() as client:
            answer = client.post("/api/skills/lab/ask", json={"fault": "well"}, headers={"X-Request-Id": "last"})
            assert answer.status_code == 200, answer.text
            assert toy.requests[-1].header("x-key") == f"{SECRET}-{KILLS - 1}", (
                "the credential is the last that was stored"
            )
            rows = rows_of(client)
            assert served.stop() == 0
    assert acknowledged <= rows.keys()
    assert {rows[name]["outcome"] for name in acknowledged} == {"ok"}
    others = {name: row["outcome"] for name, row in rows.items() if name not in acknowledged}
    assert set(others.values()) <= {"ok", "interrupted"}, others
    left = {file.name for file in (tmp_path / "home").iterdir()}
    assert not {name for name in left if name.endswith(".tmp") or "-owner-" in name}, left
    tally.add("kills of servers", KILLS)


@pytest.mark.slow
@linux_only
def test_a_server_killed_at_any_moment_leaves_files_that_agree(tmp_path: Path, tally: Tally) -> None:
    """While it starts, while it loads a skill that is being written, while it is called."""
    dice = random.Random(28)
    skills, till = make_home(tmp_path), Till()
    text = (skills / "till.md").read_text()
    answered: set[str] = set()
    with Toy(till) as toy:
        rewrite = {TILL: toy.origin}
        for round_ in range(ANY_MOMENT):
            starting = spawned(tmp_path, skills=skills, rewrite=rewrite, start=subprocess.Popen)
            with contextlib.suppress(subprocess.TimeoutExpired):
                starting.process.wait(dice.uniform(0, 1.5))
            starting.end()
            with (
                serving(tmp_path, skills=skills, rewrite=rewrite) as served,
                Payers(served, f"round{round_}", dice.randrange(1, 60)) as payers,
            ):
                number = 0
                while not payers.enough():
                    (skills / "till.md").write_text(text + "\n" * (number % 50))
                    number += 1
                assert deleted_files(served.process.pid) == []
                served.kill()
            answered |= payers.answered
        with serving(tmp_path, skills=skills, rewrite=rewrite) as served, served.client() as client:
            for item in sorted(payers.sent):
                answer = client.post("/api/skills/till/pay", json={"item": item}, headers={"Idempotency-Key": item})
                if item in payers.answered:
                    assert answer.headers.get("idempotency-replayed") == "true", answer.text
                else:
                    assert answer.status_code == 200 or answer.json()["code"] == "idempotency_unknown"
            # Whoever first lets a call in charges those of the dead; all others here may have been replays.
            assert client.post("/api/skills/till/pay", json={"item": "last"}).status_code == 200
            assert served.stop() == 0
    rows = check_agreement(tmp_path / "home")
    assert {rows[name] for name in answered} == {"ok"}
    assert set(till.paid.values()) == {1}, "nothing was paid twice"
    assert not [path for path in (tmp_path / "home").iterdir() if "-owner-" in path.name]
    tally.add("kills of servers at any moment", 2 * ANY_MOMENT)


class Payers:
    """Threads that pay, each item under a key of its own, until the server is gone."""

    def __init__(self, served: Served, prefix: str, enough: int) -> None:
        self._served = served
        self._enough = enough
        self._stop = threading.Event()
        self.sent: set[str] = set()
        self.answered: set[str] = set()
        self.threads = [threading.Thread(target=self._pay, args=(f"{prefix}-{index}",)) for index in range(4)]

    def __enter__(self) -> "Payers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self.threads:
            thread.join()

    def enough(self) -> bool:
        return len(self.answered) >= self._enough or not any(thread.is_alive() for thread in self.threads)

    def _pay(self, prefix: str) -> None:
        with self._served.client() as client, contextlib.suppress(httpx.HTTPError):
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                item = f"{prefix}-{number}"
                self.sent.add(item)
                headers = {"X-Request-Id": item, "Idempotency-Key": item}
                answer = client.post("/api/skills/till/pay", json={"item": item}, headers=headers)
                if answer.status_code == 200:
                    self.answered.add(item)


def test_a_call_under_way_when_the_server_is_killed_becomes_interrupted(tmp_path: Path) -> None:
    reached = threading.Event()

    def wait(exchange: Exchange) -> None:
        reached.set()
        exchange.stall()

    fault = Fault(wait, (), wait, ())
    environ = {"LAB_API_KEY": SECRET}
    with lab(tmp_path) as skills, Toy(Lab({"wait": fault})) as toy:
        rewrite = {ORIGIN: toy.origin}
        with (
            serving(tmp_path, skills=skills, rewrite=rewrite, environ=environ) as served,
            served.client() as client,
        ):
            asking = threading.Thread(target=ask_and_lose, args=(client,))
            asking.start()
            assert reached.wait(10)
            served.kill()
            asking.join()
        with (
            serving(tmp_path, skills=skills, rewrite=rewrite, environ=environ) as served,
            served.client() as client,
        ):
            row = rows_of(client)["lost"]
            assert (row["outcome"], row["skill"], row["agent"]) == ("interrupted", "lab", "tester")


def ask_and_lose(client: httpx.Client) -> None:
    with contextlib.suppress(httpx.HTTPError):
        client.post("/api/skills/lab/ask", json={"fault": "wait", "stream": True}, headers={"X-Request-Id": "lost"})
