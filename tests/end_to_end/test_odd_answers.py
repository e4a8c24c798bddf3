"""Answers that are odd and no less true: what their heads say arrives, however little can be read of the rest."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, USAGE, Chat, Streamed, completion, streaming
from tests.end_to_end.house import KEY
from tests.language.support import serving
from tests.toy.raw import Behaviour, answer, answer_json, chunked_head, cut, one_chunk, pieces, render, say

SLOW_DOWN = json.dumps({"error": {"message": "slow down", "code": 429}}).encode()
JSON = ("Content-Type", "application/json")
WAIT = [JSON, ("Retry-After", "7")]
UNREADABLE: dict[str, Behaviour] = {
    "cut off": cut(render(429, SLOW_DOWN, WAIT, length=900)),
    "cut off in a chunk": cut(chunked_head(429, WAIT) + one_chunk(SLOW_DOWN)[:9]),
    "no body at all": cut(render(429, b"", WAIT, length=900)),
    "no chunk": cut(chunked_head(429, WAIT) + b"zz\r\n"),
    "in another encoding": answer(429, b"\x0b\x05\x80xx", [*WAIT, ("Content-Encoding", "br")]),
    "no gzip": answer(429, SLOW_DOWN, [*WAIT, ("Content-Encoding", "gzip")]),
    "too large": answer(429, b"x" * (65 << 20), WAIT),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_failure_keeps_its_status_and_its_pause_whatever_became_of_its_body(
    chat: Chat, fault: str, streamed: bool
) -> None:
    chat.says(UNREADABLE[fault])
    response = chat.ask(ASK | {"stream": streamed})
    said = response.json()
    assert (response.status_code, said["code"]) == (429, "upstream_rate_limited"), said
    assert response.headers["retry-after"] == "7"
    assert said["upstream"]["status"] == 429
    assert (chat.row["outcome"], chat.row["upstream_status"]) == ("error", 429)
    assert len(chat.toy.requests) == 1


WRITTEN = {
    "with a byte order mark": ("utf-8-sig", "application/json"),
    "in UTF-16": ("utf-16", "application/json"),
    "in UTF-16 that is named": ("utf-16-be", "application/json; charset=utf-16be"),
    "in Latin-1 that is named": ("latin-1", 'application/json;charset="ISO-8859-1"'),
    "in UTF-8 that is called Latin-1": ("utf-8", "application/json; charset=iso-8859-1"),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("written", WRITTEN)
def test_an_error_is_read_in_the_charset_that_it_is_in(chat: Chat, written: str, streamed: bool) -> None:
    charset, kind = WRITTEN[written]

    body = json.dumps({"error": {"message": f"zu schnell für {KEY}", "code": "slow"}}, ensure_ascii=False)
    chat.says(answer(429, body.encode(charset), [("Content-Type", kind)]))
    said = chat.ask(ASK | {"stream": streamed}).json()["upstream"]
    assert (said["message"], said["code"]) == ("zu schnell für [redacted]", "slow")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_an_answer_that_tells_only_what_it_took_is_no_reply(chat: Chat, streamed: bool) -> None:
    chunk = {"id": "gen-1", "model": "toy/model-2026", "choices": [], "usage": USAGE}
    chat.says(streaming(chunk) if streamed else answer_json(chunk))
    response = chat.ask(ASK | {"stream": streamed})
    said = Streamed.of(response.text).error if response.status_code == 200 else response.json()
    assert said["code"] == "upstream_failed", said
    row = chat.row
    assert (row["outcome"], row["input_tokens"], row["cost"]) == ("error", 11, 0.00125)


def test_a_message_that_begins_and_ends_and_says_nothing_is_no_reply(chat: Chat) -> None:
    message = {"id": "msg_1", "model": "toy", "content": [], "usage": {"input_tokens": 11, "output_tokens": 1}}
    chat.says(streaming({"type": "message_start", "message": message}, {"type": "message_stop"}, done=False))
    response = chat.ask(ASK | {"stream": True}, "anthropic")
    said = Streamed.of(response.text).error if response.status_code == 200 else response.json()
    assert (said["code"], chat.row["input_tokens"]) == ("upstream_failed", 11)


def test_what_an_answer_with_an_error_in_it_took_is_counted(chat: Chat) -> None:
    gone = {"error": {"code": 502, "message": "gone"}, "id": "gen-1", "model": "toy/model-2026", "usage": USAGE}
    chat.says(answer_json(gone))
    assert chat.ask().json()["code"] == "upstream_failed"
    row = chat.row
    assert (row["outcome"], row["generation_id"], row["model"]) == ("error", "gen-1", "toy/model-2026")
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (11, 7, 0.00125)


MALFORMED = {"index": 0, "finishReason": "MALFORMED_FUNCTION_CALL"}


@pytest.mark.parametrize("candidates", [[MALFORMED], []], ids=["malformed", "none"])
def test_what_an_answer_that_the_manifest_calls_an_error_took_is_counted(chat: Chat, candidates: list[Any]) -> None:
    used = {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 3}
    told = {"candidates": candidates, "usageMetadata": used, "modelVersion": "toy-1", "responseId": "r-1"}
    chat.says(answer_json(told))
    assert chat.ask(skill="gemini").json()["code"] == "upstream_failed"
    row = chat.row
    assert (row["input_tokens"], row["output_tokens"]) == (11, 7)
    assert (row["model"], row["generation_id"]) == ("toy-1", "r-1")


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_still_being_made_is_a_reply_only_where_that_was_asked_for(
    chat: Chat, status: str
) -> None:
    chat.says(answer_json({"object": "response", "id": "resp_1", "model": "toy", "status": status, "output": []}))
    said = chat.ask(skill="openai").json()
    assert (said["code"], said["upstream"]["code"]) == ("upstream_failed", status)
    later = chat.ask(ASK | {"background": True}, "openai").json()
    assert (later["id"], later["native_stop_reason"]) == ("resp_1", status)


def test_events_without_being_asked_for_are_told_with_the_way_to_read_them(chat: Chat) -> None:
    chat.says(answer(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', [("Content-Type", "text/event-stream")]))
    said = chat.ask().json()
    assert said["code"] == "upstream_invalid"
    assert "stream: true" in said["error"]
    assert "rest.stream" not in said["error"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_events_in_the_place_of_a_plain_answer_are_told_whatever_they_are_called(chat: Chat, kind: str) -> None:
    chat.says(answer(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', [("Content-Type", kind)]))
    said = chat.ask().json()
    assert said["code"] == "upstream_invalid"
    assert f"a stream of events ({kind})" in said["error"]
    assert "stream: true" in said["error"]


@pytest.mark.parametrize("skill", ["openrouter", "openai"])
@pytest.mark.parametrize("begins", ["", "\ufeff", ": waiting\n\n", "event: message\n", "\n\n  "], ids=repr)
def test_events_that_are_called_json_are_read_as_events(chat: Chat, skill: str, begins: str) -> None:
    chunks: list[Any] = [{"choices": [{"delta": {"content": text}}], "model": "toy"} for text in ("Hel", "lo")]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
    events = begins + "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
    chat.says(answer(200, events.encode(), [JSON]))
    asked = ASK if skill == "openrouter" else ASK | {"api": "completions"}
    said = chat.stream(asked, skill)
    assert said.text() == said.done["content"] == "Hello"
    assert (chat.row["outcome"], chat.row["input_tokens"]) == ("ok", 11)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_key_in_a_text_whose_charset_nobody_tells_is_taken_out(chat: Chat, charset: str, streamed: bool) -> None:
    chat.says(answer(400, f"no such key: {KEY}".encode(charset), [("Content-Type", "text/plain")]))
    said = chat.ask(ASK | {"stream": streamed}).json()
    assert said["upstream"]["message"] == "no such key: [redacted]"
    assert KEY not in json.dumps(said).replace("\\u0000", "")


@pytest.mark.parametrize("skill", ["openrouter", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_refusal_that_is_told_as_an_event_is_read_like_any_other(chat: Chat, skill: str, streamed: bool) -> None:
    """By the default predicate, and by a manifest's own."""
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": f"no such model {KEY}"}}
    events = f": hello\r\nevent: error\r\ndata: {json.dumps(said)}\r\n\r\ndata: [DONE]\r\n\r\n"
    chat.says(answer(400, events.encode(), [("Content-Type", "text/event-stream")]))
    response = chat.ask(ASK | {"stream": streamed}, skill)
    upstream = response.json()["upstream"]
    assert (response.status_code, response.json()["code"]) == (400, "upstream_rejected")
    assert (upstream["message"], upstream["code"]) == ("no such model [redacted]", "invalid_request_error")


FAILED_LATE: dict[str, list[Any]] = {
    "openai": [
        {"type": "response.created", "response": {"id": "resp_1", "model": "toy", "status": "in_progress"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hel"},
        {
            "type": "response.failed",
            "response": {
                "id": "resp_1",
                "model": "toy",
                "status": "failed",
                "error": {"code": "server_error", "message": "gone"},
                "usage": {"input_tokens": 11, "output_tokens": 7},
            },
        },
    ],
    "gemini": [
        {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}], "responseId": "resp_1", "modelVersion": "toy"},
        {
            "candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7},
        },
    ],
}


@pytest.mark.parametrize("skill", FAILED_LATE)
def test_what_an_event_with_an_error_says_besides_is_counted(chat: Chat, skill: str) -> None:
    chat.says(streaming(*FAILED_LATE[skill], done=False))
    said = chat.stream(skill=skill).error
    assert (said["code"], said["partial"]["content"]) == ("upstream_failed", "Hel")
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (11, 7)


@pytest.mark.parametrize("skill", FAILED_LATE)
def test_a_stream_that_begins_with_an_error_keeps_its_status_whatever_it_says_besides(
    chat: Chat, skill: str
) -> None:
    chat.says(streaming(FAILED_LATE[skill][-1], done=False))
    failed = chat.house.call(skill, "chat", {**ASK, "stream": True})
    assert (failed.status_code, failed.json()["code"]) == (502, "upstream_failed")
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (11, 7)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_the_row_of_an_answer_that_cannot_be_read_has_its_status(chat: Chat, streamed: bool) -> None:
    for behaviour, code in (
        (cut(render(200, b"{", [JSON], length=9)), "upstream_truncated"),
        (answer(200, b"xx", [JSON, ("Content-Encoding", "br")]), "upstream_invalid"),
    ):
        chat.says(behaviour)
        assert chat.ask(ASK | {"stream": streamed}).json()["code"] == code
        assert (chat.row["code"], chat.row["upstream_status"]) == (code, 200)


COUNTED = {"prompt_tokens": 11, "completion_tokens": 7}
COUNTED_SO: dict[str, dict[str, Any]] = {
    "in the choice": {
        "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop", "usage": COUNTED}]
    },
    "under a name of its own": {"x_groq": {"id": "req_1", "usage": COUNTED}},
    "in texts": {"usage": {key: str(count) for key, count in COUNTED.items()}},
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("params", [{}, {"api": "completions"}], ids=["openrouter", "openai"])
@pytest.mark.parametrize("told", COUNTED_SO)
def test_tokens_are_counted_wherever_a_service_tells_them(
    chat: Chat, told: str, params: dict[str, Any], streamed: bool
) -> None:
    whole = completion("x") | COUNTED_SO[told]
    piece = {
        **whole,
        "choices": [{"delta" if key == "message" else key: value for key, value in whole["choices"][0].items()}],
    }
    chat.says(streaming(piece) if streamed else answer_json(whole))
    response = chat.ask({**ASK, **params, "stream": streamed}, "openai" if params else "openrouter")
    reply = Streamed.of(response.text).done if streamed else response.json()
    assert reply["content"] == "x"
    assert (reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]) == (11, 7)
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (11, 7)


VOID = """
utilities:
  write: {description: x, effect: write, returns: void, rest: {method: POST, url: /x, body: {a: 1}}}
"""


@pytest.mark.parametrize("length", [[("Content-Length", "2")], []], ids=["with its length", "without"])
@pytest.mark.parametrize("apart", [False, True], ids=["in one packet", "in two"])
def test_what_stands_behind_an_answer_that_has_no_body_is_not_read(
    tmp_path: Path, length: list[tuple[str, str]], apart: bool
) -> None:
    head = b"".join(b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in [JSON, *length])
    whole = b"HTTP/1.1 204 No Content\r\n" + head + b"\r\n{}"
    behaviour = pieces([whole[:-2], whole[-2:]], lambda: time.sleep(0.02)) if apart and length else say(whole)
    with serving(tmp_path, VOID, behaviour, answer_json({"a": 1})) as (house, toy):
        assert [house.call("demo", "write").json() for _ in range(2)] == [None, None]
        assert [len(toy.requests), len(toy.connections)] == [2, 2]
