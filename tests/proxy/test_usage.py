"""What the ledger learns of answers that pass through, for the three wires."""

import json
from typing import Any

import pytest

from agentos_runtime.proxy.metering import LARGEST_DOCUMENT
from tests.metrics.test_figures import Figures
from tests.proxy.lab import CHAT, Lab, sse
from tests.toy.raw import Behaviour, answer, answer_json, render_chunks, say

MESSAGES = "/use/api.anthropic.com/v1/messages"
RESPONSES = "/use/openrouter.ai/api/v1/responses"


def events(*given: Any) -> Behaviour:
    """A stream, each byte of it in a chunk of its own."""
    return say(
        render_chunks([bytes([byte]) for byte in sse(*given)], headers=[("Content-Type", "text/event-stream")])
    )


GEMINI = "/use/generativelanguage.googleapis.com/v1beta/models/m-1:generateContent"
READ = {"promptTokenCount": 8, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 3}
GENERATED = {"responseId": "gen-1", "modelVersion": "m-1", "candidates": [], "usageMetadata": READ}
CHUNK: dict[str, Any] = {
    "id": "gen-1",
    "model": "m-1",
    "choices": [{"delta": {"content": 'say "usage": {"prompt_tokens": 99}'}}],
    "usage": None,
}
FULL = {"prompt_tokens": 11, "completion_tokens": 7, "cost": 0.25}
START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude",
        "usage": {"input_tokens": 2, "cache_read_input_tokens": 9, "output_tokens": 1, "x": None},
    },
}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
SUMMED = {
    "input_tokens": 1,
    "output_tokens": 3,
    "iterations": [
        {"type": "compaction", "input_tokens": 4, "output_tokens": 4, "cache_read_input_tokens": 6},
        {"type": "message", "input_tokens": 1, "output_tokens": 3},
    ],
}
COMPLETED: dict[str, Any] = {
    "type": "response.completed",
    "response": {"id": "resp_1", "model": "m-1", "usage": {"input_tokens": 11, "output_tokens": 7, "cost": 0.25}},
}
SAID: dict[str, tuple[str, Behaviour, str, str, float | None]] = {
    "chat": (CHAT, answer_json({**CHUNK, "usage": FULL}), "gen-1", "m-1", 0.25),
    "chat, streamed": (CHAT, events(CHUNK, CHUNK, {**CHUNK, "choices": [], "usage": FULL}), "gen-1", "m-1", 0.25),
    "in the choice": (
        CHAT,
        answer_json({**CHUNK, "choices": [{**CHUNK["choices"][0], "usage": FULL}]}),
        "gen-1",
        "m-1",
        0.25,
    ),
    "in the choice, streamed": (
        CHAT,
        events(CHUNK, {**CHUNK, "choices": [{"delta": {}, "finish_reason": "stop", "usage": FULL}]}),
        "gen-1",
        "m-1",
        0.25,
    ),
    "Groq's, streamed": (
        CHAT,
        events(CHUNK, {**CHUNK, "x_groq": {"id": "r", "usage": FULL}}),
        "gen-1",
        "m-1",
        0.25,
    ),
    "in texts": (
        CHAT,
        answer_json({**CHUNK, "usage": {key: str(each) for key, each in FULL.items()}}),
        "gen-1",
        "m-1",
        0.25,
    ),
    "messages": (
        MESSAGES,
        answer_json(START["message"] | {"usage": {"input_tokens": 11, "output_tokens": 7}}),
        "msg_1",
        "claude",
        None,
    ),
    "messages, streamed": (MESSAGES, events(START, {"type": "ping"}, DELTA), "msg_1", "claude", None),
    "messages, streamed, with nothing read at the end": (
        MESSAGES,
        events(START, {**DELTA, "usage": {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 7}}),
        "msg_1",
        "claude",
        None,
    ),
    "responses": (RESPONSES, answer_json(COMPLETED["response"]), "resp_1", "m-1", 0.25),
    "responses, streamed": (
        RESPONSES,
        events({"type": "response.created", "response": {"id": "resp_1", "usage": None}}, COMPLETED),
        "resp_1",
        "m-1",
        0.25,
    ),
    "messages with a summary": (
        MESSAGES,
        answer_json(START["message"] | {"usage": SUMMED}),
        "msg_1",
        "claude",
        None,
    ),
    "messages with a summary, streamed": (
        MESSAGES,
        events(
            START | {"message": START["message"] | {"usage": {"input_tokens": 1, "output_tokens": 1}}},
            {**DELTA, "usage": SUMMED},
        ),
        "msg_1",
        "claude",
        None,
    ),
    "Gemini": (GEMINI, answer_json(GENERATED), "gen-1", "m-1", None),
    "Gemini, streamed": (
        GEMINI,
        events({**GENERATED, "usageMetadata": {"promptTokenCount": 9}}, GENERATED),
        "gen-1",
        "m-1",
        None,
    ),
    "Gemini, in a list in place of a stream": (
        GEMINI,
        answer_json([{**GENERATED, "usageMetadata": {"promptTokenCount": 9}}, GENERATED]),
        "gen-1",
        "m-1",
        None,
    ),
    "a large answer of Gemini": (
        GEMINI,
        answer_json({"candidates": ["x" * (LARGEST_DOCUMENT + 70_000)], "usageMetadata": READ}),
        None,  # type: ignore[dict-item]
        "asked",
        None,
    ),
    "a large answer": (
        CHAT,
        answer_json({"data": "x" * (LARGEST_DOCUMENT + 70_000), "usage": FULL}),
        None,  # type: ignore[dict-item]
        "asked",
        0.25,
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_tokens_cost_and_model_are_read_from_what_passes(here: Lab, name: str) -> None:
    path, behaviour, generation, model, cost = SAID[name]
    here.upstream.says(behaviour)
    here.use("POST", path, json={"model": "asked"})
    row = here.row()
    found = (row["generation_id"], row["model"], row["input_tokens"], row["output_tokens"], row["cost"])
    assert found == (generation, model, 11, 7, cost)


def in_lines(event: Any) -> bytes:
    """An event as services write it that indent their JSON."""
    lines = json.dumps(event, indent=1).encode().split(b"\n")
    return b"".join(b"data: %b\n" % line for line in lines) + b"\n"


TOLD = json.dumps({**CHUNK, "usage": FULL}).encode()
STREAM = b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n" % (json.dumps(CHUNK).encode(), TOLD)
LARGE = b'{"usage": %b, "data": "%b"}' % (json.dumps(FULL).encode(), b"x" * (LARGEST_DOCUMENT + 70_000))
OTHERWISE = {
    "JSON without a type": (TOLD, None),
    "JSON that is called text": (TOLD, "text/plain"),
    "JSON with a byte order mark": (b"\xef\xbb\xbf" + TOLD, "application/json"),
    "events that are called JSON": (STREAM, "application/json"),
    "events that are called text": (b"\n" + STREAM, "text/plain; charset=utf-8"),
    "lines of JSON": (b"%b\n%b\n" % (json.dumps(CHUNK).encode(), TOLD), "application/x-ndjson"),
    "a large answer that begins with it": (LARGE, "application/json"),
    "events that begin with a byte order mark": (b"\xef\xbb\xbfdata: %b\n\n" % TOLD, "text/event-stream"),
    "an event of many lines": (in_lines(CHUNK) + in_lines({**CHUNK, "usage": FULL}), "text/event-stream"),
    "an event of many lines that end as in HTTP": (
        in_lines({**CHUNK, "usage": FULL}).replace(b"\n", b"\r\n") + STREAM[-14:],
        "text/event-stream",
    ),
    "an event of many lines that end as on old Macs": (
        (in_lines(CHUNK) + in_lines({**CHUNK, "usage": FULL})).replace(b"\n", b"\r"),
        "text/event-stream",
    ),
    "an event of many lines without an end": (
        (b"id: 1\nevent: message\n: comment\n" + in_lines({**CHUNK, "usage": FULL})).rstrip(),
        "text/event-stream",
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_tokens_and_cost_are_read_whatever_the_answer_is_called(here: Lab, name: str) -> None:
    body, kind = OTHERWISE[name]
    here.upstream.says(answer(200, body, [("Content-Type", kind)] if kind else []))
    assert here.use("POST", CHAT, json={"model": "asked"}).content == body
    row = here.row()
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (11, 7, 0.25)


SLOW = {"message": "slow down", "code": 429}
QUIET = {"error": None, "choices": [{"delta": {"content": '"error": {"message": "told"}'}}]}
WITHIN: dict[str, tuple[str, Behaviour, str | None]] = {
    "an answer": (CHAT, answer_json({"error": SLOW, "usage": FULL}), "upstream_rate_limited"),
    "a piece of a stream": (CHAT, events(CHUNK, {**CHUNK, "error": SLOW, "usage": FULL}), "upstream_rate_limited"),
    "an event of messages": (
        MESSAGES,
        events(START, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        "upstream_failed",
    ),
    "a response": (
        RESPONSES,
        events({"type": "response.failed", "response": {**COMPLETED["response"], "error": SLOW}}),
        "upstream_rate_limited",
    ),
    "an event that is one": (
        RESPONSES,
        events(
            {"type": "response.in_progress", "response": COMPLETED["response"]},
            {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None},
        ),
        "upstream_rate_limited",
    ),
    "a list in place of a stream": (GEMINI, answer_json([GENERATED, {"error": SLOW}]), "upstream_rate_limited"),
    "an event of many lines": (
        CHAT,
        answer(
            200,
            in_lines({**CHUNK, "usage": FULL}) + in_lines({"error": SLOW}),
            [("Content-Type", "text/event-stream")],
        ),
        "upstream_rate_limited",
    ),
    "nothing but words": (CHAT, events(CHUNK, QUIET, {**CHUNK, "choices": [], "usage": FULL}), None),
    "an answer without one": (CHAT, answer_json({**QUIET, "usage": FULL}), None),
}


@pytest.mark.parametrize("name", WITHIN)
def test_an_error_inside_a_200_passes_and_is_one_in_the_ledger(here: Lab, name: str) -> None:
    path, behaviour, code = WITHIN[name]
    here.upstream.says(behaviour)
    assert here.use("POST", path, json={"model": "asked"}).status_code == 200
    row = here.row()
    assert (row["outcome"], row["code"]) == ("ok" if code is None else "error", code)
    assert (row["status"], row["upstream_status"]) == (200, 200)
    assert row["input_tokens"] == 11


def test_what_nobody_says_is_left_out(here: Lab) -> None:
    here.upstream.says(answer_json([1, {"usage": {"prompt_tokens": 3}}]))
    here.use("POST", CHAT, content=json.dumps(["model"]).encode())
    row = here.row()
    assert (row["model"], row["input_tokens"], row["cost"]) == (None, None, None)


def test_what_passes_through_is_counted_by_the_way_it_came(here: Lab) -> None:
    here.upstream.says(answer_json({**CHUNK, "usage": FULL}))
    before = Figures(here.client.get("/metrics").text)
    here.use("POST", CHAT, json={"model": "m"})
    here.use("POST", "/v1/chat/completions", json={"model": "openrouter/m"})
    after = Figures(here.client.get("/metrics").text)

    def more(name: str, **labels: str) -> float:
        return after(name, skill="openrouter", **labels) - before(name, skill="openrouter", **labels)

    counted = {surface: more("agentos_calls_total", utility="use", surface=surface) for surface in ("use", "face")}
    assert counted == {"use": 1, "face": 1}
    assert more("agentos_tokens_total", type="input") == 22
    assert (more("agentos_cost_dollars_total"), after("agentos_calls_in_flight")) == (0.5, 0)
