"""docs/connect.md for Claude Code and Codex: they are run as it says, before a model that answers by the book."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT, blocks
from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, Lab, lab
from tests.toy.raw import Exchange, answer_json, render_chunks, say

pytestmark = pytest.mark.skipif("AGENTOS_TEST_AGENTS" not in os.environ, reason="scripts/prove agents")
PROGRAMS = ROOT / "build" / "agents" / "node_modules" / ".bin"
PAGE = DOCS / "connect.md"
ADDRESS = "http://127.0.0.1:3456"
FOUND = "Place-4711"
TOOL = "mcp__agentos__maps_find"
WAITING = "WaitForMcpServers"
MOST_TRIED = 5
SPOKEN = "Hello from the toy."
EVENTS = [("Content-Type", "text/event-stream")]


def events(*said: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in said)


def message(block: dict[str, Any], delta: dict[str, Any], reason: str) -> bytes:
    """A message of Anthropic's with one block, streamed."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    return events(
        {"type": "message_start", "message": {**whole, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )


def spoken(text: str) -> bytes:
    return message({"type": "text", "text": ""}, {"type": "text_delta", "text": text}, "end_turn")


def asks_for(tool: str, arguments: str) -> bytes:
    block = {"type": "tool_use", "id": f"toolu_{tool}", "name": tool, "input": {}}
    return message(block, {"type": "input_json_delta", "partial_json": arguments}, "tool_use")


def response(text: str) -> bytes:
    """The same in OpenAI's responses."""
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    part = {"type": "output_text", "text": text, "annotations": []}
    done = {**item, "content": [part]}
    whole = {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": [done]}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    return events(
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", **at, "delta": text},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {**whole, "usage": usage}},
    )


def model(exchange: Exchange) -> None:
    """Answers in the wire it is asked in. Our tool is asked for once it is there, which is waited for."""
    target, body = exchange.request.target.partition("?")[0], json.loads(exchange.request.body or b"{}")
    if target.startswith("/v2/find"):
        return answer_json({"name": FOUND})(exchange)
    if target.endswith("count_tokens"):
        return answer_json({"input_tokens": 3})(exchange)
    if target.endswith("/responses"):
        return say(render_chunks([response(SPOKEN)], headers=EVENTS))(exchange)
    said = json.dumps(body.get("messages"))
    tools = {tool.get("name") for tool in body.get("tools", ())}
    text = spoken(f"It is {FOUND}." if FOUND in said else SPOKEN)
    if "Where is it" in said and FOUND not in said and said.count('"tool_result"') < MOST_TRIED:
        text = (
            asks_for(TOOL, '{"q": "x"}') if TOOL in tools else asks_for(WAITING, "{}") if WAITING in tools else text
        )
    return say(render_chunks([text], headers=EVENTS))(exchange)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        made.upstream.says(model)
        yield made


def run(command: str, folder: Path, here: Lab, **more: str) -> str:
    """What a command of the page says, in a home of its own."""
    environ: Mapping[str, str] = {
        "HOME": str(folder),
        "PATH": f"{PROGRAMS}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CODEX_HOME": str(folder / ".codex"),
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "AGENTOS_PORT": str(here.house.server.port),
        "AGENTOS_HOME": str(here.house.home),
        **more,
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def told(text: str, here: Lab) -> str:
    return text.replace(ADDRESS, here.house.server.url)


def block(kind: str, begins: str) -> list[str]:
    return next(each for each in blocks(PAGE) if each.kind == kind and begins in each.text).text.splitlines()


def test_claude_code_speaks_through_both_base_urls(here: Lab, tmp_path: Path) -> None:
    lines = block("text", "ANTHROPIC_BASE_URL")
    assert len(lines) == 2
    for line in lines:
        assert SPOKEN in run(f"{told(line, here)} -p 'Say hello'", tmp_path, here)
    keys = {each.header("authorization") or each.header("x-api-key") for each in here.upstream.toy.requests}
    assert keys == {ANTHROPIC, f"Bearer {KEY}"}
    rows = here.house.rows()
    assert {row["agent"] for row in rows} == {"claude-cli"}
    assert {(row["outcome"], row["input_tokens"], row["output_tokens"]) for row in rows} >= {("ok", 3, 9)}


def test_claude_code_calls_a_tool_of_the_server_that_it_was_told_of(here: Lab, tmp_path: Path) -> None:
    (line,) = block("text", "claude mcp add")
    run(f"{line} --tools maps", tmp_path, here)
    assert "Connected" in run("claude mcp list", tmp_path, here)
    base = told(block("text", "ANTHROPIC_BASE_URL")[0], here)
    assert FOUND in run(f"{base} -p 'Where is it?' --allowedTools {TOOL}", tmp_path, here)
    assert ("maps", "find", "claude-code") in {
        (row["skill"], row["utility"], row["agent"]) for row in here.house.rows()
    }


def test_codex_speaks_through_its_provider(here: Lab, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    own = 'model = "openai/gpt-5-mini"\n' + told("\n".join(block("toml", "wire_api")), here)
    (tmp_path / ".codex" / "config.toml").write_text(own)
    assert SPOKEN in run("codex exec --skip-git-repo-check 'Say hello'", tmp_path, here)
    (row,) = here.house.rows()
    assert (row["agent"], row["outcome"], row["input_tokens"], row["output_tokens"]) == ("codex", "ok", 3, 4)
