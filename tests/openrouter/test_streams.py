"""create_response, create_message and create_image as streams: native events, and at the end the whole reply."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.openrouter.support import Desk
from tests.toy.raw import answer_json, render_chunks, say

ASK = {"model": "toy/parrot-1", "input": "Say hello."}
TELL = {"model": "toy/parrot-1", "messages": [{"role": "user", "content": "Say hello."}]}
DRAW = {"model": "toy/brush-1", "prompt": "a circle"}


def events(*said: Any, named: bool = False, done: str = "data: [DONE]\n\n") -> bytes:
    """Server-sent events as OpenRouter writes them: comments between them, names only for /messages."""
    blocks = [
        (f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n: OPENROUTER PROCESSING\n\n"
        for one in said
    ]
    return "".join([": OPENROUTER PROCESSING\n\n", *blocks, done]).encode()


def streaming(data: bytes) -> Any:
    return say(render_chunks([data], headers=[("Content-Type", "text/event-stream")]))


# ------------------------------------------------------------------ /responses

BEGUN = {"id": "gen-1", "object": "response", "model": "toy/parrot-1", "status": "in_progress", "output": []}
HELLO = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
WHOLE = BEGUN | {
    "status": "completed",
    "output": [HELLO],
    "usage": {"input_tokens": 3, "output_tokens": 1, "cost": 0.5},
}
RESPONSE: list[dict[str, Any]] = [
    {"type": "response.created", "response": BEGUN, "sequence_number": 0},
    {"type": "response.output_text.delta", "delta": "Hel", "sequence_number": 1},
    {"type": "response.something_new", "shape": ["nobody", "knows"], "sequence_number": 2},
    {"type": "response.output_text.delta", "delta": "lo", "sequence_number": 3},
]


@pytest.mark.parametrize("done", ["data: [DONE]\n\n", ""])
def test_a_streamed_response_ends_with_the_whole_response(counter: Desk, done: str) -> None:
    said = [*RESPONSE, {"type": "response.completed", "response": WHOLE, "sequence_number": 4}]
    counter.says(streaming(events(*said, done=done)))
    *deltas, end = counter.stream("create_response", ASK)
    assert deltas == [("delta", one) for one in said]
    assert end == ("done", WHOLE)
    assert json.loads(counter.sent.body)["stream"] is True
    assert counter.house.rows()[0]["cost"] == 0.5


def test_an_incomplete_response_is_a_reply(counter: Desk) -> None:
    cut = WHOLE | {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    counter.says(streaming(events(*RESPONSE, {"type": "response.incomplete", "response": cut})))
    assert counter.stream("create_response", ASK)[-1] == ("done", cut)


FAILED = {"code": "rate_limit_exceeded", "message": "Slow down"}


@pytest.mark.parametrize(
    "last",
    [
        {"type": "response.failed", "response": BEGUN | {"status": "failed", "error": FAILED}},
        {"type": "error", "param": None, "sequence_number": 4} | FAILED,
        {"type": "response.error"} | FAILED,
        {"type": "error", "error": FAILED},
        {"error": {"code": 429, "message": "Slow down"}},
    ],
)
def test_a_response_that_fails_on_its_way_is_an_error_with_what_had_arrived(counter: Desk, last: Any) -> None:
    counter.says(streaming(events(*RESPONSE, last)))
    name, body = counter.stream("create_response", ASK)[-1]
    assert (name, body["code"]) == ("error", "upstream_rate_limited")
    assert "Slow down" in body["error"]
    assert body["partial"]["output_text"] == "Hello"
    assert body["partial"]["id"] == "gen-1"


def test_a_stream_that_fails_at_once_keeps_its_status(counter: Desk) -> None:
    counter.says(streaming(events({"type": "error"} | FAILED)))
    [(name, response)] = counter.stream("create_response", ASK)
    assert (name, response.status_code, response.json()["code"]) == ("refused", 429, "upstream_rate_limited")


def test_a_response_that_breaks_off_is_incomplete(counter: Desk) -> None:
    counter.says(streaming(events(*RESPONSE, done="")))
    name, body = counter.stream("create_response", ASK)[-1]
    assert (name, body["code"]) == ("error", "upstream_truncated")
    assert body["partial"]["output_text"] == "Hello"


def test_a_failed_response_in_a_200_is_an_error(counter: Desk) -> None:
    for body in (BEGUN | {"status": "failed", "error": FAILED}, BEGUN | {"status": "failed", "error": None}):
        counter.says(answer_json(body))
        assert counter.call("create_response", ASK).json()["code"].startswith("upstream_")


# ------------------------------------------------------------------ /messages


def begin(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def add(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


MESSAGE: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "gen-2",
            "type": "message",
            "role": "assistant",
            "model": "toy/parrot-1",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 12, "output_tokens": 0, "service_tier": "standard"},
        },
    },
    begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
    add(0, {"type": "thinking_delta", "thinking": "Let me "}),
    {"type": "ping"},
    add(0, {"type": "thinking_delta", "thinking": "see."}),
    add(0, {"type": "signature_delta", "signature": "c2ln"}),
    stop(0),
    begin(1, {"type": "text", "text": ""}),
    add(1, {"type": "text_delta", "text": "Hel"}),
    add(1, {"type": "text_delta", "text": "lo"}),
    add(1, {"type": "citations_delta", "citation": {"title": "A"}}),
    stop(1),
    begin(2, {"type": "tool_use", "id": "t1", "name": "a", "input": {}}),
    add(2, {"type": "input_json_delta", "partial_json": ""}),
    add(2, {"type": "input_json_delta", "partial_json": '{"n": 123456'}),
    add(2, {"type": "input_json_delta", "partial_json": "78901234567}"}),
    stop(2),
    begin(3, {"type": "tool_use", "id": "t2", "name": "b", "input": {}}),
    stop(3),
]
END: list[dict[str, Any]] = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None, "container": None},
        "usage": {"output_tokens": 15, "input_tokens": None, "cost": 0.25},
    },
    {"type": "message_stop"},
]
TAIL = "event: data\ndata: [DONE]\n\n"


@pytest.mark.parametrize("tail", [TAIL, ""])
def test_a_streamed_message_ends_with_the_whole_message(counter: Desk, tail: str) -> None:
    counter.says(streaming(events(*MESSAGE, *END, named=True, done=tail)))
    *deltas, (name, message) = counter.stream("create_message", TELL)
    assert deltas == [("delta", one) for one in [*MESSAGE, *END]]
    assert name == "done"
    assert message["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
        {"type": "text", "text": "Hello", "citations": [{"title": "A"}]},
        {"type": "tool_use", "id": "t1", "name": "a", "input": {"n": 12345678901234567}},
        {"type": "tool_use", "id": "t2", "name": "b", "input": {}},
    ]
    assert (message["stop_reason"], message["stop_sequence"], message["id"]) == ("tool_use", None, "gen-2")
    assert message["usage"] == {"input_tokens": 12, "output_tokens": 15, "service_tier": "standard", "cost": 0.25}
    row = counter.house.rows()[0]
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (12, 15, 0.25)


@pytest.mark.parametrize("counted", [str, lambda _: None], ids=["as texts", "not at all"])
def test_pieces_of_a_message_find_their_block_however_it_is_counted(
    counter: Desk, counted: Callable[[int], str | None]
) -> None:
    told = [
        one if one["type"] != "content_block_delta" else one | {"index": counted(one["index"])} for one in MESSAGE
    ]
    if counted(0) is None:
        told = [one | {"index": None} if "index" in one else one for one in told]
    counter.says(streaming(events(*told, *END, named=True)))
    content = counter.stream("create_message", TELL)[-1][1]["content"]
    said = [each.get("thinking") or each.get("text") or each["input"] for each in content]
    assert said == ["Let me see.", "Hello", {"n": 12345678901234567}, {}]


def test_tool_input_that_was_cut_is_never_made_up(counter: Desk) -> None:
    counter.says(streaming(events(*MESSAGE[:15], *END, named=True)))
    call = counter.stream("create_message", TELL)[-1][1]["content"][2]
    assert (call["input"], call["raw_arguments"]) == (None, '{"n": 123456')


def test_a_message_that_fails_on_its_way_is_an_error_with_what_had_arrived(counter: Desk) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    counter.says(streaming(events(*MESSAGE[:9], overloaded, named=True)))
    name, body = counter.stream("create_message", TELL)[-1]
    assert (name, body["code"], body["upstream"]["status"]) == ("error", "upstream_unavailable", 529)
    assert body["partial"]["content"][1] == {"type": "text", "text": "Hel"}


def test_errors_in_anthropics_envelope_are_understood(counter: Desk) -> None:
    refused = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages is required"}}
    counter.says(answer_json(refused, 400))
    response = counter.call("create_message", TELL)
    assert (response.status_code, response.json()["code"]) == (400, "upstream_rejected")
    assert "messages is required" in response.json()["error"]
    counter.says(answer_json(refused))
    assert counter.call("create_message", TELL).json()["code"] == "upstream_rejected"


# ------------------------------------------------------------------ /images


def test_a_streamed_image_ends_with_what_the_plain_call_gives(counter: Desk) -> None:
    partial = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": "AA=="}
    image = {"type": "image_generation.completed", "b64_json": "AAAA", "media_type": "image/png", "created": 7}
    counter.says(streaming(events(partial, image | {"usage": {"cost": 0.04}})))
    *_, end = counter.stream("create_image", DRAW)
    data = [{"b64_json": "AAAA", "media_type": "image/png"}]
    assert end == ("done", {"created": 7, "data": data, "usage": {"cost": 0.04}})
