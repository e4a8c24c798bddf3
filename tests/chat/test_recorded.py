"""Recorded traffic of OpenRouter: every answer is a canonical reply, every failure an error in words that help."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError
from tests.chat.support import Expressions, schema
from tests.recorded import Exchange, exchanges

REPLY = Draft202012Validator(schema("chat-reply"))


def chats(pattern: str = "*") -> list[Exchange]:
    return [e for e in exchanges(pattern) if e.request["url"].endswith("/chat/completions")]


def asked(exchange: Exchange) -> dict[str, Any]:
    """The params that the recorded request stands for."""
    body = exchange.request["body"]
    limits = {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body}
    return {"model": "m", "messages": [], "max_tokens": None} | limits


def answered(exchange: Exchange, expressions: Expressions) -> Any:
    wire = expressions.wire("openrouter")
    if exchange.streamed:
        return wire.stream(asked(exchange), exchange.body).done
    return wire.reply(asked(exchange), exchange.body, exchange.status)


def test_every_recorded_answer_is_a_canonical_reply(expressions: Expressions) -> None:
    for exchange in chats():
        if "err" in exchange.name:
            continue
        reply = answered(exchange, expressions)
        assert not list(REPLY.iter_errors(reply)), exchange.name
        assert reply["content"] is not None or reply["tool_calls"], exchange.name
        assert all(isinstance(call["input"], dict) for call in reply["tool_calls"]), exchange.name
        assert isinstance(reply["usage"]["output_tokens"], int), exchange.name
        if "token-limit" in exchange.name:
            assert reply["stop_reason"] == "max_tokens", exchange.name


def test_every_recorded_failure_is_an_error_in_words_that_help(expressions: Expressions) -> None:
    for exchange in chats("*err*"):
        with pytest.raises(AgentOSError) as caught:
            answered(exchange, expressions)
        assert "Provider returned error" not in caught.value.message, exchange.name
        assert caught.value.upstream is not None
        assert caught.value.upstream.message, exchange.name


def test_recorded_reasoning_comes_through_whole(expressions: Expressions) -> None:
    for exchange in chats("*reasoning*"):
        if exchange.streamed or "err" in exchange.name:
            continue
        told = json.loads(exchange.body)["choices"][0]["message"]
        reply = answered(exchange, expressions)
        assert reply.get("reasoning") == (told.get("reasoning") or None), exchange.name
        assert reply.get("reasoning_details") == told.get("reasoning_details"), exchange.name
