"""Every feature of a request arrives at the upstream in its documented spelling, alone, plain and streamed."""

import json
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, HELLO, Chat, completion, streaming
from tests.end_to_end.house import KEY
from tests.toy.raw import answer_json

BARE = {**ASK, "max_tokens": 4096, "temperature": 0}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
DATA = "data:application/pdf;base64,JVBERi0="


def parts(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, *content]}]}


SERVED = {"tools": [{"type": "openrouter:web_search"}]}
SAME: dict[str, Any] = {
    # sampling
    "temperature": {"temperature": 1.25},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 40},
    "min_p": {"min_p": 0.1},
    "top_a": {"top_a": 0.2},
    "frequency_penalty": {"frequency_penalty": -1.5},
    "presence_penalty": {"presence_penalty": 0.5},
    "repetition_penalty": {"repetition_penalty": 1.1},
    "seed": {"seed": 12345678901234567891},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 5},
    # length and stopping
    "max_tokens": {"max_tokens": 16},
    "stop": {"stop": ["END", "\n\n"]},
    "stop, one": {"stop": "END"},
    # tools that are OpenAI's or OpenRouter's own
    "tools, functions": {
        "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": WEATHER}}]
    },
    "tools, of the server": {"tools": [{"type": "openrouter:web_search", "parameters": {"max_results": 3}}]},
    "tool_choice auto": {**SERVED, "tool_choice": "auto"},
    "tool_choice none": {**SERVED, "tool_choice": "none"},
    "tool_choice required": {**SERVED, "tool_choice": "required"},
    "tool_choice, OpenAI's": {**SERVED, "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "parallel_tool_calls": {**SERVED, "parallel_tool_calls": False},
    # structure
    "response_format json_object": {"response_format": {"type": "json_object"}},
    "response_format json_schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": WEATHER}}
    },
    "structured_outputs": {"structured_outputs": True},
    "prediction": {"prediction": {"type": "content", "content": "draft"}},
    # thinking
    "reasoning effort": {"reasoning": {"effort": "high"}},
    "reasoning budget": {"reasoning": {"max_tokens": 2000, "exclude": True}},
    "reasoning enabled": {"reasoning": {"enabled": True}},
    "verbosity": {"verbosity": "low"},
    # routing
    "models": {"models": ["a/one", "b/two"]},
    "provider": {
        "provider": {
            "order": ["anthropic", "openai"], "allow_fallbacks": False, "require_parameters": True,
            "data_collection": "deny", "zdr": True, "only": ["azure"], "ignore": ["deepinfra"],
            "quantizations": ["fp8"], "sort": "throughput", "preferred_min_throughput": {"p90": 50},
            "preferred_max_latency": {"p90": 3}, "max_price": {"prompt": 1, "completion": 2},
        }
    },
    "provider sort, in parts": {"provider": {"sort": {"by": "price", "partition": "none"}}},
    "plugins": {
        "plugins": [
            {"id": "web", "max_results": 1, "engine": "exa"}, {"id": "file-parser", "pdf": {"engine": "pdf-text"}},
            {"id": "response-healing"}, {"id": "context-compression"},
            {"id": "auto-router", "allowed_models": ["anthropic/*"]},
        ]
    },
    "preset": {"preset": "email-copywriter"},
    "model @preset": {"model": "@preset/email-copywriter"},
    "model with ending": {"model": "deepseek/deepseek-r1:nitro"},
    "model :online": {"model": "openai/gpt-5:online"},
    # media
    "modalities": {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9"}},
    "audio": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    "part image_url": parts({"type": "image_url", "image_url": {"url": "https://a.example/a.png"}}),
    "part file": parts({"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}}),
    "part input_audio": parts({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
    "part video_url": parts({"type": "video_url", "video_url": {"url": "https://example.com/cat.mp4"}}),
    "part cache_control": parts({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    # the rest
    "cache_control": {"cache_control": {"type": "ephemeral"}},
    "user": {"user": "user-1"},
    "session_id": {"session_id": "session-1"},
    "service_tier": {"service_tier": "flex"},
    "metadata": {"metadata": {"team": "blue"}},
    "trace": {"trace": {"trace_id": "t", "span_name": "s"}},
    "debug": {"debug": {"echo_upstream_body": True}},
}  # fmt: skip
"""Sent as they are given."""

OTHERWISE: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "system": (
        {"system": "Be brief."},
        {"messages": [{"role": "system", "content": "Be brief."}, *ASK["messages"]]},
        set(),
    ),
    "system with cache_control": (
        {"system": [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}]},
        {
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}],
                },
                *ASK["messages"],
            ]
        },
        set(),
    ),
    "canonical tools": (
        {"tools": [{"name": "weather", "description": "Now", "input_schema": WEATHER}]},
        {
            "tools": [
                {"type": "function", "function": {"name": "weather", "description": "Now", "parameters": WEATHER}}
            ]
        },
        set(),
    ),
    "tool_choice by name": (
        {**SERVED, "tool_choice": {"name": "weather"}},
        {**SERVED, "tool_choice": {"type": "function", "function": {"name": "weather"}}},
        set(),
    ),
    "tool_choice without tools": ({"tools": [], "tool_choice": "required", "parallel_tool_calls": True}, {}, set()),
    "max_completion_tokens instead of max_tokens": (
        {"max_completion_tokens": 100},
        {"max_completion_tokens": 100},
        {"max_tokens"},
    ),
    "no tools": ({"tools": []}, {}, set()),
    "no system": ({"system": ""}, {}, set()),
    "null unsets": ({"max_tokens": None, "temperature": None, "tools": None}, {}, {"max_tokens", "temperature"}),
    "extra": (
        {"extra": {"brand_new": {"a": 1}, "temperature": 2}},
        {"brand_new": {"a": 1}, "temperature": 2},
        set(),
    ),
}
"""Params, what they put into the body, and what they keep out of it."""

TABLE = [
    *(pytest.param(params, {**BARE, **params}, id=name) for name, params in SAME.items()),
    *(
        pytest.param(params, {key: value for key, value in {**BARE, **body}.items() if key not in absent}, id=name)
        for name, (params, body, absent) in OTHERWISE.items()
    ),
]


@pytest.mark.parametrize(("params", "body"), TABLE)
def test_a_feature_reaches_the_upstream_in_its_documented_spelling_and_alone(
    chat: Chat, params: dict[str, Any], body: dict[str, Any]
) -> None:
    asked = {**ASK, "max_tokens": 4096, "temperature": 0, **params}
    chat.says(answer_json(completion("Hello")), streaming(*HELLO))
    assert chat.ask(asked).status_code == 200
    chat.stream(asked)
    plain, streamed = (json.loads(request.body) for request in chat.toy.requests)
    assert plain == body
    assert streamed == {**body, "stream": True}


def test_the_call_goes_to_the_documented_address_with_the_key_and_the_apps_title(chat: Chat) -> None:
    chat.says(answer_json(completion("Hello")))
    chat.ask()
    sent = chat.sent
    assert (sent.method, sent.target) == ("POST", "/api/v1/chat/completions")
    assert sent.header("authorization") == f"Bearer {KEY}"
    assert sent.header("content-type") == "application/json"
    assert sent.header("x-openrouter-title") == "agentos-runtime"
    assert sent.header("http-referer") is None
    assert sent.header("x-openrouter-categories") is None
    assert sent.header("x-agent") is None


def test_what_would_break_the_reading_of_the_reply_cannot_be_slipped_in(chat: Chat) -> None:
    response = chat.ask({**ASK, "extra": {"stream": True}})
    assert response.json()["problems"][0]["path"] == "extra.stream"
    assert chat.toy.requests == []
