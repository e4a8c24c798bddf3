"""The manifest the project was born from, unchanged, in front of recorded traffic."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import KEY, seeded_house
from tests.recorded import Exchange, exchanges, seed
from tests.toy.raw import answer

MANIFEST = "agentos-openrouter.md"
CHAT = {"model": "toy/model", "messages": [{"role": "user", "content": "hi"}]}


def is_plain_chat(exchange: Exchange) -> bool:
    return exchange.request["url"].endswith("/chat/completions") and not exchange.streamed


def reply_of(body: dict[str, Any]) -> dict[str, Any]:
    """What the seed's own jq says, written down a second time."""
    choice = body["choices"][0]
    message = choice.get("message") or {}
    calls = []
    for call in message.get("tool_calls") or []:
        arguments = call["function"].get("arguments") or "{}"
        try:
            given = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError:
            given = {}
        calls.append({"id": call.get("id"), "name": call["function"]["name"], "input": given or {}})
    usage = body.get("usage") or {}
    reasons = {"tool_calls": "tool_use", "length": "max_tokens"}
    return {
        "content": message.get("content"),
        "tool_calls": calls,
        "stop_reason": reasons.get(choice.get("finish_reason"), "end_turn"),
        "usage": {
            "input_tokens": usage.get("prompt_tokens") or 0,
            "output_tokens": usage.get("completion_tokens") or 0,
        },
    }


def failure_in(exchange: Exchange) -> bool:
    body = json.loads(exchange.body)
    return exchange.status != 200 or "error" in body or "error" in body["choices"][0]


def test_every_recorded_chat_is_answered_as_the_manifest_says_and_no_failure_is_a_success(tmp_path: Path) -> None:
    recorded = [exchange for exchange in exchanges() if is_plain_chat(exchange)]
    replies = [answer(e.status, e.body, list(e.headers.items())) for e in recorded]
    with seeded_house(tmp_path, seed(MANIFEST), *replies) as (house, toy):
        for exchange in recorded:
            response = house.call("openrouter", "chat", CHAT)
            if failure_in(exchange):
                check_failure(exchange, response.status_code, response.json())
            else:
                assert response.status_code == 200, (exchange.name, response.text)
                assert response.json() == reply_of(json.loads(exchange.body)), exchange.name
        assert len(toy.requests) == len(recorded)
        rows = house.rows()
    assert len(rows) == len(recorded)
    assert {row["outcome"] for row in rows} == {"ok", "error"}


def check_failure(exchange: Exchange, status: int, body: dict[str, Any]) -> None:
    upstream = body["upstream"]
    assert 400 <= status < 600, exchange.name
    assert isinstance(body["error"], str)
    assert upstream["message"], exchange.name
    assert upstream["message"] in body["error"]
    assert upstream["message"] != "Provider returned error"
    said = json.loads(exchange.body)
    inside = said.get("error") or said["choices"][0]["error"]
    assert upstream["status"] == (exchange.status if exchange.status != 200 else inside["code"])
    assert upstream["code"] == inside["code"]
    assert upstream["provider"] == (inside.get("metadata") or {}).get("provider_name")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"choices": []}, {"choices": None}, {"choices": [None]}, {"choices": [{}]}, {"choices": "x"}, [], None,
        "", 7,
        {"choices": [{"finish_reason": "error", "message": {"content": "half"}}]},
        {"error": {"code": 502, "message": "m"}, "choices": [{"message": {"content": "x"}}]},
        {"choices": [{"error": {"code": 429, "message": "m"}, "message": {"content": "x"}}]},
        {"error": {"code": 200, "message": "odd"}}, {"error": {"code": "weird", "message": "odd"}},
    ],
)  # fmt: skip
def test_a_200_without_an_answer_is_never_a_success(tmp_path: Path, body: Any) -> None:
    with seeded_house(tmp_path, seed(MANIFEST), answer(body=json.dumps(body).encode())) as (house, _):
        response = house.call("openrouter", "chat", CHAT)
    assert response.status_code in (429, 502), response.text
    assert response.json()["code"] in ("upstream_failed", "upstream_rate_limited", "upstream_invalid")


def test_the_upstream_gets_what_the_manifest_says_and_the_key(tmp_path: Path) -> None:
    big = 12345678901234567891
    good = json.dumps({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}).encode()
    tool = {"name": "t", "input_schema": {"type": "object", "properties": {"n": {"const": big}}}}
    with seeded_house(tmp_path, seed(MANIFEST), answer(body=good)) as (house, toy):
        response = house.call(
            "openrouter", "chat", {**CHAT, "system": "Be brief.", "tools": [tool], "temperature": None}
        )
        assert response.status_code == 200, response.text
        [request] = toy.requests
    assert request.method == "POST"
    assert request.target == "/api/v1/chat/completions"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("content-type") == "application/json"
    assert json.loads(request.body) == {
        "model": "toy/model",
        "messages": [{"role": "system", "content": "Be brief."}, *CHAT["messages"]],
        "tools": [
            {"type": "function", "function": {"name": "t", "description": "", "parameters": tool["input_schema"]}}
        ],
        "max_tokens": 4096,
        "temperature": 0,
    }
    assert str(big).encode() in request.body


def test_integers_of_any_size_come_back_exact_also_from_inside_arguments(tmp_path: Path) -> None:
    arguments = '{"id": 123456789012345678901234567890, "x": 1.5}'
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    body = {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    with seeded_house(tmp_path, seed(MANIFEST), answer(body=json.dumps(body).encode())) as (house, _):
        response = house.call("openrouter", "chat", CHAT)
    assert response.json()["tool_calls"][0]["input"] == {"id": 123456789012345678901234567890, "x": 1.5}


def test_bad_params_are_all_named_at_once_without_their_values(tmp_path: Path) -> None:
    with seeded_house(tmp_path, seed(MANIFEST)) as (house, toy):
        response = house.call(
            "openrouter", "chat", {"modle": "canary-value", "messages": "canary-value", "max_tokens": 1.5}
        )
        assert toy.requests == []
    body = response.json()
    assert response.status_code == 400
    assert body["code"] == "invalid_params"
    assert {problem["path"] for problem in body["problems"]} == {"modle", "model", "messages", "max_tokens"}
    assert "canary-value" not in response.text
    assert "model" in next(p["message"] for p in body["problems"] if p["path"] == "modle")


def test_the_seed_asks_for_no_stream(tmp_path: Path) -> None:
    with seeded_house(tmp_path, seed(MANIFEST)) as (house, _):
        response = house.call("openrouter", "chat", {**CHAT, "stream": True})
        assert (response.status_code, response.json()["code"]) == (400, "not_streamable")


def test_the_other_seeds_are_instructions(tmp_path: Path) -> None:
    names = ["agentspend-openrouter-llm-api.md", "ferrite-openrouter-llm-api.md", "lap-openrouter-api.md",
             "thatjuan-openrouter-api.md"]  # fmt: skip
    with seeded_house(tmp_path, seed(MANIFEST)) as (house, _):
        for name in names:
            (house.skills / name).write_bytes(seed(name).read_bytes())
        listed: dict[str, Any] = {}
        while len(listed) < 5:
            listed = {skill["id"]: skill for skill in house.client.get("/api/skills").json()["skills"]}
        for name in names:
            entry = listed[name.removesuffix(".md")]
            assert entry["kind"] == "instructions"
            assert entry["utilities"] == []
            refused = house.call(entry["id"], "chat")
            assert (refused.status_code, refused.json()["code"]) == (404, "not_callable")
        detail = house.client.get("/api/skills/ferrite-openrouter-llm-api").json()
        assert detail["domains"] == ["openrouter.ai"]
        assert listed["thatjuan-openrouter-api"]["name"] == "openrouter-api"
