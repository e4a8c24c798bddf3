"""OpenRouter, and what Chat Completions have in common."""

import json
from random import Random
from typing import Any

from tests.chat.dialects.generation import Call, Dialect, Generation, Text, Thinking, cut, refuse, sse

FINISH = {"limit": "length", "filter": "content_filter"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def written(call: Call, **more: Any) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.written}
    return {"id": call.identifier, "type": "function", "function": function, **more}


def finish_of(generation: Generation) -> str:
    return FINISH.get(generation.finish, "tool_calls" if generation.calls else "stop")


def detail(text: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "index": 0, "format": "unknown", "text": text}


def whole(generation: Generation) -> Any:
    thought = generation.said(Thinking)
    message: dict[str, Any] = {"role": "assistant", "content": generation.said(Text) or None, "refusal": None}
    message |= {"reasoning": thought, "reasoning_details": [detail(thought)]} if thought else {}
    message |= {"tool_calls": [written(call) for call in generation.calls]} if generation.calls else {}
    choice = {"index": 0, "finish_reason": finish_of(generation), "message": message, "logprobs": None}
    head = {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "a/m", "provider": "P"}
    return {**head, "choices": [choice], "usage": USAGE}


def stream(generation: Generation, random: Random) -> bytes:
    head = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "a/m", "provider": "P"}
    deltas: list[dict[str, Any]] = []
    for block in generation.blocks:
        if isinstance(block, Thinking):
            deltas += [
                {"content": "", "reasoning": p, "reasoning_details": [detail(p)]} for p in cut(block.text, random)
            ]
        elif isinstance(block, Text):
            deltas += [{"content": piece} for piece in cut(block.text, random)]
    deltas += [delta for index, call in enumerate(generation.calls) for delta in pieces(index, call, random)]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", **d}, "finish_reason": None}]}
        for d in deltas
    ]
    ending = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": finish_of(generation)}
    told = sse([*chunks, {**head, "choices": [ending]}, {**head, "choices": [], "usage": USAGE}], done="[DONE]")
    return b": OPENROUTER PROCESSING\n\n" + told


def pieces(index: int, call: Call, random: Random) -> list[dict[str, Any]]:
    """A call's name, then its arguments."""
    opening = {
        "index": index,
        "id": call.identifier,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    rest = [{"index": index, "function": {"arguments": piece}} for piece in cut(call.written, random)]
    return [{"tool_calls": [piece]} for piece in [opening, *rest]]


def takes_calls(messages: list[Any], longest: int) -> None:
    """Every call is answered once, right after the message that made it."""
    waiting: list[str] = []
    seen: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            refuse(message["tool_call_id"] not in waiting, "a result without its call")
            waiting.remove(message["tool_call_id"])
            continue
        refuse(waiting, "a call without its result")
        for call in message.get("tool_calls", []):
            refuse(
                not isinstance(json.loads(call["function"]["arguments"]), dict), "arguments are an object's JSON"
            )
            refuse(call["id"] in seen or not 0 < len(call["id"]) <= longest, f"the id {call['id']!r}")
            seen.add(call["id"])
            waiting.append(call["id"])
        refuse(
            message["role"] == "assistant" and "tool_calls" in message and not message["tool_calls"],
            "tool_calls: []",
        )
    refuse(waiting, "a call without its result")


def takes(body: Any) -> None:
    refuse(body.get("tools") == [] or ("tool_choice" in body and "tools" not in body), "a choice of no tools")
    for message in body["messages"]:
        refuse({"parts", "usage", "stop_reason", "native_stop_reason"} & set(message), "keys of a reply")
        for entry in message.get("reasoning_details", []):
            theirs = entry.get("format") == "openai-responses-v1" and entry["type"] == "reasoning.encrypted"
            refuse(theirs, "what OpenAI encrypted for another account")
    takes_calls(body["messages"], 10_000)


def failure(status: int, words: str) -> Any:
    metadata = {"raw": json.dumps({"error": {"message": words}}), "provider_name": "P"}
    return {"error": {"code": status, "message": "Provider returned error", "metadata": metadata}, "user_id": "u"}


def failing_stream(words: str) -> bytes:
    first = {"id": "gen-1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    return sse([first, {"id": "gen-1", "error": {"code": 502, "message": words}, "choices": [choice]}])


OPENROUTER = Dialect("openrouter", "openrouter", {}, whole, stream, takes, failure, failing_stream)
