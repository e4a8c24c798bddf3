"""Whatever happens to the watching of skill files, the server serves, says so, and ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.security.strangers import CANARY, crowded, manifest
from tests.security.support import environment_number, serving, until

FILES = environment_number("AGENTOS_TEST_FILES", 300)
PROGRAM = """
import threading
from agentos_runtime.skills import registry as skills
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.cli.main import main

def tried(work):
    def trying(self, path, *more):
        sign = path.with_suffix(".sign")
        what = sign.read_text() if sign.exists() else ""
        if what == "hang":
            threading.Event().wait()
        if what:
            raise RuntimeError(what)
        return work(self, path, *more)
    return trying

SkillFolder.read, SkillFolder.entries = tried(SkillFolder.read), tried(SkillFolder.entries)
skills.PATIENCE = 0.5
main()
"""
SCRIPT = (sys.executable, "-c", PROGRAM)
"""`agentos` on a disk that hangs or fails where a `.sign` beside a file, or a folder, says so."""


def entries(client: httpx.Client) -> Mapping[str, Any]:
    return {entry["id"]: entry for entry in client.get("/api/skills").json()["skills"]}


def stale(client: httpx.Client, name: str) -> str:
    """What is wrong with a skill whose last good version serves; nothing while all is well."""
    entry = entries(client)[name]
    return str(entry["problems"][0]["message"]) if entry.get("stale") else ""


def health(client: httpx.Client) -> Any:
    found = client.get("/api/health")
    assert (found.status_code, found.json()["status"]) == (200, "ok")
    return found.json()


def test_a_file_that_hangs_or_fails_is_one_broken_skill_and_all_others_go_on(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    for name in ("stuck", "failing", "fine"):
        (skills / f"{name}.md").write_text(manifest(name))
    with serving(tmp_path, skills=skills, script=SCRIPT) as served, served.client() as client:
        (skills / "stuck.sign").write_text("hang")
        (skills / "failing.sign").write_text(CANARY)
        for name in ("stuck", "failing"):
            (skills / f"{name}.md").write_text(manifest(name) + "changed")
        for number in range(3):
            (skills / "fine.md").write_text(f"{manifest('fine')}Edit {number}")
            seen = f"Edit {number}"
            assert until(lambda: seen in client.get("/api/skills/fine").json().get("docs", ""))  # noqa: B023
        for name, told in (("stuck", "has not answered"), ("failing", "a bug of agentos (RuntimeError)")):
            assert until(lambda: told in stale(client, name))  # noqa: B023
        assert until(lambda: "watcher" not in health(client))
        (skills / "failing.sign").unlink()
        assert until(lambda: "stale" not in entries(client)["failing"]), "it is tried again"
        assert served.stop() == 0
    assert b"failing.md cannot be loaded: RuntimeError" in served.log
    assert CANARY.encode() not in served.log


def test_a_watcher_that_fails_says_so_and_goes_on_with_its_next_look(tmp_path: Path) -> None:
    skills, sign = tmp_path / "skills", tmp_path / "skills.sign"
    skills.mkdir()
    (skills / "fine.md").write_text(manifest("fine"))
    with serving(tmp_path, skills=skills, script=SCRIPT) as served, served.client() as client:
        for trouble, told in ((CANARY, "a bug of agentos (RuntimeError)"), ("hang", "has not answered")):
            assert until(lambda: entries(client).get("fine", {}).get("state") == "ready")
            sign.write_text(trouble)
            assert until(lambda: told in "".join(health(client).get("watcher", ())))  # noqa: B023
            assert str(skills) in health(client)["watcher"][0]
            assert entries(client)["fine"]["state"] == "ready"
            if trouble != "hang":
                sign.unlink()
                (skills / "fine.md").write_text(f"{manifest('fine')}Later")
                assert until(lambda: "watcher" not in health(client))
                assert until(lambda: "Later" in client.get("/api/skills/fine").json()["docs"])
        assert served.stop() == 0
    assert b"RuntimeError" in served.log
    assert served.log.count(b"Looking for skills in") == 1, "told once, not at every look"
    assert CANARY.encode() not in served.log


def test_very_many_new_files_delay_no_other_save(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    (skills / "fine.md").write_text(manifest("fine"))
    with serving(tmp_path, skills=skills) as served, served.client() as client:
        crowded(skills, FILES, ".md")
        for number in range(5):
            (skills / "fine.md").write_text(f"{manifest('fine')}Edit {number}")
            seen = f"Edit {number}"
            assert until(lambda: seen in client.get("/api/skills/fine").json()["docs"])  # noqa: B023
        assert until(lambda: health(client)["skills"]["loaded"] == FILES + 1)


@pytest.mark.slow
def test_a_server_that_is_still_loading_ends_when_it_is_told_to(tmp_path: Path) -> None:
    crowded(tmp_path / "many", FILES, ".md")
    crowded(tmp_path / "stuck", 1, ".md")
    (tmp_path / "stuck.sign").write_text("hang")
    patient = PROGRAM.replace("PATIENCE = 0.5", "PATIENCE = 300")
    for skills in ("many", "stuck"):
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-c", patient, "serve", "--port", str(port), "--skills", str(tmp_path / skills)],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with process:
            assert until(lambda: starting(port))  # noqa: B023
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()
            assert process.stderr is not None
            assert process.stderr.read() == b""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def starting(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 503
