"""Gemini's generateContent."""

from random import Random
from typing import Any

from tests.chat.dialects.generation import Call, Dialect, Generation, Text, Thinking, cut, only, refuse, sse

FINISH = {"limit": "MAX_TOKENS", "filter": "SAFETY"}
SKIP = "skip_thought_signature_validator"
HEAD = {"modelVersion": "gemini-x", "responseId": "r1"}
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}


def part(made: Thinking | Text | Call) -> dict[str, Any]:
    if isinstance(made, Thinking):
        return {"text": made.text, "thought": True}
    if isinstance(made, Text):
        return {"text": made.text}
    return {"functionCall": {"name": made.name, "args": made.given}}


def signed(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first call of a step bears the signature."""
    for place, one in enumerate(parts):
        if "functionCall" in one:
            return [*parts[:place], {**one, "thoughtSignature": "R0VN"}, *parts[place + 1 :]]
    return parts


def answer(parts: list[Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}], **HEAD}


def whole(generation: Generation) -> Any:
    parts = signed([part(made) for made in generation.blocks])
    return {**answer(parts, finishReason=FINISH.get(generation.finish, "STOP")), "usageMetadata": USAGE}


def stream(generation: Generation, random: Random) -> bytes:
    parts: list[dict[str, Any]] = []
    for made in generation.blocks:
        if isinstance(made, Call):
            parts.append(part(made))
        else:
            parts += [{**part(made), "text": piece} for piece in cut(made.text, random)]
    chunks = [{**answer([one]), "usageMetadata": {"promptTokenCount": 3}} for one in signed(parts)]
    last = answer([{"text": ""}], finishReason=FINISH.get(generation.finish, "STOP"))
    return sse([*chunks, {**last, "usageMetadata": USAGE}])


def takes(body: Any) -> None:
    only(body, "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent")
    contents = body["contents"]
    refuse(not contents, "contents is not specified")
    question = max((n for n, said in enumerate(contents) if said["role"] == "user" and is_said(said)), default=-1)
    for place, said in enumerate(contents):
        only(said, "role parts")
        refuse(said["role"] not in ("user", "model") or not said["parts"], "valid roles are user and model")
        for one in said["parts"]:
            only(one, "text thought thoughtSignature functionCall functionResponse inlineData fileData")
            refuse(one.get("thoughtSignature") not in (None, "R0VN", SKIP), "the thought signature is not valid")
        calls = [one for one in said["parts"] if "functionCall" in one]
        if not calls:
            continue
        refuse(not isinstance(calls[0]["functionCall"]["args"], dict), "args are an object")
        unsigned = place > question and "thoughtSignature" not in calls[0]
        refuse(unsigned, "function call is missing a thought_signature in functionCall parts")
        following = contents[place + 1]["parts"] if place + 1 < len(contents) else []
        results = [one["functionResponse"] for one in following if "functionResponse" in one]
        refuse(
            [r["name"] for r in results] != [c["functionCall"]["name"] for c in calls], "as many responses as calls"
        )
        refuse(
            [r.get("id") for r in results] != [c["functionCall"].get("id") for c in calls], "ids that do not match"
        )
        refuse(not all(isinstance(r["response"], dict) for r in results), "a response is an object")


def is_said(content: Any) -> bool:
    return any("functionResponse" not in one for one in content["parts"])


def failure(status: int, words: str) -> Any:
    names = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
    }
    return {"error": {"code": status, "message": words, "status": names.get(status, "UNAVAILABLE"), "details": []}}


def failing_stream(words: str) -> bytes:
    return sse([answer([{"text": "Hel"}]), failure(500, words)])


GEMINI = Dialect("gemini", "gemini", {}, whole, stream, takes, failure, failing_stream, no_ids=True)
