"""The example agent, as it stands, against the simulation: with each provider it finds its answer."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.chat.support import sse
from tests.cli.console import PATIENCE
from tests.end_to_end.chat import EVENTS, chat_house
from tests.testing.support import console, simulating
from tests.toy.raw import answer, answer_json

NODE = shutil.which("node")
SCRIPT = Path(__file__).parents[2] / "examples" / "agent.mjs"
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")
FIVE = ["openrouter", "anthropic", "ollama", "openai", "gemini"]
AGENT = Path(__file__).parents[2] / "examples" / "agent.py"


def ask(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(AGENT), *arguments, "--server", url], capture_output=True, text=True, timeout=PATIENCE
    )


def ask_in_javascript(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "AGENTOS_URL": url}
    command = [str(NODE), str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environ)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = console(tmp_path_factory.mktemp("agent"), {})
    made.as_installed()
    made.as_used_before()
    with simulating(made) as (url, _):
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("skill", FIVE)
def test_the_same_agent_works_with_every_provider(server: str, skill: str) -> None:
    done = ask(server, skill)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, answer = done.stdout.splitlines()
    assert first.startswith('1. find_place {"name": "Tromsø"} → [{"name": "Tromsø"')
    assert second.startswith('2. current {"latitude": 69.65, "longitude": 18.96} → {"time"')
    assert answer == "Snow, and -4.5 °C; with the wind it feels like -9."


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize("skill", FIVE)
def test_the_agent_in_javascript_works_with_every_provider(server: str, skill: str) -> None:
    done = ask_in_javascript(server, skill)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, answer = done.stdout.splitlines()
    assert first.startswith('1. find_place {"name":"Tromsø"} → [{"name":"Tromsø"')
    assert second.startswith('2. current {"latitude":69.65,"longitude":18.96} → {"time"')
    assert answer == "Snow, and -4.5 °C; with the wind it feels like -9."


@pytest.mark.slow
@needs_node
def test_the_agent_in_javascript_goes_on_with_a_paused_turn(tmp_path: Path) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "snow"}}
    with chat_house(tmp_path) as chat:
        chat.says(
            answer(200, claude_events([search], "pause_turn"), EVENTS),
            answer(200, claude_events([TEXT], "end_turn"), EVENTS),
        )
        done = ask_in_javascript(chat.house.server.url, "anthropic")
        _, again = chat.toy.requests
    assert (done.returncode, done.stdout, done.stderr) == (0, "It snows.\n", "")
    assert json.loads(again.body)["messages"][1:] == [{"role": "assistant", "content": [search]}]


TEXT = {"type": "text", "text": "It snows."}


def claude_events(blocks: Sequence[Mapping[str, object]], reason: str) -> bytes:
    """A stream of Anthropic's that holds these blocks."""
    told: list[dict[str, object]] = [{"type": "message_start", "message": {"id": "m", "model": "c", "content": []}}]
    told += [{"type": "content_block_start", "index": at, "content_block": b} for at, b in enumerate(blocks)]
    told += [{"type": "message_delta", "delta": {"stop_reason": reason}}, {"type": "message_stop"}]
    return sse(*told)


@pytest.mark.slow
def test_a_call_that_fails_ends_the_agent_with_the_runtimes_own_words(tmp_path: Path) -> None:
    with simulating(console(tmp_path, {})) as (url, _):
        done = ask(url, "openrouter")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The model cannot be asked: There is no skill 'openrouter'" in done.stderr


@pytest.mark.slow
def test_a_turn_that_is_paused_goes_on_with_the_reply_as_it_came(tmp_path: Path) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "snow"}}
    paused = {"type": "message", "content": [search], "stop_reason": "pause_turn"}
    answer = {"type": "message", "content": [{"type": "text", "text": "It snows."}], "stop_reason": "end_turn"}
    with chat_house(tmp_path) as chat:
        chat.says(answer_json(paused), answer_json(answer))
        done = ask(chat.house.server.url, "anthropic")
        _, again = chat.toy.requests
    assert (done.returncode, done.stdout, done.stderr) == (0, "It snows.\n", "")
    assert json.loads(again.body)["messages"][1:] == [{"role": "assistant", "content": [search]}]


@pytest.mark.slow
def test_it_fits_on_a_page_and_needs_httpx_alone() -> None:
    text = AGENT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 86
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported - sys.stdlib_module_names == {"httpx"}
