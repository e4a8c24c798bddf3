"""`use_url`: the same as a tool of MCP, where the operator wants it."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.mcp.toolsets import read_mcp
from tests.end_to_end.house import KEY
from tests.proxy.lab import Lab, lab
from tests.toy.raw import answer_json


def ask(here: Lab, method: str, path: str = "/mcp", **params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return here.client.post(path, json=message, headers={"X-Agent": "tester"}).json()


def names(here: Lab, path: str = "/mcp") -> list[str]:
    return [tool["name"] for tool in ask(here, "tools/list", path)["result"]["tools"]]


def test_the_tool_is_there_only_where_the_operator_wants_it(here: Lab, tmp_path: Path) -> None:
    url = "https://openrouter.ai/api/v1/models"
    assert "use_url" not in names(here)
    assert "error" in ask(here, "tools/call", name="use_url", arguments={"url": url})
    assert read_mcp({"use": True}, "config.toml").toolset.use
    with lab(tmp_path, mcp={"use": True}) as open_one:
        assert [
            ("use_url" in names(open_one, path)) for path in ("/mcp", "/mcp?mode=tools", "/mcp?tools=maps")
        ] == [True] * 3
        assert [("use_url" in names(open_one, path)) for path in ("/mcp?readonly=1", "/mcp/maps")] == [False] * 2
        assert "error" in ask(open_one, "tools/call", "/mcp?readonly=1", name="use_url", arguments={"url": url})
        open_one.upstream.says(answer_json({"echo": KEY}, 404))
        said = ask(open_one, "tools/call", name="use_url", arguments={"url": url, "body": {"a": 1}})["result"]
        assert said["isError"] is False
        found = json.loads(said["content"][0]["text"])
        assert (found["status"], found["body"], found["skill"]) == (404, {"echo": "[redacted]"}, "openrouter")
        assert (open_one.upstream.asked.method, open_one.upstream.asked.body) == ("POST", b'{"a":1}')
        refused = ask(open_one, "tools/call", name="use_url", arguments={"url": "https://nobody.example/"})[
            "result"
        ]
        assert refused["isError"] is True
        assert json.loads(refused["content"][0]["text"])["code"] == "unknown_origin"
        assert open_one.row()["agent"] == "tester"


BAD: dict[str, Any] = {
    "no url": {},
    "a url that is no text": {"url": 1},
    "a method that is none": {"url": "https://maps.example/", "method": "BREW"},
    "headers that are no texts": {"url": "https://maps.example/", "headers": {"a": 1}},
    "a header with a line break": {"url": "https://maps.example/", "headers": {"a": "b\r\nc: d"}},
    "a header without a name": {"url": "https://maps.example/", "headers": {"": "b"}},
    "a query that is none": {"url": "https://maps.example/", "query": {"a": {"b": 1}}},
    "two bodies": {"url": "https://maps.example/", "body": "a", "body_base64": "YQ=="},
    "no base64": {"url": "https://maps.example/", "body_base64": "!"},
    "no seconds": {"url": "https://maps.example/", "timeout": 0},
    "too many seconds": {"url": "https://maps.example/", "timeout": 601},
    "an unknown key": {"url": "https://maps.example/", "bdy": 1},
}


@pytest.mark.parametrize("what", BAD)
def test_one_call_names_what_is_wrong_and_sends_nothing(here: Lab, what: str) -> None:
    said = here.client.post("/api/use", json=BAD[what])
    assert (said.status_code, said.json()["code"], bool(said.json()["problems"])) == (400, "invalid_params", True)
    assert here.upstream.toy.requests == []


def test_one_call_gives_whatever_the_service_answered(here: Lab) -> None:
    given = {"url": "https://maps.example/x?a=1", "query": {"b": [1, "c d"], "e": True}, "headers": {"X-A": "b"}}
    here.upstream.says(answer_json({"n": 12345678901234567890, "usage": {"cost": 0.5, "prompt_tokens": 3}}, 500))
    said = here.client.post("/api/use", json={**given, "body": "text"}).json()
    asked = here.upstream.asked
    assert (asked.method, asked.body, asked.header("content-type")) == (
        "POST",
        b"text",
        "text/plain; charset=utf-8",
    )
    assert asked.target.startswith("/x?a=1&b=1&b=c+d&e=true&api_key=")
    assert asked.header("x-a") == "b"
    assert (said["status"], said["body"]["n"], said["truncated"]) == (500, 12345678901234567890, False)
    assert said["usage"] == {"input_tokens": 3, "cost": 0.5}
    assert said["headers"]["content-type"] == "application/json"
    streamed = here.client.post("/api/use", json={**given, "stream": True})
    assert (streamed.status_code, streamed.json()["code"]) == (400, "not_streamable")
    for body in ("[]", "{"):
        odd = here.client.post("/api/use", content=body, headers={"Content-Type": "application/json"})
        assert odd.json()["code"] == "invalid_json"
