"""Replies whose words stand elsewhere, or in another form, than the description of the service has them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, EVENTS, HELLO, USAGE, Chat, sse, stream_bytes
from tests.toy.raw import answer, render_chunks, say


@dataclass(frozen=True)
class Told:
    """One generation: the bodies of the plain answer and of the stream, and what the reply has."""

    skill: str
    reply: dict[str, Any]
    whole: Any = None
    events: Sequence[Any] = ()
    text: bytes = b""
    """The body of a stream as it stands, instead of `events`."""
    params: dict[str, Any] = field(default_factory=dict)


def choice(content: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of Chat Completions; `more` stands beside its choices."""
    return {"id": "g", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


def whole_choice(**more: Any) -> dict[str, Any]:
    return {"id": "g", "choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}], **more}


def page(**said: str) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": said}


SOURCES: dict[str, Any] = {
    "citations": ["https://a.example/1", "https://b.example/2"],
    "search_results": [{"title": "One", "url": "https://a.example/1", "date": None, "snippet": "first"}],
}
CITED = [page(url="https://a.example/1", title="One", content="first"), page(url="https://b.example/2")]
THOUGHT = {"type": "reasoning.text", "text": "hm"}
ROWS: dict[str, Told] = {
    "citations beside the choices": Told(
        "openrouter",
        {"content": "ab", "annotations": CITED},
        whole_choice(**SOURCES),
        [choice("a", **SOURCES), choice("b", **SOURCES), choice("", "stop", citations=SOURCES["citations"])],
    ),
    "citations as annotations and beside the choices": Told(
        "openrouter",
        {"annotations": [page(url="https://a.example/1")]},
        {
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {"content": "ab", "annotations": [page(url="https://a.example/1")]},
                }
            ],
            **SOURCES,
        },
        [
            {**choice("a", **SOURCES)},
            {"choices": [{"delta": {"content": "b", "annotations": [page(url="https://a.example/1")]}}], **SOURCES},
            choice("", "stop", **SOURCES),
        ],
    ),
    "annotations that each chunk repeats": Told(
        "openrouter",
        {"content": "ab", "annotations": CITED},
        events=[
            {"choices": [{"delta": {"content": "a", "annotations": CITED[:1]}}]},
            {"choices": [{"delta": {"content": "b", "annotations": CITED}}]},
            {"choices": [{"delta": {"annotations": CITED}, "finish_reason": "stop"}]},
        ],
    ),
    "one detail of reasoning without a list": Told(
        "openrouter",
        {"content": "ab", "reasoning_details": [THOUGHT]},
        {"choices": [{"finish_reason": "stop", "message": {"content": "ab", "reasoning_details": THOUGHT}}]},
        [{"choices": [{"delta": {"reasoning_details": THOUGHT}}]}, choice("ab", "stop")],
    ),
}

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
RESPONSE = {"id": "r", "status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}
COMPLETED = {"type": "response.completed", "response": RESPONSE}
MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "ab", "annotations": []}]}
CALLED = {
    "message": {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
    "finish_reason": "tool_calls",
}
A_CALL = [{"id": "c1", "name": "f", "input": {"a": 1}}]
SUMMARY = {"type": "reasoning.summary", "index": 0, "format": "openai-responses-v1", "id": "rs_1", "summary": "hm"}
ROWS |= {
    "a text at the end of its part only": Told(
        "openai",
        {"content": "ab", "stop_reason": "end_turn"},
        events=[
            {
                "type": "response.content_part.done",
                "output_index": 0,
                "part": {"type": "output_text", "text": "ab"},
            },
            COMPLETED,
        ],
    ),
    "a refusal at the end of its part only": Told(
        "openai",
        {"refusal": "no", "content": None},
        events=[
            {"type": "response.content_part.done", "output_index": 0, "part": {"type": "refusal", "refusal": "no"}},
            COMPLETED,
        ],
    ),
    "a text at its end and at the end of its part": Told(
        "openai",
        {"content": "ab"},
        events=[
            {"type": "response.output_text.done", "output_index": 0, "text": "ab"},
            {
                "type": "response.content_part.done",
                "output_index": 0,
                "part": {"type": "output_text", "text": "ab"},
            },
            COMPLETED,
        ],
    ),
    "a summary at its end only": Told(
        "openai",
        {"content": "ab", "reasoning": "hm", "reasoning_details": [SUMMARY]},
        events=[
            {
                "type": "response.reasoning_summary_text.done",
                "output_index": 0,
                "summary_index": 0,
                "item_id": "rs_1",
                "text": "hm",
            },
            {"type": "response.output_text.delta", "output_index": 1, "delta": "ab"},
            COMPLETED,
        ],
    ),
    "a completion in the place of a response": Told(
        "openai",
        {"content": "ab", "stop_reason": "end_turn"},
        whole_choice(usage={"prompt_tokens": 1, "completion_tokens": 2}),
        [choice("a"), choice("b", "stop")],
    ),
    "a call of a completion in the place of a response": Told(
        "openai",
        {"content": None, "tool_calls": A_CALL, "stop_reason": "tool_use"},
        {"id": "g", "choices": [CALLED]},
        [{"id": "g", "choices": [{**CALLED, "delta": CALLED["message"]}]}],
    ),
    "a response in the place of a completion": Told(
        "openai",
        {"content": "ab", "tool_calls": A_CALL, "stop_reason": "tool_use"},
        {**RESPONSE, "output": [MESSAGE, CALL]},
        [
            {"type": "response.output_text.delta", "output_index": 0, "delta": "ab"},
            {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
            {"type": "response.output_item.done", "output_index": 1, "item": CALL},
            {"type": "response.completed", "response": {**RESPONSE, "output": [MESSAGE, CALL]}},
        ],
        params={"api": "completions"},
    ),
}

GEMINI_CALL = {"parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}]}
ROWS |= {
    "an end that is none, of calls in pieces": Told(
        "openai",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[
            {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": CALL["arguments"]},
            COMPLETED,
        ],
    ),
    "an end that is none, of calls told whole": Told(
        "openai",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[{"type": "response.completed", "response": {**RESPONSE, "output": [CALL]}}],
    ),
    "an end that is none, beside the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        {"candidates": [{"content": GEMINI_CALL, "finishReason": "STOP"}]},
        [{"candidates": [{"content": GEMINI_CALL, "finishReason": "STOP"}]}],
    ),
    "an end that is none, after the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[{"candidates": [{"content": GEMINI_CALL}]}, {"candidates": [{"finishReason": "STOP"}]}],
    ),
    "an end that is none, before the call": Told(
        "openrouter",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[choice("", "stop"), {"choices": [{"delta": CALLED["message"]}]}],
    ),
    "an end that is cut, after the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "max_tokens"},
        events=[{"candidates": [{"content": GEMINI_CALL}]}, {"candidates": [{"finishReason": "MAX_TOKENS"}]}],
    ),
}

LINES: list[dict[str, Any]] = [
    {"model": "m", "message": {"content": "a"}, "done": False},
    {"message": {"content": "b"}, "done": True, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2},
]
BOTH = {"content": "ab", "stop_reason": "end_turn"}
ROWS |= {
    "lines after a byte order mark": Told(
        "ollama", BOTH, text=b"\xef\xbb\xbf" + b"".join(json.dumps(each).encode() + b"\n" for each in LINES)
    ),
    "two objects on a line": Told(
        "ollama", BOTH, text=b"".join(json.dumps(each).encode() for each in LINES) + b"\n"
    ),
    "two objects on a line without an end": Told(
        "ollama", BOTH, text=b" ".join(json.dumps(each).encode() for each in LINES)
    ),
    "events without the ends between": Told(
        "openrouter",
        BOTH,
        text=b"".join(b"data: " + json.dumps(each).encode() for each in (choice("a"), choice("b", "stop")))
        + b"data: [DONE]\n\n",
    ),
}

LONE = {"index": 1, "content": {"parts": [{"text": "ab"}]}, "finishReason": "STOP"}
START: dict[str, Any] = {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 2}}
START_TEXT = START | {"content": [{"type": "text", "text": "ab"}], "stop_reason": "end_turn"}
STOPPED: dict[str, Any] = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
ROWS |= {
    "one candidate that is not the first": Told("gemini", BOTH, {"candidates": [LONE]}, [{"candidates": [LONE]}]),
    "of two candidates the first, in whatever order": Told(
        "gemini",
        BOTH,
        {"candidates": [{**LONE, "content": {"parts": [{"text": "no"}]}}, {**LONE, "index": 0}]},
        [
            {"candidates": [{**LONE, "content": {"parts": [{"text": "no"}]}, "finishReason": "MAX_TOKENS"}]},
            {"candidates": [{**LONE, "index": 0}]},
            {"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]},
        ],
        params={"extra": {"generationConfig": {"candidateCount": 2}}},
    ),
    "a message that is whole at its start": Told(
        "anthropic",
        BOTH | {"usage": {"input_tokens": 1, "output_tokens": 2}},
        events=[{"type": "message_start", "message": START_TEXT}, {"type": "message_stop"}],
    ),
    "the text at which Claude stopped": Told(
        "anthropic",
        BOTH | {"native_stop_reason": "stop_sequence", "stop_sequence": "END"},
        {**START_TEXT, **STOPPED},
        [
            {
                "type": "message_start",
                "message": START | {"content": [], "stop_reason": None, "stop_sequence": None},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
            {"type": "message_delta", "delta": STOPPED, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ],
        params={"stop": "END"},
    ),
}


def body_of(row: Told) -> bytes:
    """The body of a row's stream."""
    if row.text or row.skill != "ollama":
        return row.text or sse(*row.events, done=row.skill == "openrouter")
    return b"".join(json.dumps(each).encode() + b"\n" for each in row.events)


def asked(chat: Chat, row: Told, *, streamed: bool) -> Any:
    """The reply of a row; deltas say the same as `done`."""
    params = {**ASK, **row.params}
    if not streamed:
        chat.says(answer(body=json.dumps(row.whole).encode(), headers=[("Content-Type", "application/json")]))
        response = chat.ask(params, row.skill)
        assert response.status_code == 200, response.text
        return response.json()
    lines, text = row.skill == "ollama", body_of(row)
    kind = [("Content-Type", "application/x-ndjson")]
    chat.says(say(render_chunks([text], headers=kind) if lines else stream_bytes([text])))
    told = chat.stream(params, row.skill)
    done = told.done
    assert told.text() == (done["content"] or "")
    assert told.text("reasoning") == done.get("reasoning", "")
    pieces = [each for delta in told.deltas for each in delta.get("annotations", [])]
    assert pieces == done.get("annotations", [])
    reasons = [delta["stop_reason"] for delta in told.deltas if "stop_reason" in delta]
    assert not reasons or reasons[-1] == done["stop_reason"]
    return done


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", ROWS)
def test_what_a_service_tells_in_another_place_is_in_the_reply(chat: Chat, name: str, streamed: bool) -> None:
    row = ROWS[name]
    if not streamed and row.whole is None:
        return
    reply = asked(chat, row, streamed=streamed)
    assert {key: reply.get(key) for key in row.reply} == row.reply


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("name", ROWS)
def test_a_service_that_streams_unasked_has_replied(chat: Chat, name: str, kind: str) -> None:
    row = ROWS[name]
    chat.says(answer(body=body_of(row), headers=[("Content-Type", kind)]))
    response = chat.ask({**ASK, **row.params}, row.skill)
    assert response.status_code == 200, response.text
    assert {key: response.json().get(key) for key in row.reply} == row.reply


def test_what_a_stream_that_nobody_asked_for_took_is_counted_and_its_error_told(chat: Chat) -> None:
    chat.says(answer(body=sse(*HELLO), headers=EVENTS))
    assert chat.ask().json()["content"] == "Hello"
    assert (chat.row["outcome"], chat.row["input_tokens"], chat.row["cost"]) == ("ok", 11, 0.00125)
    failed = {"error": {"message": "slow down", "code": 429}, "usage": USAGE}
    chat.says(answer(body=sse(HELLO[0], failed, done=False), headers=EVENTS))
    said = chat.ask().json()
    assert (said["code"], said["upstream"]["message"]) == ("upstream_rate_limited", "slow down")
    assert (chat.row["outcome"], chat.row["cost"]) == ("error", 0.00125)
    chat.says(answer(body=sse(HELLO[0], done=False), headers=EVENTS))
    assert chat.ask().json()["code"] == "upstream_truncated"
