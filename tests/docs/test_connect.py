"""docs/connect.md: what is called tried runs as it stands, and every block says whether it was."""

import json
import os
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browsers import HEADLESS
from tests.cli.console import Console
from tests.docs.pages import DOCS, Block, blocks, read
from tests.openapi.lab import bundled, tool
from tests.reading import read_yaml

NODE_MODULES = Path(__file__).parents[2] / "build" / "node" / "node_modules"
LANGCHAIN = Path(__file__).parents[2] / "build" / "langchain" / "bin" / "python"
PAGE = DOCS / "connect.md"
ADDRESS = "http://127.0.0.1:3456"
TRY = """
<!doctype html><script>
%s
const pieces = [];
chat("What do parrots like", (delta) => pieces.push(delta)).then(
  (reply) => { window.found = { pieces: pieces.length, reply }; },
  (error) => { window.found = { error: error.message }; },
);
</script>
"""
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


class Site(ThreadingHTTPServer):
    """A page that somebody develops on this machine."""

    daemon_threads = True
    page = b""

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the standard library has it
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def client(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with bundled(tmp_path_factory.mktemp("connect"), origins=(site.origin,)) as made:
        yield made


def block(kind: str, begins: str) -> Block:
    return next(each for each in blocks(PAGE) if each.kind == kind and begins in each.text)


def told(text: str, client: httpx.Client) -> str:
    """The block for this server instead of the usual one."""
    assert ADDRESS in text
    return text.replace(ADDRESS, str(client.base_url).rstrip("/"))


def test_every_block_says_whether_it_was_tried() -> None:
    before = re.findall(r"([^\n]+(?:\n[^\n]+)*)\n\n(?:Save as [^\n]+\n\n)?```\w+\n", read(PAGE))
    assert len(before) == len(blocks(PAGE))
    assert [each for each in before if not each.startswith(("Tried", "Not tried"))] == []


def test_the_entries_of_clients_are_printed_by_the_commands_that_are_shown(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    for command in block("sh", "agentos mcp config").commands:
        done = console.run(*command.split()[1:])
        read_entry = tomllib.loads if command.endswith("codex") else json.loads
        assert (done.code, "agentos" in str(read_entry(done.out))) == (0, True)


def test_entries_that_are_shown_are_what_they_say() -> None:
    for each in blocks(PAGE):
        if each.kind in ("json", "yaml", "toml"):
            readers: dict[str, Any] = {"json": json.loads, "yaml": read_yaml, "toml": tomllib.loads}
            found = readers[each.kind](each.text)
            assert "agentos" in json.dumps(found)
        elif each.kind == "python":
            compile(each.text, "block", "exec")


@pytest.mark.slow
def test_the_sdk_of_mcp_lists_and_calls(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(told(block("python", "from mcp import").text, client), encoding="utf-8")
    done = tool("python", "tools.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "open-meteo_find_place" in done.stdout
    assert "latitude" in done.stdout


def test_the_document_for_tools_is_where_it_is_said_to_be(client: httpx.Client) -> None:
    found = re.findall(rf"`{ADDRESS}(/[^`]+openapi[^`]+)`", read(PAGE))
    assert found
    for path in found:
        assert client.get(path).json()["openapi"] == "3.1.0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "shows"),
    [
        ("from openai import", "reply.choices[0].message.content"),
        ("from anthropic import", "message.content[0].text"),
    ],
)
def test_the_sdks_of_openai_and_anthropic_are_answered(
    client: httpx.Client, tmp_path: Path, begins: str, shows: str
) -> None:
    text = told(block("python", begins).text, client)
    (tmp_path / "ask.py").write_text(f"{text}\nprint({shows})\n", encoding="utf-8")
    done = tool("python", "ask.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


@pytest.mark.slow
def test_the_ai_sdk_of_vercel_is_answered(client: httpx.Client, tmp_path: Path) -> None:
    node = NODE_MODULES / ".bin" / "node"
    if not node.exists():
        pytest.skip("the programs for node are not installed: scripts/install node")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    text = told(block("js", "@ai-sdk/openai").text, client)
    (tmp_path / "ask.mjs").write_text(f"{text}\nconsole.log(text);\n", encoding="utf-8")
    done = subprocess.run([node, "ask.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


def test_the_tool_for_langchain_asks_what_it_says(client: httpx.Client, tmp_path: Path) -> None:
    lines = told(block("python", "langchain_core").text, client).splitlines()
    own = [line for line in lines if "langchain" not in line or "X-Agent" in line]
    text = "\n".join(line for line in own if line != "@tool") + '\nprint(find_place("Oslo")[0]["name"])\n'
    (tmp_path / "ask.py").write_text(text, encoding="utf-8")
    done = tool("python", "ask.py", folder=tmp_path)
    assert (done.returncode, bool(done.stdout.strip())) == (0, True), done.stderr[-2000:]


@pytest.mark.skipif("AGENTOS_TEST_LANGCHAIN" not in os.environ, reason="scripts/prove langchain")
def test_langchain_itself_asks_models_and_has_the_tool(client: httpx.Client, tmp_path: Path) -> None:
    lines = [
        told(block("python", "langchain_openai").text, client),
        "print(answer.content, answer.usage_metadata['total_tokens'])",
        "pieces = [*model.stream('What do parrots like')]",
        "print(len([each for each in pieces if each.content]))",
        told(block("python", "langchain_core").text, client),
        "print(find_place.invoke({'name': 'Oslo'})[0]['name'])",
        "bound = model.bind_tools([find_place])",
        "print(type(bound.invoke('Where is Oslo')).__name__)",
    ]
    (tmp_path / "ask.py").write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        [LANGCHAIN, "ask.py"], cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answered, pieces, place, kind = done.stdout.splitlines()
    assert int(answered.rpartition(" ")[2]) > 0
    assert int(pieces) > 1
    assert place
    assert kind == "AIMessage"


@needs_curl
def test_curl_calls_and_streams(client: httpx.Client) -> None:
    said = []
    for each in (block("bash", "--json"), block("bash", "-sN")):
        done = subprocess.run(
            ["bash", "-c", told(each.text, client)], capture_output=True, text=True, timeout=60, check=True
        )
        said.append(done.stdout)
    assert json.loads(said[0])[0]["name"]
    assert said[1].count("event: delta") > 1
    assert said[1].count("event: done") == 1


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_a_page_of_a_named_origin_streams_and_no_other_does(client: httpx.Client, site: Site, named: bool) -> None:
    if HEADLESS is None:
        pytest.skip("no chromium is installed")
    site.page = (TRY % told(block("js", "async function chat").text, client)).encode()
    url = site.origin if named else site.origin.replace("localhost", "127.0.0.1")
    done = tool("python", Path(__file__).parent / "programs" / "open_page.py", url, HEADLESS)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    if named:
        assert found["pieces"] > 1
        assert found["reply"]["content"]
    else:
        assert found == {"error": "Failed to fetch"}
