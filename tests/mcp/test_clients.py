"""Clients that people have: the official SDK, fastmcp, the Inspector and the Vercel AI SDK, each as a program."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.server.limits import Limits
from tests.cli.console import SCRIPT, Console
from tests.mcp.lab import BIG, CANARY, Lab, lab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
PYTHON = ROOT / "build" / "clients" / "bin" / "python"
NODE_MODULES = ROOT / "build" / "node" / "node_modules"
NODE = NODE_MODULES / ".bin" / "node"
python_clients = pytest.mark.skipif(not PYTHON.exists(), reason="not installed here: scripts/install clients")
node_clients = pytest.mark.skipif(not NODE.exists(), reason="not installed here: scripts/install node")
EARLY = Limits(progress_after=0.02, progress_every=0.02, call_grace=2)
"""Progress is told soon, and often."""


def slow() -> None:
    time.sleep(0.3)  # the service takes its time, which is what progress is about


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("clients"), pace=EARLY, slow=slow) as it:
        yield it


def environ(it: Lab, port: int) -> dict[str, str]:
    given = Console(it.house.home, it.house.skills).environ
    rewrite = f"https://test.example={it.toy.origin}"
    return given | {"AGENTOS_PORT": str(port), "TEST_API_KEY": CANARY, "AGENTOS_REWRITE": rewrite}


def program(*command: object, env: dict[str, str] | None = None, text: str = "\n") -> Any:
    """What it printed, which is JSON, and holds no key."""
    given = dict(os.environ) | {"NODE_PROGRAMS": str(NODE_MODULES)} | (env or {})
    done = subprocess.run([*map(str, command)], input=text, env=given, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    return json.loads(done.stdout)


def check(seen: dict[str, Any]) -> None:
    """The behaviour that all drivers of the official SDK see."""
    assert len(seen["tools"]) == 12
    assert seen["simple"]["content"] == [{"type": "text", "text": "This is a simple text response for testing."}]
    assert seen["again"]["structuredContent"] == {"id": "t1", "size": BIG}
    assert seen["picture"]["content"][0]["mimeType"] == "image/png"
    assert len(json.loads(seen["many"]["content"][0]["text"])) == 20
    assert "there are more" in seen["many"]["content"][1]["text"]
    refused = json.loads(seen["refused"]["content"][0]["text"])
    assert (seen["refused"]["isError"], refused["code"], refused["problems"][0]["path"]) == (
        True,
        "invalid_params",
        "id",
    )
    failed = json.loads(seen["failed"]["content"][0]["text"])
    assert (failed["code"], failed["upstream"]["status"]) == ("upstream_rejected", 418)
    assert seen["echoed"]["structuredContent"]["heard"] == "Bearer [redacted]"
    assert seen["slow"]["structuredContent"] == {"done": True}


@python_clients
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_sdk_over_http(served: Lab, mode: str) -> None:
    seen = program(PYTHON, PROGRAMS / "sdk.py", "http", f"{served.house.server.url}/mcp", mode)
    check(seen)
    assert seen["told"], "progress is told"


@python_clients
@pytest.mark.parametrize(("mode", "through"), [("auto", "server"), ("legacy", "server"), ("auto", "itself")])
def test_the_official_sdk_over_stdio(served: Lab, mode: str, through: str) -> None:
    port = served.house.server.port if through == "server" else 1
    command: Sequence[object] = (PYTHON, PROGRAMS / "sdk.py", "stdio", mode, *SCRIPT, "mcp")
    check(program(*command, env=environ(served, port)))


@python_clients
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_restart_between_two_calls_of_one_client_is_not_noticed(tmp_path: Path, mode: str) -> None:
    with lab(tmp_path / "first") as first:
        port = first.house.server.port
        url = f"{first.house.server.url}/mcp"
        pipe = subprocess.PIPE
        command = [str(PYTHON), str(PROGRAMS / "sdk.py"), "http", url, mode]
        client = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert client.stderr is not None
        assert client.stderr.readline() == "again?\n"
    with lab(tmp_path / "second", port=port):
        out, err = client.communicate("\n", timeout=60)
    assert client.returncode == 0, err
    check(json.loads(out))


@python_clients
def test_fastmcp(served: Lab) -> None:
    seen = program(PYTHON, PROGRAMS / "fast.py", f"{served.house.server.url}/mcp")
    assert (len(seen["tools"]), seen["thing"]) == (12, {"id": "t1", "size": BIG})
    assert json.loads(seen["refused"])["code"] == "invalid_params"


@node_clients
def test_the_vercel_ai_sdk(served: Lab) -> None:
    seen = program(NODE, PROGRAMS / "ai.mjs", f"{served.house.server.url}/mcp")
    assert len(seen["tools"]) == 12
    assert seen["thing"]["structuredContent"]["id"] == "t1"
    assert str(BIG) in seen["thing"]["content"][0]["text"], "exact where the language of the client is not"
    assert json.loads(seen["refused"]["content"][0]["text"])["code"] == "invalid_params"


@node_clients
def test_the_inspector(served: Lab) -> None:
    url = f"{served.house.server.url}/mcp"
    inspector = (NODE, NODE_MODULES / ".bin" / "mcp-inspector", "--cli", url, "--transport", "http", "--method")
    assert len(program(*inspector, "tools/list")["tools"]) == 12
    seen = program(*inspector, "tools/call", "--tool-name", "test_thing", "--tool-arg", "id=t1")
    assert json.loads(seen["content"][0]["text"]) == {"id": "t1", "size": BIG}
