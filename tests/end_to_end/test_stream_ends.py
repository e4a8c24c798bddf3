"""Where a stream ends: at its mark, or when all was said, whatever the connection does then."""

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.chat import (
    ASK,
    LAST_CHUNK,
    USAGE,
    Chat,
    chat_house,
    chunk,
    events_head,
    sse,
    streaming,
)
from tests.toy.raw import Behaviour, answer, answer_json, cut, one_chunk, reset, say

FINISH = chunk("", "stop")
USED = {**chunk("", None), "choices": [], "usage": USAGE}
ENDS: dict[str, Behaviour] = {
    "no last chunk": cut(b""),
    "a reset": reset(),
    "bytes that are no chunk": cut(b"\x00\xffnonsense\r\n\r\n"),
}


@pytest.fixture(scope="module")
def shared_ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("ends")) as started:
        yield started


@pytest.fixture
def chat(shared_ends: Chat) -> Chat:
    shared_ends.says()
    return shared_ends


def after(behaviour: Behaviour, *payloads: object) -> Behaviour:
    """A stream whose connection goes on as another behaviour says."""
    begin = say(events_head() + one_chunk(sse(*payloads, done=False)))

    def behave(exchange):  # type: ignore[no-untyped-def]
        begin(exchange)
        behaviour(exchange)

    return behave


@pytest.mark.parametrize("end", ENDS)
def test_a_connection_that_breaks_after_the_usage_takes_nothing_away(chat: Chat, end: str) -> None:
    chat.says(after(ENDS[end], chunk("All of it."), FINISH, USED))
    done = chat.stream().done
    assert (done["content"], done["stop_reason"], done["usage"]["output_tokens"]) == ("All of it.", "end_turn", 7)
    assert chat.row["outcome"] == "ok"


@pytest.mark.parametrize("end", ["no last chunk", "a reset"])
@pytest.mark.parametrize("said", [[chunk("Half")], [chunk("Half"), USED], [chunk("Half"), FINISH]])
def test_one_that_breaks_before_it_is_truncated_with_all_that_came(
    chat: Chat, end: str, said: list[object]
) -> None:
    chat.says(after(ENDS[end], *said))
    error = chat.stream().error
    assert (error["code"], error["partial"]["content"]) == ("upstream_truncated", "Half")


def test_a_finish_reason_and_the_regular_end_of_the_body_are_an_end(chat: Chat) -> None:
    chat.says(streaming(chunk("All."), FINISH, done=False))
    assert chat.stream().done["content"] == "All."


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/event-stream"])
def test_a_web_page_in_the_place_of_a_stream_is_named(chat: Chat, kind: str) -> None:
    page = b"<html><head><title>Just a moment...</title></head></html>"
    chat.says(answer(200, page, [("Content-Type", kind)]))
    response = chat.ask({**ASK, "stream": True})
    assert (response.status_code, response.json()["code"]) == (502, "upstream_invalid")
    assert "Just a moment" in response.json()["error"]


BARE = {"message": "capacity exhausted", "code": 429}


@pytest.mark.parametrize(
    "text", [b"event: error\n", b"", b"event: error\n: odd\n"], ids=["named", "unnamed", "with a comment"]
)
def test_a_bare_error_in_a_stream_keeps_its_words(chat: Chat, text: bytes) -> None:
    chat.says(say(events_head() + one_chunk(text + b"data: " + json.dumps(BARE).encode() + b"\n\n") + LAST_CHUNK))
    response = chat.ask({**ASK, "stream": True})
    assert (response.status_code, response.json()["code"]) == (429, "upstream_rate_limited")
    assert "capacity exhausted" in response.json()["error"]


def test_a_bare_error_in_a_plain_answer_keeps_its_words_and_its_status(chat: Chat) -> None:
    chat.says(answer_json(BARE))
    response = chat.ask()
    assert (response.status_code, response.json()["code"]) == (429, "upstream_rate_limited")
    assert "capacity exhausted" in response.json()["error"]


@pytest.mark.parametrize("stream", [False, True])
def test_all_that_an_error_says_arrives(chat: Chat, stream: bool) -> None:
    metadata = {"raw": "limited upstream", "provider_name": "P", "limit_source": "pool", "remedy_hint": "Add a key"}
    said = {"code": 429, "message": "Provider returned error", "error_type": "shared", "metadata": metadata}
    chat.says(answer_json({"error": said}, 429) if not stream else streaming({"error": said}))
    error = chat.ask({**ASK, "stream": stream}).json()
    assert error["error"] == "OpenRouter limits the rate (429): limited upstream [P]. Add a key."
    assert error["upstream"]["raw"] == "limited upstream"
    assert error["upstream"]["details"] == {
        "error_type": "shared", "limit_source": "pool", "remedy_hint": "Add a key"
    }  # fmt: skip


@pytest.mark.parametrize(("own", "cost"), [(True, 0.0375), (False, 0.0015), (None, 0.0015)])
@pytest.mark.parametrize("stream", [False, True])
def test_an_own_key_costs_what_its_provider_charges_too(
    chat: Chat, stream: bool, own: bool | None, cost: float
) -> None:
    details = {"upstream_inference_cost": 0.036}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.0015, "is_byok": own, "cost_details": details}
    last = chunk("x", "stop") | {"usage": usage}
    body = {**last, "choices": [{"finish_reason": "stop", "message": {"content": "x"}}]}
    chat.says(streaming(last) if stream else answer_json(body))
    reply = chat.stream().done if stream else chat.ask().json()
    assert reply["usage"]["cost"] == pytest.approx(cost)
    assert reply["usage"]["cost_details"] == details
    assert chat.row["cost"] == pytest.approx(cost)
