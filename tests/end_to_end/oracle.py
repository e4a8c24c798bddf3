"""The canonical chat, written down a second time: in Python, over OpenRouter's bodies and chunks."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "content_filter"}
LISTS = ("annotations", "images", "reasoning_details")


def chunks_of(stream: bytes) -> list[Any]:
    """The payloads of a stream with one `data:` line per event."""
    lines = [line.removeprefix("data: ") for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def carried_error(body: Any) -> Any:
    """The error that a body or chunk carries, or None."""
    if not isinstance(body, dict):
        return None
    if body.get("error"):
        return body["error"]
    for choice in body.get("choices") or []:
        if choice.get("error"):
            return choice["error"]
        if choice.get("finish_reason") == "error":
            return {"message": choice.get("native_finish_reason")}
    return None


def whole_body(chunks: Iterable[Any]) -> dict[str, Any]:
    """The body with which the plain call would have answered the generation that a stream told in chunks."""
    body: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0, "finish_reason": None, "native_finish_reason": None}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    details: dict[tuple[Any, Any], dict[str, Any]] = {}
    for part in chunks:
        body |= {key: value for key, value in part.items() if key != "choices" and value is not None}
        for one in part["choices"][:1]:
            choice |= {key: one[key] for key in ("finish_reason", "native_finish_reason") if one.get(key)}
            _add_delta(message, calls, details, one["delta"])
    for call in calls.values():
        call["function"]["arguments"] = _joined([*filter(None, call["function"]["arguments"])])
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    if details:
        message["reasoning_details"] = list(details.values())
    return body | {"choices": [choice | {"message": message}]}


def _add_delta(message: dict[str, Any], calls: dict[int, Any], details: dict[Any, Any], delta: Any) -> None:
    for key in ("content", "reasoning", "refusal"):
        if delta.get(key) is not None:
            message[key] = (message.get(key) or "") + delta[key]
    for key in ("annotations", "images"):
        message[key] = message.get(key, []) + (delta.get(key) or [])
    for part in delta.get("tool_calls") or []:
        call = calls.setdefault(part["index"], {"id": None, "function": {"name": None, "arguments": []}})
        function = part.get("function") or {}
        call["id"] = call["id"] or part.get("id")
        call["function"]["name"] = call["function"]["name"] or function.get("name")
        call["function"]["arguments"].append(function.get("arguments") or "")
    for part in delta.get("reasoning_details") or []:
        known = details.setdefault((part.get("index"), part.get("type")), {})
        for key, value in part.items():
            if key in ("text", "summary", "data") and known.get(key) is not None and value is not None:
                known[key] += value
            elif value is not None or key not in known:
                known[key] = value


def _joined(pieces: list[str]) -> str:
    """The arguments that came in pieces. `{}` before them holds their place, which no plain reply has to."""
    places = [*itertools.takewhile(lambda piece: piece.strip() == "{}", pieces)]
    if places and pieces[len(places) :] and pieces[len(places)].lstrip().startswith("{"):
        pieces = pieces[len(places) :]
    told = ""
    for more in pieces:
        told += "" if _says_again(told, more) else more
    return told


def _says_again(told: str, more: str) -> bool:
    """Whether all arguments come once more, as some providers end a call."""
    if not told.startswith("{") or more not in (told, json.dumps(told, ensure_ascii=False)):
        return False
    try:
        json.loads(told)
    except ValueError:
        return False
    return True


def canonical(body: dict[str, Any], limit: int | None = None) -> dict[str, Any]:
    """The canonical reply to an OpenRouter body that is no failure; `limit` is the token limit asked for."""
    choice = body["choices"][0]
    message = choice["message"]
    calls = [canonical_call(call) for call in message.get("tool_calls") or []]
    usage = canonical_usage(body.get("usage"))
    finish = choice.get("finish_reason")
    reason = REASONS.get(finish)
    if reason is None and limit is not None and (usage["output_tokens"] or 0) >= limit:
        reason = "max_tokens"
    if reason not in ("max_tokens", "content_filter"):
        reason = "tool_use" if calls else None if reason == "tool_use" else reason
    reply = {
        "content": None if calls and message.get("content") == "" else message.get("content"),
        "tool_calls": calls,
        "stop_reason": reason,
        "usage": usage,
    }
    native = choice.get("native_finish_reason") or (finish if finish not in REASONS or reason is None else None)
    reply |= {"native_stop_reason": native} if native else {}
    beside = ("id", "model", "provider", "created", "service_tier", "system_fingerprint")
    reply |= {key: body[key] for key in beside if body.get(key)}
    return reply | {key: message[key] for key in ("reasoning", "refusal", "audio", *LISTS) if message.get(key)}


def canonical_call(call: Any) -> dict[str, Any]:
    text = call["function"].get("arguments") or ""
    named = {"id": call.get("id"), "name": call["function"]["name"]}
    try:
        given = json.loads(text) if text.strip() else {}
        problem = None if isinstance(given, dict) else "no object"
    except ValueError:
        problem = "no JSON"
    if problem is None:
        return named | {"input": given}
    return named | {"input": None, "raw_arguments": text, "problem": ANY}


def canonical_usage(usage: Any) -> dict[str, Any]:
    usage = usage or {}
    into, out = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    told = {
        "cached_input_tokens": into.get("cached_tokens"),
        "cache_write_tokens": into.get("cache_write_tokens"),
        "reasoning_tokens": out.get("reasoning_tokens"),
        "cost": usage.get("cost"),
        "cost_details": usage.get("cost_details"),
    }
    charged = (usage.get("cost_details") or {}).get("upstream_inference_cost")
    if usage.get("is_byok") is True and charged is not None:
        told["cost"] = (usage.get("cost") or 0) + charged
    apart = ("prompt_tokens", "completion_tokens", "cost", "cost_details")
    others = {name: value for name, value in usage.items() if name not in apart}
    others["prompt_tokens_details"] = _without(into, "cached_tokens", "cache_write_tokens")
    others["completion_tokens_details"] = _without(out, "reasoning_tokens")
    told["details"] = _without(others) or None
    counts = {"input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")}
    return counts | {key: value for key, value in told.items() if value is not None}


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """What else is said: no null, nothing empty."""
    return {name: each for name, each in values.items() if name not in names and each not in (None, {}, [])}


class _Any:
    """Equal to every sentence."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(other)

    __hash__ = None  # type: ignore[assignment]


ANY = _Any()
