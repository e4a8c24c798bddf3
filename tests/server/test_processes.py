"""Several server processes on one home: one port, one ledger, one set of skills; one that dies is replaced."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.toy.raw import Toy, answer

PATIENCE = 30.0

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
def served(folder: Path, count: int, rewrite: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    (folder / "skills").mkdir(exist_ok=True)
    (folder / "skills" / "toy.md").write_text(SKILL.format(said="one"))
    environ = {
        "AGENTOS_HOME": str(folder / "home"),
        "AGENTOS_SKILLS": str(folder / "skills"),
        "AGENTOS_ONLY_SKILLS": "true",
        "AGENTOS_REWRITE": rewrite,
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "agentos_runtime", "serve", "--port", "0", "--json", "--processes", str(count)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    with served(tmp_path, 2, "https://toy.example=http://127.0.0.1:1") as (parent, _):
        running = children(parent.pid)
        parent.kill()
        eventually(lambda: [pid for pid in running if alive(pid)], lambda left: left == [])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
