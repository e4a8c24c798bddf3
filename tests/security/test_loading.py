"""Skills load on a busy machine whose workers are killed and stopped: none is called broken, calls go on."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.procfs import tree
from tests.security.lab import ORIGIN, SECRET, SKILL, Lab
from tests.security.support import Served, environment_number, serving
from tests.security.tally import Tally
from tests.toy.raw import Toy

BLOWS = environment_number("AGENTOS_TEST_BLOWS", 9)
"""Kills and stops of workers; a third of them are stops."""
STOPPED = environment_number("AGENTOS_TEST_STOPPED", 1)
"""Seconds that a stopped worker stays so."""
EXPRESSIONS = environment_number("AGENTOS_TEST_EXPRESSIONS", 300)
SKILLS = environment_number("AGENTOS_TEST_SKILLS", 15)
WORST = 0.1 * 5
"""Seconds; five times the promise."""


def skill(name: str, expressions: int, word: str = "") -> str:
    """A valid skill with so many expressions, no two of which are the same."""
    lines = ["---", f"id: {name}", "name: Many", "description: Many expressions", "utilities:"]
    for first in range(0, expressions, 100):
        lines += [f"  u{first}:", "    description: Some", "    rest:", f"      url: https://many.example/{first}"]
        lines += ["      response:", "        mapping:"]
        lines += [
            f"          f{one}: '.a + \"{word}{one}\"'" for one in range(first, min(first + 100, expressions))
        ]
    return "\n".join([*lines, "---", "# Many", ""])


@contextlib.contextmanager
def served(folder: Path, toy: Toy) -> Iterator[Served]:
    skills = folder / "skills"
    skills.mkdir(exist_ok=True)
    (skills / "lab.md").write_text(SKILL)
    rewrite, environ = {ORIGIN: toy.origin}, {"LAB_API_KEY": SECRET, "AGENTOS_JQ": "worker"}
    with serving(folder, skills=skills, rewrite=rewrite, environ=environ, loaded=False) as running:
        yield running


@contextlib.contextmanager
def busy_loops(number: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def states(client: httpx.Client) -> dict[str, Any]:
    return {each["id"]: each["state"] for each in client.get("/api/skills").json()["skills"]}


def ask(client: httpx.Client) -> float:
    """Seconds that a call takes."""
    begun = time.monotonic()
    answer = client.post("/api/skills/lab/ask", json={"fault": "well"})
    assert answer.status_code == 200, answer.text
    return time.monotonic() - begun


class Blows:
    """Kills and stops the workers of a server that this process has started, at random moments, in a thread."""

    def __init__(self, number: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._number = number
        self._thread = threading.Thread(target=self._strike)
        self.struck = 0

    def __enter__(self) -> "Blows":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _strike(self) -> None:
        stopped: list[tuple[float, int]] = []
        ends = time.monotonic() + 60
        while (self.struck < self._number or stopped) and time.monotonic() < ends:
            time.sleep(self._dice.random() * 0.15)
            for due, pid in [each for each in stopped if each[0] < time.monotonic()]:
                stopped.remove((due, pid))
                send(pid, signal.SIGCONT)
            workers = [pid for child in tree(os.getpid())[1:] for pid in tree(child)[1:]]
            if self.struck < self._number and workers:
                pid = self._dice.choice(workers)
                send(pid, signal.SIGSTOP if self.struck % 3 == 2 else signal.SIGKILL)
                stopped += [(time.monotonic() + STOPPED, pid)] * (self.struck % 3 == 2)
                self.struck += 1


def send(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def test_workers_killed_and_stopped_while_skills_load_break_none(tmp_path: Path, tally: Tally) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()

    def save(word: str) -> None:
        for number in range(4):
            (skills / f"s{number}.md").write_text(skill(f"s{number}", 60, word) + word)

    save("first")
    with Toy(Lab({})) as toy, contextlib.ExitStack() as stack:
        with Blows(BLOWS - BLOWS // 2, seed=29) as at_start:
            client = stack.enter_context(stack.enter_context(served(tmp_path, toy)).client())
            seen = {*states(client).values()}
        with Blows(BLOWS // 2, seed=30) as at_reload:
            save("second")
        ends = time.monotonic() + 60
        while not all(docs(client, f"s{number}").endswith("second") for number in range(4)):
            seen |= {*states(client).values()}
            assert time.monotonic() < ends, "all are ready"
        assert "broken" not in seen | {*states(client).values()}
        assert client.get("/api/health").json()["skills"] == {"loaded": 5, "broken": 0}
        assert not [each for each in client.get("/api/skills").json()["skills"] if each.get("stale")]
        ask(client)
    tally.add("kills and stops of workers while skills load", at_start.struck + at_reload.struck)


@pytest.mark.parametrize("path", ["/api/skills/new", "/api/skills/new/u0", "/api/skills/new/icon"])
def test_who_looks_at_a_skill_while_it_loads_waits_for_it(tmp_path: Path, path: str) -> None:
    with Toy(Lab({})) as toy, served(tmp_path, toy) as running, running.client() as client:
        assert client.get(path).json()["code"] == "unknown_skill"
        (tmp_path / "skills" / "new.md").write_text(skill("new", 600))
        said = (client.get(path) for _ in range(10_000))
        first = next(answer for answer in said if answer.json().get("code") != "unknown_skill")
        assert first.json().get("code") in (None, "not_found"), first.text


def docs(client: httpx.Client, name: str) -> str:
    return str(client.get(f"/api/skills/{name}").json().get("docs", ""))


@pytest.mark.slow
def test_calls_go_on_while_a_skill_with_very_many_expressions_loads(tmp_path: Path, tally: Tally) -> None:
    with Toy(Lab({})) as toy, served(tmp_path, toy) as running, running.client() as client:
        before = sorted(ask(client) for _ in range(50))
        (tmp_path / "skills" / "many.md").write_text(skill("many", EXPRESSIONS))
        taken: list[float] = []
        begun = time.monotonic()
        while len(taken) % 20 or "many" not in states(client):
            taken.append(ask(client))
            assert time.monotonic() - begun < 30 + EXPRESSIONS / 20
        said = told(taken)
    tally.say(
        f"{EXPRESSIONS} expressions in {time.monotonic() - begun:.1f} s; before: {told(before)}; meanwhile: {said}"
    )
    assert max(taken) < WORST, said
    tally.add("calls while a large skill loads", len(taken))


def told(seconds: list[float]) -> str:
    ranked = [1000 * each for each in sorted(seconds)]
    middle, high = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]
    return f"{len(ranked)} calls, p50 {middle:.1f} ms, p99 {high:.1f} ms, worst {ranked[-1]:.1f} ms"


@pytest.mark.slow
def test_many_skills_start_on_a_busy_machine_and_none_is_broken(tmp_path: Path, tally: Tally) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    for number in range(SKILLS):
        (skills / f"s{number}").mkdir()
        (skills / f"s{number}" / "readme.md").write_text(skill(f"s{number}", 30, f"{number}-"))
    with busy_loops(2), Toy(Lab({})) as toy, served(tmp_path, toy) as running, running.client() as client:
        begun = time.monotonic()
        broken, taken = 0, list[float]()
        while (health := client.get("/api/health").json()["skills"]).get("loading"):
            broken = max(broken, health["broken"])
            taken.append(ask(client))
            assert time.monotonic() - begun < 60 + SKILLS
        tally.say(f"{SKILLS} skills in {time.monotonic() - begun:.1f} s after the start; {told(taken or [0.0])}")
        assert (health, broken) == ({"loaded": SKILLS + 1, "broken": 0}, 0)
    tally.add("skills loaded on a busy machine", SKILLS)
