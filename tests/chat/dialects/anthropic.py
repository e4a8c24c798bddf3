"""Anthropic's Messages."""

import itertools
import re
from random import Random
from typing import Any

from tests.chat.dialects.generation import Call, Dialect, Generation, Text, Thinking, cut, only, refuse, sse

FINISH = {"limit": "max_tokens", "filter": "refusal"}
KNOWN = (
    "model max_tokens messages system tools tool_choice temperature top_p top_k stop_sequences thinking"
    " output_config cache_control service_tier metadata stream"
)


def finish_of(generation: Generation) -> str:
    return FINISH.get(generation.finish, "tool_use" if generation.calls else "end_turn")


def block(made: Thinking | Text | Call) -> dict[str, Any]:
    if isinstance(made, Thinking):
        return {"type": "thinking", "thinking": made.text, "signature": "CLAUDE"}
    if isinstance(made, Text):
        return {"type": "text", "text": made.text}
    return {"type": "tool_use", "id": made.identifier, "name": made.name, "input": made.given}


def message(generation: Generation, **more: Any) -> Any:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
            "stop_sequence": None, "stop_reason": None,
            "usage": {"input_tokens": 3, "output_tokens": 1}, **more}  # fmt: skip


def whole(generation: Generation) -> Any:
    blocks = [block(made) for made in generation.blocks]
    usage = {"input_tokens": 3, "output_tokens": 5}
    return message(generation, content=blocks, stop_reason=finish_of(generation), usage=usage)


def stream(generation: Generation, random: Random) -> bytes:
    events: list[Any] = [{"type": "message_start", "message": message(generation)}, {"type": "ping"}]
    for index, made in enumerate(generation.blocks):
        start = block(made)
        if isinstance(made, Thinking):
            start |= {"thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(made.text, random)]
            deltas.append({"type": "signature_delta", "signature": "CLAUDE"})
        elif isinstance(made, Text):
            start |= {"text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in cut(made.text, random)]
        else:
            start |= {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in ["", *cut(made.written, random)]]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": finish_of(generation), "stop_sequence": None}
    events += [{"type": "message_delta", "delta": ending, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
    return sse(events, named=True)


def takes(body: Any) -> None:
    only(body, KNOWN)
    refuse("max_tokens" not in body, "max_tokens is missing")
    refuse(body.get("tools") == [] or ("tool_choice" in body and "tools" not in body), "a choice of no tools")
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    refuse(thinks and body.get("temperature", 1) != 1, "temperature may only be 1 when thinking is enabled")
    refuse(thinks and ("top_k" in body or body.get("top_p", 1) < 0.95), "top_k, top_p while thinking")
    refuse("temperature" in body and "top_p" in body, "temperature and top_p cannot both be specified")
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    refuse(thinks and forced, "thinking may not be enabled when tool_choice forces tool use")
    for tool in body.get("tools", []):
        refuse(tool["input_schema"].get("type") != "object", "input_schema.type: Field required")
    seen: set[str] = set()
    for said, following in itertools.pairwise([*body["messages"], {"content": []}]):
        only(said, "role content")
        blocks = said["content"] if isinstance(said["content"], list) else []
        refuse(said["content"] == [], "a message without content")
        for part in blocks:
            refuse(part["type"] == "text" and not part["text"].strip(), "text of white space only")
            refuse(part["type"] == "thinking" and part["signature"] != "CLAUDE", "an invalid signature")
        calls = [part["id"] for part in blocks if part["type"] == "tool_use"]
        refuse(not all(re.fullmatch("[a-zA-Z0-9_-]+", call) for call in calls), "tool_use ids have a pattern")
        refuse(len(set(calls)) != len(calls) or seen & set(calls), "tool_use ids must be unique")
        seen |= set(calls)
        results = [
            p["tool_use_id"] for p in following["content"] if isinstance(p, dict) and p["type"] == "tool_result"
        ]
        refuse(calls and sorted(results) != sorted(calls), "tool_use without tool_result right after it")


def failure(status: int, words: str) -> Any:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        404: "not_found_error",
        429: "rate_limit_error",
    }
    error = {"type": kinds.get(status, "overloaded_error" if status == 529 else "api_error"), "message": words}
    return {"type": "error", "error": error, "request_id": "req_1"}


def failing_stream(words: str) -> bytes:
    start = {"type": "message_start", "message": message(Generation(()))}
    first = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    piece = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
    return sse([start, first, piece, failure(500, words)], named=True)


ANTHROPIC = Dialect("anthropic", "anthropic", {}, whole, stream, takes, failure, failing_stream)
