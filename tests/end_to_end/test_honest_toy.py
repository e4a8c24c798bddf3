"""What the toy says is what OpenAI's own client reads, and the canonical reply says the same as that client."""

import json
from typing import Any

import pytest

from tests.end_to_end.chat import HELLO, USAGE, Chat, chunk, completion, streaming
from tests.toy.raw import answer_json

CALL = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


def read(body: Any, kind: str = "ChatCompletion") -> Any:
    """What the client makes of it; it takes half a second to load, which only these tests are to pay."""
    return getattr(pytest.importorskip("openai.types.chat"), kind).model_validate(body, strict=True)


@pytest.mark.slow
def test_openais_client_reads_what_the_toy_says_whole(chat: Chat) -> None:
    bodies = [
        completion("Hello", usage=USAGE),
        completion(None, "tool_calls", tool_calls=[CALL], usage=USAGE),
        completion("cut", "length"),
        completion("", "content_filter"),
    ]
    chat.says(*map(answer_json, bodies))
    for body in bodies:
        message, reply = read(body).choices[0].message, chat.ask().json()
        assert reply["content"] == message.content
        calls = message.tool_calls or []
        told = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in calls
            if call.type == "function"
        ]
        assert [(call["id"], call["name"], call["input"]) for call in reply["tool_calls"]] == told
        if usage := read(body).usage:
            assert reply["usage"]["input_tokens"] == usage.prompt_tokens
            assert reply["usage"]["output_tokens"] == usage.completion_tokens


@pytest.mark.slow
def test_openais_client_reads_what_the_toy_says_in_chunks(chat: Chat) -> None:
    opening = {"index": 0, **CALL, "function": {"name": "weather", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": '{"city": "Rome"}'}}
    generation = [
        chunk("Let me "),
        chunk("look."),
        chunk(None, tool_calls=[opening]),
        chunk(None, tool_calls=[rest]),
        chunk("", "tool_calls"),
        {**chunk(), "choices": [], "usage": USAGE},
    ]
    for chunks in (HELLO, generation):
        parsed = [read(part, "ChatCompletionChunk") for part in chunks]
        deltas = [choice.delta for part in parsed for choice in part.choices]
        chat.says(streaming(*chunks))
        done = chat.stream().done
        assert done["content"] == "".join(delta.content or "" for delta in deltas)
        pieces = [
            call.function.arguments or "" for delta in deltas for call in delta.tool_calls or [] if call.function
        ]
        assert [call["input"] for call in done["tool_calls"]] == ([json.loads("".join(pieces))] if pieces else [])
        assert done["usage"]["output_tokens"] == [part.usage.completion_tokens for part in parsed if part.usage][-1]
