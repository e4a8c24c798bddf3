"""A tool loop without conversion: the reply goes back as it came, with each of the five providers."""

import json
from random import Random
from typing import Any

import pytest

from tests.chat.dialects import Call, Generation, Thinking
from tests.chat.dialects.gemini import GEMINI
from tests.chat.dialects.openai import RESPONSES
from tests.chat.support import ndjson
from tests.end_to_end.chat import ASK, REPLY, SKILLS, Chat, chunk, completion, sse, stream_bytes
from tests.toy.raw import answer_json, say

BIG = 12345678901234567891
TOOLS = [{"name": "add", "description": "Adds", "input_schema": {"type": "object"}}, {"name": "now"}]
THOUGHT = {
    "type": "reasoning.text",
    "text": "Add.",
    "format": "anthropic-claude-v1",
    "index": 0,
    "signature": "s1g",
}
CALLS = [
    {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": f'{{"a": {BIG}}}'}},
    {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": ""}},
]
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Add.", "signature": "s1g"},
    {"type": "tool_use", "id": "call_0", "name": "add", "input": {"a": BIG}},
    {"type": "tool_use", "id": "call_1", "name": "now", "input": {}},
]
OLLAMAS = [
    {"id": "call_0", "function": {"name": "add", "arguments": {"a": BIG}}},
    {"id": "call_1", "function": {"name": "now", "arguments": {}}},
]


def anthropic_events() -> list[Any]:
    told: list[Any] = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}}
    ]
    starts = [
        {"type": "thinking", "thinking": "", "signature": ""},
        *({**block, "input": {}} for block in BLOCKS[1:]),
    ]
    pieces: list[list[Any]] = [
        [{"type": "thinking_delta", "thinking": "Add."}, {"type": "signature_delta", "signature": "s1g"}],
        [{"type": "input_json_delta", "partial_json": part} for part in ("", '{"a": 1234567890', "1234567891}")],
        [{"type": "input_json_delta", "partial_json": ""}],
    ]
    for index, (start, deltas) in enumerate(zip(starts, pieces, strict=True)):
        told.append({"type": "content_block_start", "index": index, "content_block": start})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": 9}
    return [
        *told,
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage},
        {"type": "message_stop"},
    ]


WHOLE: dict[str, Any] = {
    "openrouter": completion(
        "", "tool_calls", reasoning="Add.", reasoning_details=[THOUGHT], tool_calls=CALLS
    ),
    "anthropic": {
        "type": "message", "id": "msg_1", "role": "assistant", "model": "m", "content": BLOCKS,
        "stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 9},
    },
    "ollama": {
        "model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 9,
        "message": {"role": "assistant", "content": "", "thinking": "Add.", "tool_calls": OLLAMAS},
    },
}  # fmt: skip
ADDED = Generation((Thinking("Add."), Call("call_0", "add", {"a": BIG}), Call("call_1", "now", {})))
WHOLE |= {dialect.skill: dialect.whole(ADDED) for dialect in (RESPONSES, GEMINI)}
STREAMED: dict[str, bytes] = {
    "openrouter": sse(
        chunk("", reasoning="Add.", reasoning_details=[THOUGHT]),
        *(chunk(None, tool_calls=[{"index": index, **call}]) for index, call in enumerate(CALLS)),
        chunk("", "tool_calls"),
    ),
    "anthropic": sse(*anthropic_events(), done=False),
    "ollama": ndjson(
        {"model": "m", "message": {"role": "assistant", "content": "", "thinking": "Add."}, "done": False},
        *({"model": "m", "message": {"content": "", "tool_calls": [call]}, "done": False} for call in OLLAMAS),
        {**WHOLE["ollama"], "message": {"role": "assistant", "content": ""}},
    ),
}
STREAMED |= {dialect.skill: dialect.stream(ADDED, Random(1)) for dialect in (RESPONSES, GEMINI)}
THERE = {"openai": "input", "gemini": "contents"}
"""Where the conversation stands in a body, if not under `messages`."""
SENT: dict[str, list[Any]] = {
    "openai": [
        {"type": "reasoning", "id": "rs_0", "summary": [{"type": "summary_text", "text": "Add."}],
         "encrypted_content": "OAI0"},
        {"type": "function_call", "call_id": "call_0", "name": "add", "arguments": f'{{"a":{BIG}}}'},
        {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": f'{{"sum":{BIG}}}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
    ],
    "gemini": [
        {
            "role": "model",
            "parts": [
                {"text": "Add.", "thought": True},
                {"functionCall": {"id": "call_0", "name": "add", "args": {"a": BIG}}, "thoughtSignature": "R0VN"},
                {"functionCall": {"id": "call_1", "name": "now", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_0", "name": "add", "response": {"sum": BIG}}},
                {"functionResponse": {"id": "call_1", "name": "now", "response": {"output": "noon"}}},
            ],
        },
    ],
    "openrouter": [
        {
            "role": "assistant", "content": None, "reasoning": "Add.", "reasoning_details": [THOUGHT],
            "tool_calls": [
                CALLS[0] | {"function": {"name": "add", "arguments": f'{{"a":{BIG}}}'}},
                CALLS[1] | {"function": {"name": "now", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": f'{{"sum":{BIG}}}'},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ],
    "anthropic": [
        {"role": "assistant", "content": BLOCKS},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_0", "content": f'{{"sum":{BIG}}}'},
                {"type": "tool_result", "tool_use_id": "call_1", "content": "noon"},
            ],
        },
    ],
    "ollama": [
        {
            "role": "assistant", "content": "", "thinking": "Add.",
            "tool_calls": [
                {"id": f"call_{number}", "function": call["function"]} for number, call in enumerate(OLLAMAS)
            ],
        },
        {"role": "tool", "tool_name": "add", "tool_call_id": "call_0", "content": f'{{"sum":{BIG}}}'},
        {"role": "tool", "tool_name": "now", "tool_call_id": "call_1", "content": "noon"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("skill", WHOLE)
def test_a_reply_and_its_results_go_back_as_they_are_and_arrive_in_the_providers_own_shape(
    chat: Chat, skill: str
) -> None:
    body = stream_bytes([STREAMED[skill]])
    chat.says(answer_json(WHOLE[skill]), say(body), answer_json(WHOLE[skill]), say(body))
    plain, done = chat.ask({**ASK, "tools": TOOLS}, skill).json(), chat.stream({**ASK, "tools": TOOLS}, skill).done
    assert plain == done
    REPLY.validate(plain)
    assert plain["stop_reason"] == "tool_use"
    assert plain["content"] is None
    assert plain["tool_calls"] == [
        {"id": "call_0", "name": "add", "input": {"a": BIG}},
        {"id": "call_1", "name": "now", "input": {}},
    ]
    assert plain["reasoning"] == "Add."
    replayed = [
        *ASK["messages"],
        {"role": "assistant", **plain},
        {"role": "tool", "tool_call_id": "call_0", "content": {"sum": BIG}},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    chat.ask({**ASK, "tools": TOOLS, "messages": replayed}, skill)
    chat.stream({**ASK, "tools": TOOLS, "messages": replayed}, skill)
    for request in chat.toy.requests[2:]:
        assert json.loads(request.body)[THERE.get(skill, "messages")][1:] == SENT[skill]
        assert str(BIG).encode() in request.body


def test_messages_in_the_providers_own_shape_are_left_alone(chat: Chat) -> None:
    messages = [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": CALLS,
            "reasoning_details": [{"type": "new.kind", "x": 1}],
        },
        {"role": "tool", "tool_call_id": "call_0", "name": "add", "content": [{"type": "text", "text": "7"}]},
        {"role": "developer", "content": "Be brief."},
    ]
    chat.says(answer_json(completion("ok")))
    chat.ask({**ASK, "messages": messages})
    assert json.loads(chat.sent.body)["messages"] == messages


def test_a_call_that_could_not_be_read_goes_back_as_the_model_wrote_it(chat: Chat) -> None:
    cut = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"city": "Pa'}}
    chat.says(answer_json(completion(None, "length", tool_calls=[cut])))
    reply = chat.ask().json()
    assert reply["tool_calls"][0]["input"] is None
    assert reply["stop_reason"] == "max_tokens"
    chat.ask({**ASK, "messages": [{"role": "assistant", **reply}]})
    [message] = json.loads(chat.toy.requests[1].body)["messages"]
    assert message == {"role": "assistant", "content": None, "tool_calls": [cut]}


def test_the_chats_are_the_bundled_ones() -> None:
    assert {*WHOLE} == {folder.name for folder in SKILLS.iterdir() if "accumulate: chat" in read(folder)}


def read(folder: Any) -> str:
    return str((folder / "readme.md").read_text(encoding="utf-8"))
