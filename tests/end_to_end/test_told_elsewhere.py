"""Replies whose words stand elsewhere, or in another form, than the description of the service has them."""

import json
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, EVENTS, HELLO, USAGE, Chat, Streamed, sse, stream_bytes, streaming
from tests.end_to_end.elsewhere import ROWS, START, Told
from tests.toy.raw import answer, answer_json, render_chunks, say

NO_REPLY: dict[str, Any] = {
    "detail": {"detail": "Model not found"},
    "message": {"message": "Model not found", "success": False},
    "a list": [{"detail": "Model not found"}],
}


@pytest.mark.parametrize("skill", ["openrouter", "openai", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("told", NO_REPLY)
def test_an_answer_without_a_reply_keeps_its_words(chat: Chat, told: str, skill: str) -> None:
    if told == "a list" and skill != "gemini":
        return  # streams of Gemini are lists where they are no events
    chat.says(answer(body=json.dumps(NO_REPLY[told]).encode(), headers=[("Content-Type", "application/json")]))
    response = chat.ask(skill=skill)
    assert (response.status_code, response.json()["code"]) == (502, "upstream_failed")
    assert "Model not found" in response.json()["error"]


@pytest.mark.parametrize("params", [{}, {"api": "completions"}], ids=["responses", "completions"])
def test_a_choice_without_a_message_is_no_reply(chat: Chat, params: dict[str, Any]) -> None:
    chat.says(answer(body=b'{"choices": [{"finish_reason": "stop", "message": null}]}'))
    assert chat.ask({**ASK, **params}, "openai").json()["code"] == "upstream_failed"


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


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_summary_that_claude_made_on_the_way_is_counted(chat: Chat, streamed: bool) -> None:
    summary = {"type": "compaction", "input_tokens": 180, "output_tokens": 30, "cache_read_input_tokens": 10}
    usage = {
        "input_tokens": 20,
        "output_tokens": 5,
        "iterations": [summary, {"type": "message", "input_tokens": 20, "output_tokens": 5}],
    }
    blocks = [{"type": "compaction", "content": "so far"}, {"type": "text", "text": "ab"}]
    whole = START | {"content": blocks, "stop_reason": "end_turn", "usage": usage}
    begun = {
        "type": "message_start",
        "message": START | {"content": [], "usage": {"input_tokens": 20, "output_tokens": 1}},
    }
    starts = [{"type": "content_block_start", "index": at, "content_block": each} for at, each in enumerate(blocks)]
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    chat.says(
        streaming(begun, *starts, ended, {"type": "message_stop"}, done=False) if streamed else answer_json(whole)
    )
    response = chat.ask({**ASK, "stream": streamed}, "anthropic")
    reply = Streamed.of(response.text).done if streamed else response.json()
    found = reply["usage"]["input_tokens"], reply["usage"]["output_tokens"], reply["usage"]["cached_input_tokens"]
    assert (reply["content"], found) == ("ab", (210, 35, 10))
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (210, 35)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_a_plain_answer_to_a_stream_is_told_in_a_delta_too(chat: Chat, kind: str) -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"content": "ab", "reasoning": "hm", "tool_calls": [call]}
    body = json.dumps({"choices": [{"finish_reason": "tool_calls", "message": message}]}).encode()
    chat.says(answer(body=body, headers=[("Content-Type", kind)]))
    told = chat.stream()
    [delta] = told.deltas
    assert (delta["content"], delta["reasoning"], told.done["stop_reason"]) == ("ab", "hm", "tool_use")
    [made] = delta["tool_calls"]
    assert (made["name"], json.loads(made["input_json"])) == ("f", {"a": 1})
