"""Ollama's chat: no ids, one JSON value a line."""

from random import Random
from typing import Any

from tests.chat.dialects.generation import Dialect, Generation, Text, Thinking, cut, only, refuse
from tests.chat.support import ndjson

FINISH = {"limit": "length"}
HEAD = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}


def ending(generation: Generation) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": FINISH.get(generation.finish, "stop"),
        "prompt_eval_count": 3,
        "eval_count": 5,
    }


def calls(generation: Generation) -> list[Any]:
    return [{"function": {"name": call.name, "arguments": call.given}} for call in generation.calls]


def whole(generation: Generation) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": generation.said(Text)}
    message |= {"thinking": generation.said(Thinking)} if generation.said(Thinking) else {}
    message |= {"tool_calls": calls(generation)} if generation.calls else {}
    return {**HEAD, "message": message, **ending(generation)}


def stream(generation: Generation, random: Random) -> bytes:
    messages: list[dict[str, Any]] = []
    for made in generation.blocks:
        if isinstance(made, Thinking):
            messages += [{"content": "", "thinking": piece} for piece in cut(made.text, random)]
        elif isinstance(made, Text):
            messages += [{"content": piece} for piece in cut(made.text, random)]
    messages += [{"content": "", "tool_calls": [call]} for call in calls(generation)]
    lines = [{**HEAD, "message": {"role": "assistant", **said}, "done": False} for said in messages]
    return ndjson(*lines, {**HEAD, "message": {"role": "assistant", "content": ""}, **ending(generation)})


def takes(body: Any) -> None:
    only(body, "model messages tools stream think format keep_alive logprobs top_logprobs options")
    names: dict[str, str] = {}
    called: set[str] = set()
    for message in body["messages"]:
        only(message, "role content thinking images tool_calls tool_name tool_call_id")
        refuse(not isinstance(message["content"], str), "content is a text")
        refuse(message.get("thinking", "").startswith("hm "), "another maker's thinking")
        for call in message.get("tool_calls", []):
            refuse(not isinstance(call["function"]["arguments"], dict), "arguments are an object")
            called.add(call["function"]["name"])
            if "id" in call:  # clients of older versions write none
                refuse(call["id"] in names, "a call that is told twice")
                names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool":
            refuse(message["tool_name"] not in called, "a result of no tool")
            other = "tool_call_id" in message and message["tool_name"] != names.get(message["tool_call_id"])
            refuse(other, "a result of another tool")


def failure(status: int, words: str) -> Any:
    return {"error": words}


def failing_stream(words: str) -> bytes:
    return ndjson({**HEAD, "message": {"role": "assistant", "content": "Hel"}, "done": False}, {"error": words})


OLLAMA = Dialect("ollama", "ollama", {}, whole, stream, takes, failure, failing_stream, no_ids=True, no_filter=True)
