"""The example agent, as it stands, against the simulation: with each provider it finds its answer."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import PATIENCE
from tests.testing.support import console, simulating

AGENT = Path(__file__).parents[2] / "examples" / "agent.py"


def ask(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(AGENT), *arguments, "--server", url], capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = console(tmp_path_factory.mktemp("agent"), {})
    made.as_installed()
    with simulating(made) as (url, _):
        yield url


@pytest.mark.parametrize("skill", ["openrouter", "anthropic", "ollama"])
def test_the_same_agent_works_with_every_provider(server: str, skill: str) -> None:
    done = ask(server, skill)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, answer = done.stdout.splitlines()
    assert first.startswith('1. find_place {"name": "Tromsø"} → [{"name": "Tromsø"')
    assert second.startswith('2. current {"latitude": 69.65, "longitude": 18.96} → {"time"')
    assert answer == "Snow, and -4.5 °C; with the wind it feels like -9."


def test_a_call_that_fails_ends_the_agent_with_the_runtimes_own_words(tmp_path: Path) -> None:
    with simulating(console(tmp_path, {})) as (url, _):
        done = ask(url, "openrouter")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The model cannot be asked: There is no skill 'openrouter'" in done.stderr


def test_it_fits_on_a_page_and_needs_httpx_alone() -> None:
    text = AGENT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported - sys.stdlib_module_names == {"httpx"}
