"""OpenAI's two interfaces: Responses and Chat Completions."""

from random import Random
from typing import Any

from tests.chat.dialects.generation import Call, Dialect, Generation, Text, Thinking, cut, only, refuse, sse
from tests.chat.dialects.openrouter import USAGE, finish_of, pieces, takes_calls, written

KNOWN = (
    "model input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p text"
    " reasoning include top_logprobs store previous_response_id conversation background prompt max_tool_calls"
    " truncation context_management service_tier metadata"
    " safety_identifier prompt_cache_key prompt_cache_options stream"
)
KNOWN_COMPLETIONS = (
    "model messages tools tool_choice parallel_tool_calls max_completion_tokens temperature top_p stop seed"
    " frequency_penalty presence_penalty logit_bias logprobs top_logprobs response_format reasoning_effort"
    " verbosity prediction modalities audio safety_identifier prompt_cache_key prompt_cache_options service_tier"
    " metadata store stream stream_options"
)
ITEMS = {
    "reasoning": "type id summary content encrypted_content status",
    "function_call": "type id call_id name arguments status",
    "function_call_output": "type call_id output",
    "message": "type id role content status phase",
}


def item(place: int, made: Thinking | Text | Call) -> dict[str, Any]:
    if isinstance(made, Thinking):
        summary = [{"type": "summary_text", "text": made.text}]
        return {"type": "reasoning", "id": f"rs_{place}", "summary": summary, "encrypted_content": f"OAI{place}"}
    if isinstance(made, Text):
        part = {"type": "output_text", "text": made.text, "annotations": []}
        return {
            "type": "message",
            "id": f"msg_{place}",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    return {"type": "function_call", "id": f"fc_{place}", "call_id": made.identifier, "name": made.name,
            "arguments": made.written, "status": "completed"}  # fmt: skip


def response(**more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress",
            "output": [], "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
            "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
            "top_p": 1.0, **more}  # fmt: skip


def ending(generation: Generation) -> dict[str, Any]:
    why = {"limit": "max_output_tokens", "filter": "content_filter"}.get(generation.finish)
    usage = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
             "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 8}  # fmt: skip
    status = {"status": "incomplete", "incomplete_details": {"reason": why}} if why else {"status": "completed"}
    return {**status, "usage": usage}


def whole(generation: Generation) -> Any:
    output = [item(place, made) for place, made in enumerate(generation.blocks)]
    return response(output=output, **ending(generation))


def stream(generation: Generation, random: Random) -> bytes:
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response()}]
    for place, made in enumerate(generation.blocks):
        told = item(place, made)
        at = {"output_index": place, "item_id": told["id"]}
        empty: dict[str, Any]
        middle: list[dict[str, Any]]
        if isinstance(made, Thinking):
            empty, kind = {"summary": [], "encrypted_content": None}, "response.reasoning_summary_text.delta"
            start = {"type": "response.reasoning_summary_part.added", "summary_index": 0, **at}
            middle = [{"type": kind, "summary_index": 0, "delta": piece, **at} for piece in cut(made.text, random)]
            middle = [{**start, "part": {"type": "summary_text", "text": ""}}, *middle]
        elif isinstance(made, Text):
            empty, kind = {"content": [], "status": "in_progress"}, "response.output_text.delta"
            more = {"content_index": 0, "logprobs": [], **at}
            middle = [{"type": kind, "delta": piece, **more} for piece in cut(made.text, random)]
            start = {"type": "response.content_part.added", "content_index": 0, **at}
            middle = [{**start, "part": {**told["content"][0], "text": ""}}, *middle]
        else:
            empty, kind = {"arguments": "", "status": "in_progress"}, "response.function_call_arguments.delta"
            middle = [{"type": kind, "delta": piece, **at} for piece in cut(made.written, random)]
        events.append({"type": "response.output_item.added", "output_index": place, "item": {**told, **empty}})
        events += [*middle, {"type": "response.output_item.done", "output_index": place, "item": told}]
    done = whole(generation)
    events.append({"type": f"response.{done['status']}", "response": done})
    return sse([{"sequence_number": number, **event} for number, event in enumerate(events)], named=True)


def takes(body: Any) -> None:
    only(body, KNOWN)
    refuse(body["store"] is not False, "the test keeps nothing at OpenAI")
    refuse(body.get("tools") == [] or ("tool_choice" in body and "tools" not in body), "a choice of no tools")
    refuse(body.get("max_output_tokens", 16) < 16, "max_output_tokens is at least 16")
    thinks = body.get("reasoning", {}).get("effort") not in (None, "none")
    refuse(thinks and {"temperature", "top_p"} & set(body), "unsupported parameter: temperature")
    for tool in body.get("tools", []):
        refuse(not isinstance(tool["parameters"].get("properties"), dict), "object schema missing properties")
    waiting: list[str] = []
    seen: set[str] = set()
    said = body["input"]
    for place, entry in enumerate([{"role": "user", "content": said}] if isinstance(said, str) else said):
        if "type" not in entry:
            only(entry, "role content")
            refuse(isinstance(entry["content"], list) and not entry["content"], "no content")
            continue
        only(entry, ITEMS[entry["type"]])
        if entry["type"] == "reasoning":
            refuse(not entry["encrypted_content"].startswith("OAI"), "the encrypted content could not be verified")
            refuse(place + 1 == len(body["input"]), "reasoning without the item that follows it")
        elif entry["type"] == "function_call":
            refuse(entry["call_id"] in seen or not 0 < len(entry["call_id"]) <= 64, f"the id {entry['call_id']!r}")
            seen.add(entry["call_id"])
            waiting.append(entry["call_id"])
        elif entry["type"] == "function_call_output":
            refuse(entry["call_id"] not in waiting, "no tool call found for function call output")
            waiting.remove(entry["call_id"])
    refuse(waiting, "no tool output found for function call")


def failure(status: int, words: str) -> Any:
    codes = {429: "rate_limit_exceeded", 401: "invalid_api_key", 404: "model_not_found"}
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": words, "type": kind, "param": None, "code": codes.get(status)}}


def failing_stream(words: str) -> bytes:
    start = {"type": "response.created", "response": response()}
    piece = {
        "type": "response.output_text.delta",
        "output_index": 0,
        "content_index": 0,
        "item_id": "m",
        "delta": "Hel",
    }
    error = {"code": "server_error", "message": words}
    return sse([start, piece, {"type": "response.failed", "response": response(status="failed", error=error)}])


def whole_completion(generation: Generation) -> Any:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": generation.said(Text) or None,
        "refusal": None,
        "annotations": [],
    }
    message |= {"tool_calls": [written(call) for call in generation.calls]} if generation.calls else {}
    choice = {"index": 0, "finish_reason": finish_of(generation), "message": message, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": USAGE,
    }


def stream_of_completion(generation: Generation, random: Random) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "" if generation.said(Text) else None, "refusal": None}
    ]
    deltas += [{"content": piece} for piece in cut(generation.said(Text), random)]
    deltas += [delta for index, call in enumerate(generation.calls) for delta in pieces(index, call, random)]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
        for delta in deltas
    ]
    ending = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish_of(generation)}], "usage": None}
    return sse([*chunks, ending, {**head, "choices": [], "usage": USAGE}], done="[DONE]")


def takes_completion(body: Any) -> None:
    only(body, KNOWN_COMPLETIONS)
    refuse(body.get("tools") == [] or ("tool_choice" in body and "tools" not in body), "a choice of no tools")
    for message in body["messages"]:
        only(message, "role content name tool_calls tool_call_id refusal audio")
    takes_calls(body["messages"], 40)


def failing_completion(words: str) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}
    return sse([{"id": "chatcmpl-1", "choices": [choice]}, {"error": {"message": words, "type": "server_error"}}])


RESPONSES = Dialect("openai", "openai", {}, whole, stream, takes, failure, failing_stream)
COMPLETIONS = Dialect(
    "openai-completions", "openai", {"api": "completions"}, whole_completion, stream_of_completion,
    takes_completion, failure, failing_completion, no_thoughts=True,
)  # fmt: skip
