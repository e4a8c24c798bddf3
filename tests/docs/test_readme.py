"""README.md is true: what it tells a newcomer to do is done here, and shows what it says."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import PATIENCE, Console
from tests.docs.pages import ROOT, Block, blocks, desk, read, section
from tests.testing.support import simulating

PAGE = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:3456"
RESULTS = ROOT / "benchmarks" / "RESULTS.md"

BEGIN = ("scripts/demo", "scripts/test")
SIMULATION = "agentos serve --simulate"
KEYS = (
    "agentos keys set openrouter",
    "agentos approve my-skill",
    "agentos keys doctor",
    "agentos activity",
    "agentos approvals",
    "agentos revoke my-skill",
)
SKILL = (
    "agentos check my-skills/my-github",
    "agentos call my-github repository owner=python name=cpython --dry-run --skills my-skills",
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
made_by_scripts = pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv", reason="the scripts would download: these tests do not run in their .venv"
)


def block(kind: str, beginning: str = "") -> Block:
    return next(each for each in blocks(PAGE) if each.kind == kind and each.text.startswith(beginning))


def following(wanted: Block) -> Block:
    found = blocks(PAGE)
    return found[found.index(wanted) + 1]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Console:
    return desk(tmp_path_factory.mktemp("newcomer"))


@pytest.fixture(scope="module")
def simulation(newcomer: Console) -> Iterator[str]:
    with simulating(newcomer) as (url, _):
        yield url


def shell(newcomer: Console, text: str, stdin: str = "", folder: Path | None = None) -> str:
    """What the commands print when a newcomer types them; they must succeed."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text],
        cwd=folder or newcomer.skills.parent,
        env=newcomer.environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_is_run_or_looked_at_below() -> None:
    shown = [command for each in blocks(PAGE) if each.kind == "bash" for command in each.commands]
    curls = [command for command in shown if command.startswith("curl ")]
    assert len(curls) == 2
    install = block("bash", ".venv/bin/python").commands
    assert [command for command in shown if command not in curls] == [*BEGIN, SIMULATION, *SKILL, *KEYS, *install]


@pytest.mark.slow
@made_by_scripts
def test_the_tour_runs_in_a_clone(newcomer: Console) -> None:
    assert "\nNext\n" in shell(newcomer, BEGIN[0], folder=ROOT)


@made_by_scripts
@pytest.mark.slow
def test_the_tests_run_in_a_clone(newcomer: Console) -> None:
    said = shell(newcomer, f"{BEGIN[1]} tests/test_house.py -k no_cycle", folder=ROOT)
    assert "1 passed" in said


@needs_curl
def test_the_call_gives_the_reply_that_is_shown(newcomer: Console, simulation: str) -> None:
    curl = block("bash", "curl -s ")
    said = shell(newcomer, curl.text.replace(ADDRESS, simulation))
    assert json.loads(said) == json.loads(following(curl).text)


@needs_curl
def test_the_stream_has_the_events_that_are_shown_in_their_order(newcomer: Console, simulation: str) -> None:
    curl = block("bash", "curl -sN ")
    streamed = shell(newcomer, curl.text.replace(ADDRESS, simulation)).split("\n\n")
    shown = [event.rstrip("…") for event in following(curl).text.strip().split("\n\n")]
    rest = iter(streamed)
    for event in shown:
        assert any(event in each for each in rest), f"not there, or not there any more: {event}"
    assert sum("event: delta" in event for event in shown) == 3


def test_the_tool_loop_ends_with_the_answer_that_is_shown(newcomer: Console, simulation: str) -> None:
    loop = block("python")
    done = subprocess.run(
        [sys.executable, "-c", loop.text.replace(ADDRESS, simulation)],
        env=newcomer.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.stdout, done.stderr) == (following(loop).text, "")


@pytest.mark.slow
def test_the_skill_checks_clean_and_sends_what_is_shown(newcomer: Console) -> None:
    skill, commands = block("markdown"), block("bash", "agentos check")
    file = newcomer.skills.parent / skill.path
    file.parent.mkdir(parents=True)
    file.write_text(skill.text, encoding="utf-8")
    assert shell(newcomer, commands.text) == following(commands).text


@pytest.mark.slow
def test_a_key_is_bound_to_the_place_that_set_shows(newcomer: Console) -> None:
    said = shell(newcomer, f"{KEYS[0]} 2>&1; agentos keys list", stdin="sk-or-1\n")
    shown, _, kept = said.partition("Stored in")
    assert "POST https://openrouter.ai" in shown
    assert kept.rstrip().endswith("https://openrouter.ai")
    rows = [line.split() for line in shell(newcomer, KEYS[2]).splitlines()]
    assert ["openrouter", "default", "OPENROUTER_API_KEY", "credentials.json"] in rows


def test_a_skill_that_is_not_bundled_gets_no_key_of_the_environment_until_it_is_approved(
    newcomer: Console,
) -> None:
    skill = block("markdown").text.replace("id: my-github", "id: my-skill\nauth: {type: api_key, query: key}")
    newcomer.write("my-skill/readme.md", skill)
    own = {"AGENTOS_SKILLS": str(newcomer.skills), "MY_SKILL_API_KEY": "k"}
    call = ("call", "my-skill", "repository", "owner=python", "name=cpython")
    refused = newcomer.spawn(*call, **own)
    assert refused.code == 1
    assert '"code":"approval_required"' in refused.err
    assert KEYS[1] in refused.err
    asked = newcomer.asked({"Approve? [y/N]: ": "y"}, *KEYS[1].split()[1:], **own)
    assert "https://api.github.com" in asked.out
    assert "would not be sent" not in newcomer.spawn(*call, "--dry-run", **own).err


def test_an_approval_is_listed_and_taken_back(newcomer: Console) -> None:
    own = {"AGENTOS_SKILLS": str(newcomer.skills), "MY_SKILL_API_KEY": "k"}
    skill = block("markdown").text.replace("id: my-github", "id: my-skill\nauth: {type: api_key, query: key}")
    newcomer.write("my-skill/readme.md", skill)
    assert newcomer.spawn(*KEYS[1].split()[1:], "--yes", **own).code == 0
    assert "agentos.lock" in newcomer.spawn(*KEYS[4].split()[1:], **own).out
    assert newcomer.spawn(*KEYS[5].split()[1:], **own).code == 0
    refused = newcomer.spawn("call", "my-skill", "repository", "owner=python", "name=cpython", **own)
    assert '"code":"approval_required"' in refused.err
    assert KEYS[1] in refused.err


def test_activity_tells_who_called_what(newcomer: Console) -> None:
    own = {"AGENTOS_SKILLS": str(newcomer.skills), "MY_SKILL_API_KEY": "k"}
    skill = block("markdown").text.replace("id: my-github", "id: my-skill\nauth: {type: api_key, query: key}")
    newcomer.write("my-skill/readme.md", skill)
    refused = newcomer.spawn("call", "my-skill", "repository", "owner=python", "name=cpython", **own)
    assert refused.code == 1
    rows = shell(newcomer, KEYS[3])
    assert "my-skill" in rows
    assert "approval_required" in rows


def test_the_bundled_skills_are_those_that_are_named(newcomer: Console) -> None:
    beginning = read(PAGE).partition("\n## ")[0]
    names = [skill["name"] for skill in newcomer.spawn("list", "--json").json["skills"]]
    assert [name for name in names if name not in beginning] == []
    assert sorted(names) == [
        *("Anthropic", "Gemini", "GitHub", "Hacker News", "Ollama"),
        *("Open-Meteo", "OpenAI", "OpenRouter", "SQLite", "Todoist"),
    ]


@pytest.mark.slow
def test_figures_stand_in_the_readme_only_as_they_were_measured() -> None:
    compared = section(PAGE, "How it compares")
    figures = set(re.findall(r"(?<![\w.])\d[\d,.]*\d|(?<![\w.])\d(?![\w.])", compared))
    measured = read(RESULTS) if RESULTS.exists() else ""
    assert {figure for figure in figures if figure not in measured} == set()


@pytest.mark.slow
def test_it_is_read_in_three_minutes() -> None:
    words = re.sub(r"^```.*?^```$", "", read(PAGE), flags=re.MULTILINE | re.DOTALL).split()
    assert len(words) <= 3 * 300
