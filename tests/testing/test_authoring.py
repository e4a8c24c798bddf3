"""docs/authoring.md is true: its files load and pass, its commands print what it shows."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.console import PATIENCE, SCRIPT, Console
from tests.testing.support import simulating

PAGE = Path(__file__).parents[2] / "docs" / "authoring.md"
BLOCK = re.compile(r"(?:Save as `([^`]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `path` is where the line before it says that it is saved."""

    path: str
    kind: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def saved() -> list[Block]:
    return [block for block in blocks() if block.path]


def unsaved(beginning: str) -> list[str]:
    return [b.text for b in blocks() if b.kind == "yaml" and not b.path and b.text.startswith(beginning)]


def without_times(text: str) -> str:
    return re.sub(r"  \d+ ms$", "", text, flags=re.MULTILINE)


@pytest.fixture
def desk(tmp_path: Path) -> Console:
    """A folder in which the page is followed, with `agentos` on the path."""
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "agentos"
    shim.write_text(f"#!/bin/sh\nexec {SCRIPT[0]} -c '{SCRIPT[2]}' \"$@\"\n", encoding="utf-8")
    shim.chmod(0o755)
    made = Console(tmp_path / "home", tmp_path / "my-skills")
    made.environ["PATH"] = f"{shim.parent}{os.pathsep}{made.environ['PATH']}"
    made.as_installed()
    return made


def follow(desk: Console, steps: Sequence[Block]) -> list[tuple[str, str]]:
    """Do what the page says; what each command printed and what the page shows."""
    shown: list[tuple[str, str]] = []
    folder = desk.skills.parent
    for step, following in zip(steps, [*steps[1:], Block("", "", "")], strict=True):
        if step.path:
            file = folder / step.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text, encoding="utf-8")
        elif step.kind == "bash" and following.kind == "text":
            done = subprocess.run(
                ["bash", "-c", step.text], cwd=folder, env=desk.environ, capture_output=True, timeout=PATIENCE
            )
            shown.append((without_times(done.stdout.decode()), following.text))
    return shown


@pytest.mark.slow
def test_following_the_page_gives_what_it_shows(desk: Console) -> None:
    steps = [block for block in blocks() if "curl -s" not in block.text and "--simulate" not in block.text]
    shown = follow(desk, steps)
    assert len(shown) == 4
    for printed, promised in shown:
        assert printed == promised


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_simulation_answers_the_pages_curl(desk: Console) -> None:
    follow(desk, saved())
    curl, answer = next(
        (step.text, following.text)
        for step, following in zip(blocks(), blocks()[1:], strict=False)
        if "curl -s" in step.text
    )
    with simulating(desk, "--skills", str(desk.skills)) as (url, _):
        command = ["bash", "-c", curl.replace("http://127.0.0.1:3456", url)]
        printed = subprocess.run(command, env=desk.environ, capture_output=True, timeout=PATIENCE).stdout
    assert printed.decode().strip() == answer.strip()


def test_every_skill_on_the_page_loads_without_a_warning(desk: Console) -> None:
    texts = unsaved("id: ")
    assert len(texts) == 3
    for text in texts:
        desk.write(f"{text.split()[1]}/readme.md", f"---\n{text}---\n# A skill\n")
    done = desk.run("check", "--strict", desk.skills)
    assert (done.code, done.out) == (0, "0 errors, 0 warnings in 3 files\n")


def test_the_streamed_case_on_the_page_passes(desk: Console) -> None:
    skill = next(text for text in unsaved("id: ") if "id: stories" in text)
    desk.write("stories/readme.md", f"---\n{skill}---\n# Stories\n")
    for number, text in enumerate(unsaved("description: ")):
        desk.write(f"stories/cases/{number}.yaml", text)
    done = desk.run("test", "stories", "--skills", desk.skills)
    assert (done.code, done.out.endswith("1 passed, 0 failed\n")) == (0, True)


def test_every_command_on_the_page_is_run_or_is_the_simulation() -> None:
    commands = [block.text for block in blocks() if block.kind == "bash"]
    followed = [step.text for step, after in zip(blocks(), blocks()[1:], strict=False) if after.kind == "text"]
    alone = [command for command in commands if command not in followed]
    assert alone == ["agentos serve --simulate --skills my-skills\n"]
