"""Official clients work unchanged with a base URL of the server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, lab, sse
from tests.toy.raw import Exchange, answer, answer_json, cut, render_chunks, say

PYTHON = Path(__file__).parents[2] / "build" / "clients" / "bin" / "python"
PROGRAM = Path(__file__).parent / "programs" / "sdk.py"
NODE_MODULES = Path(__file__).parents[2] / "build" / "node" / "node_modules"
IN_NODE = Path(__file__).parent / "programs" / "ai.mjs"
EVENTS = [("Content-Type", "text/event-stream")]
REPLY = {"role": "assistant", "content": "Hello.", "reasoning_details": [{"type": "reasoning.text", "text": "t"}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.25}
CHAT: dict[str, Any] = {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "a/b", "usage": USAGE}
CHAT |= {"choices": [{"index": 0, "finish_reason": "stop", "message": REPLY}]}
OUTPUT: dict[str, Any] = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
OUTPUT |= {"content": [{"type": "output_text", "text": "Hello.", "annotations": []}]}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "a/b",
    "status": "completed",
}
RESPONSE |= {"output": [OUTPUT], "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
EMBEDDING = {"object": "list", "model": "a/b", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "stop_reason": "end_turn",
}
MESSAGE |= {"content": [{"type": "text", "text": "Hello."}], "usage": {"input_tokens": 3, "output_tokens": 4}}


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "a/b"}
    return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


def call(text: str) -> dict[str, Any]:
    return {
        "tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": text}}]
    }


STREAM = sse(
    chunk({"content": "Hé"}),
    chunk({"content": "llo"}),
    chunk(call('{"a"')),
    chunk(call(": 1}")),
    chunk({}, choices=[], usage=USAGE),
)
THOUGHT: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2lnbmF0dXJl"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "look", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]
THINKING = b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in THOUGHT)
LIMITED = answer(
    429,
    b'{"error": {"message": "slow", "type": "rate_limit_error", "code": null}}',
    [("Retry-After", "0"), ("Content-Type", "application/json")],
)


def service(exchange: Exchange) -> None:
    """What the services would say."""
    target, body = exchange.request.target.partition("?")[0], json.loads(exchange.request.body or b"{}")
    if body.get("model") == "limited":
        return LIMITED(exchange)
    if body.get("messages") == [{"role": "user", "content": "cut"}]:
        return cut(render_chunks([STREAM[:40]], headers=EVENTS, end=False))(exchange)
    if target.endswith("/chat/completions") and body.get("stream"):
        return say(render_chunks([STREAM[:99], STREAM[99:]], headers=EVENTS))(exchange)
    if target.endswith("/messages") and body.get("stream"):
        return say(render_chunks([THINKING[:99], THINKING[99:]], headers=EVENTS))(exchange)
    answers: dict[str, Any] = {
        "/api/v1/chat/completions": CHAT,
        "/api/v1/responses": RESPONSE,
        "/api/v1/embeddings": EMBEDDING,
        "/v1/messages": MESSAGE,
        "/v1/messages/count_tokens": {"input_tokens": 12},
    }
    return answer_json(answers.get(target, {"unexpected": target}))(exchange)


OF_OPENAI = {
    "plain": "Hello.",
    "extra": {"reasoning_details": REPLY["reasoning_details"]},
    "stream": ["Héllo", '{"a": 1}', 7],
    "response": "Hello.",
    "embedding": [0.5],
    "limited": [429, "slow", "0"],
    "cut": "upstream_truncated",
}
OF_ANTHROPIC = {
    "plain": "Hello.",
    "stream": ["c2lnbmF0dXJl", {"a": 1}, 3, 9],
    "counted": 12,
    "limited": [429, "slow"],
}


@pytest.mark.slow
def test_the_clients_of_openai_and_anthropic_understand_everything(tmp_path: Path) -> None:
    if not PYTHON.is_file():
        pytest.skip("the official clients are not installed: scripts/install clients")
    with lab(tmp_path) as started:
        started.upstream.says(service)
        done = subprocess.run([PYTHON, PROGRAM, started.house.server.url], capture_output=True, timeout=250)
        assert done.returncode == 0, done.stderr.decode()
        said = json.loads(done.stdout)
        rows = started.house.rows()
        requests = started.upstream.toy.requests
    assert said["openai"] == OF_OPENAI
    assert said["anthropic"] == OF_ANTHROPIC
    assert said["openai at /v1"] == OF_OPENAI | {"limited": [404, "model_not_found"]}
    assert said["anthropic at /v1"] == OF_ANTHROPIC | {"limited": [404, "not_found_error"]}
    assert said["unknown"] == {"status": 404, "code": "unknown_origin"}
    assert {row["agent"] for row in rows} == {"OpenAI", "AsyncAnthropic"}
    used = {(row["skill"], row["model"], row["input_tokens"], row["output_tokens"], row["cost"]) for row in rows}
    assert {("openrouter", "a/b", 3, 4, 0.25), ("anthropic", "claude", 3, 4, None)} <= used
    assert ("anthropic", "claude", 3, 9, None) in used, "of a stream"
    assert said["refused"] == {"status": 409, "code": None}
    assert [row["code"] for row in rows].count("approval_required") == 1, (
        "what only a person can mend is not repeated"
    )
    assert [row["code"] for row in rows].count("upstream_rate_limited") == 2 * 3, "what passes is"
    assert {request.header("anthropic-beta") for request in requests} == {None, "a,b"}


AI_CALL = {
    "text": "Héllo",
    "deltas": '{"a": 1}',
    "call": {"a": 1},
    "signature": None,
    "usage": [3, 4],
    "error": None,
}
AI_THOUGHT = AI_CALL | {"text": "", "signature": "c2lnbmF0dXJl", "usage": [3, 9]}
UNSKILLED = [404, "The model must begin with the id of a skill: <skill>/limited.", False]


@pytest.mark.slow
def test_the_ai_sdk_of_vercel_understands_everything(tmp_path: Path) -> None:
    node = NODE_MODULES / ".bin" / "node"
    if not node.exists():
        pytest.skip("the programs for node are not installed: scripts/install node")
    environ = dict(os.environ) | {"NODE_PROGRAMS": str(NODE_MODULES)}
    with lab(tmp_path) as started:
        started.upstream.says(service)
        command = [str(node), str(IN_NODE), started.house.server.url]
        done = subprocess.run(command, env=environ, capture_output=True, timeout=250)
        assert done.returncode == 0, done.stderr.decode()
        said = json.loads(done.stdout)
        rows = started.house.rows()
        requests = started.upstream.toy.requests
    for face in ("openai at /v1", "anthropic at /v1"):
        said[face]["limited"][1] = said[face]["limited"][1].partition(" Skills")[0]
    assert said["openai"] == {"plain": "Hello.", "stream": AI_CALL, "limited": [429, "slow", True]}
    assert said["openai at /v1"] == {"plain": "Hello.", "stream": AI_CALL, "limited": UNSKILLED}
    assert said["anthropic"] == {
        "plain": "Hello.",
        "stream": AI_THOUGHT,
        "limited": [429, "Too Many Requests", True],
    }
    assert said["anthropic at /v1"] == {"plain": "Hello.", "stream": AI_THOUGHT, "limited": UNSKILLED}
    assert said["responses"] == "Hello."
    assert "stopped in the middle" in said["cut"]["error"]
    assert said["unknown"][0] == 404
    assert [row["code"] for row in rows].count("upstream_rate_limited") == 2 * 2, "what passes is tried again"
    good = [row for row in rows if row["outcome"] == "ok"]
    assert {(row["input_tokens"], row["output_tokens"]) for row in good} <= {(3, 4), (3, 9), (None, None)}
    keys = {(request.header("authorization") or request.header("x-api-key")) for request in requests}
    assert keys == {f"Bearer {KEY}", ANTHROPIC}
