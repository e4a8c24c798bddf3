"""Recorded exchanges beside chat: what callers get for what OpenRouter really answered."""

import json
from typing import Any

import pytest

from tests.openrouter.support import Desk
from tests.recorded import FOLDER, Exchange, exchanges
from tests.toy.raw import answer, render_chunks, say


def one(pattern: str) -> Exchange:
    [found] = exchanges(pattern)
    return found


def body_of(exchange: Exchange) -> Any:
    """The body, also of a recording that keeps it as text only."""
    response = json.loads((FOLDER / f"{exchange.name}.json").read_text(encoding="utf-8"))["response"]
    return json.loads(response["body_text"]) if "body_text" in response else response["body"]


def replay(counter: Desk, exchange: Exchange) -> Any:
    body = body_of(exchange)
    counter.says(
        answer(exchange.status, b"\n         \n" + json.dumps(body).encode(), list(exchange.headers.items()))
    )
    return body


@pytest.mark.parametrize(("pattern", "utility"), [("080-*", "create_embedding"), ("116-*", "rerank")])
def test_recorded_vectors_and_rankings_come_back_whole(counter: Desk, pattern: str, utility: str) -> None:
    exchange = one(pattern)
    body = replay(counter, exchange)
    assert counter.reply(utility, exchange.request["body"]) == body
    assert json.loads(counter.sent.body) == exchange.request["body"]
    assert counter.house.rows()[0]["cost"] == body["usage"].get("cost")


def test_recorded_models_are_a_list(counter: Desk) -> None:
    body = replay(counter, one("114-*"))
    assert counter.reply("list_models") == body["data"]
    assert counter.sent.target == "/api/v1/models"


def test_a_recorded_transcription_is_its_text(counter: Desk) -> None:
    body = replay(counter, one("002-*"))
    assert (
        counter.reply("create_transcription", {"file": "UklGRg==", "model": "openai/gpt-4o-mini-transcribe"})
        == body
    )


def test_a_recorded_video_job_is_done(counter: Desk) -> None:
    body = replay(counter, one("126-*"))
    assert counter.reply("get_video", {"job_id": body["id"]}) == body
    assert counter.sent.target == f"/api/v1/videos/{body['id']}"
    replay(counter, one("126-*"))
    assert counter.reply("create_video", {"model": "x-ai/grok-imagine-video", "prompt": "go"}) == body


def test_a_recorded_response_comes_back_whole(counter: Desk) -> None:
    exchange = one("118-*")
    body = replay(counter, exchange)
    params = {name: value for name, value in exchange.request["body"].items() if name != "stream"}
    assert counter.reply("create_response", params) == body
    assert json.loads(counter.sent.body) == params


def test_recorded_streams_of_responses_end_with_the_response_that_they_say(counter: Desk) -> None:
    found = exchanges("12[024]-responses-sse-*")
    assert len(found) == 3
    for exchange in found:
        events = [
            json.loads(line.removeprefix(b"data: "))
            for line in exchange.body.splitlines()
            if line.startswith(b"data: {")
        ]
        counter.says(say(render_chunks([exchange.body], headers=[("Content-Type", "text/event-stream")])))
        params = {name: value for name, value in exchange.request["body"].items() if name != "stream"}
        *deltas, end = counter.stream("create_response", params)
        assert [data for _, data in deltas] == events, exchange.name
        assert end == ("done", events[-1]["response"]), exchange.name
        assert json.loads(counter.sent.body) == exchange.request["body"]
        row = counter.house.rows()[0]
        assert row["output_tokens"] == events[-1]["response"]["usage"]["output_tokens"]
