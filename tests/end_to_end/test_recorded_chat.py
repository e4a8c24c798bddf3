"""Recorded chats and streams of OpenRouter through a real server: out comes what the canonical chat says."""

import json
import random
from typing import Any

from tests.end_to_end.chat import REPLY, Chat, Streamed, check_error, stream_bytes
from tests.end_to_end.oracle import canonical, carried_error, chunks_of, whole_body
from tests.recorded import Exchange, exchanges
from tests.toy.raw import Behaviour, answer, answer_json, say

NEVER_SENT = {"stream": None, "stream_options": None}


def chats() -> list[Exchange]:
    return [exchange for exchange in exchanges() if exchange.request["url"].endswith("/chat/completions")]


def streams() -> list[Exchange]:
    return [exchange for exchange in chats() if exchange.streamed]


def params_of(exchange: Exchange, known: set[str]) -> dict[str, Any]:
    """The recorded request as params: defaults unset unless it has them, unknown fields in `extra`."""
    body = {name: value for name, value in exchange.request["body"].items() if name != "stream"}
    extra = {name: value for name, value in body.items() if name not in known}
    params = {name: value for name, value in body.items() if name in known}
    return {"max_tokens": None, "temperature": None, "extra": extra} | params


def limit_of(exchange: Exchange) -> int | None:
    body = exchange.request["body"]
    limit: int | None = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit


def replayed(exchange: Exchange, parts: list[bytes] | None = None) -> Behaviour:
    if exchange.streamed:
        return say(stream_bytes(parts or [exchange.body]))
    return answer(exchange.status, exchange.body, list(exchange.headers.items()))


def known_params(chat: Chat) -> set[str]:
    skill = chat.house.client.get("/api/skills/openrouter").json()
    return set(skill["utilities"]["chat"]["params"]["properties"])


def failed(exchange: Exchange) -> bool:
    if exchange.streamed:
        return any(carried_error(chunk) for chunk in chunks_of(exchange.body))
    return exchange.status != 200 or carried_error(json.loads(exchange.body)) is not None


def test_every_recorded_request_reaches_the_upstream_as_it_was_recorded(chat: Chat) -> None:
    known = known_params(chat)
    for exchange in chats():
        chat.says(replayed(exchange))
        params = params_of(exchange, known)
        response = chat.ask({**params, "stream": exchange.streamed})
        assert response.status_code < 500 or failed(exchange), (exchange.name, response.text)
        sent = json.loads(chat.sent.body)
        assert sent.pop("stream", False) is exchange.streamed, exchange.name
        recorded = {name: value for name, value in exchange.request["body"].items() if name != "stream"}
        assert sent == recorded, exchange.name


def test_every_recorded_body_is_the_reply_that_the_canonical_chat_says(chat: Chat) -> None:
    known = known_params(chat)
    told = [exchange for exchange in chats() if not exchange.streamed and not failed(exchange)]
    for exchange in told:
        chat.says(replayed(exchange))
        response = chat.ask(params_of(exchange, known))
        assert response.status_code == 200, (exchange.name, response.text)
        REPLY.validate(response.json())
        assert response.json() == canonical(json.loads(exchange.body), limit_of(exchange)), exchange.name
    assert len(told) > 20


def test_every_recorded_failure_is_an_error_with_its_status_and_its_reason(chat: Chat) -> None:
    refused = [exchange for exchange in chats() if not exchange.streamed and failed(exchange)]
    for exchange in refused:
        error = carried_error(json.loads(exchange.body))
        status = exchange.status if exchange.status != 200 else error["code"]
        chat.says(replayed(exchange))
        response = chat.ask()
        body = response.json()
        check_error(body)
        assert body["upstream"]["status"] == status, exchange.name
        assert "Provider returned error" not in body["error"], exchange.name
        expected = {400: 400, 401: 424, 403: 403, 404: 404, 429: 429, 502: 502}[status]
        assert response.status_code == expected, exchange.name
        assert chat.row["outcome"] == "error"
        assert chat.row["code"] == body["code"]
        assert len(chat.toy.requests) == 1
    assert len(refused) > 10


def until_error(chunks: list[Any]) -> list[Any]:
    """The chunks up to the one that carries an error; what that one tells besides (its usage) counts."""
    errors = [number for number, chunk in enumerate(chunks) if carried_error(chunk)]
    return chunks[: errors[0] + 1] if errors else chunks


def check_recorded_stream(exchange: Exchange, streamed: Streamed) -> None:
    expected = canonical(whole_body(until_error(chunks_of(exchange.body))), limit_of(exchange))
    if failed(exchange):
        assert streamed.error["partial"] == expected, exchange.name
    else:
        assert streamed.done == expected, exchange.name
    assert streamed.text() == (expected["content"] or ""), exchange.name
    assert streamed.text("reasoning") == expected.get("reasoning", ""), exchange.name


def test_every_recorded_stream_adds_up_to_what_the_plain_call_answers(chat: Chat) -> None:
    known = known_params(chat)
    for exchange in streams():
        params = params_of(exchange, known)
        chat.says(replayed(exchange))
        streamed = chat.stream(params)
        check_recorded_stream(exchange, streamed)
        streamed_row = chat.row
        if failed(exchange):
            continue
        chat.says(answer_json(whole_body(chunks_of(exchange.body))))
        plain = chat.ask(params)
        assert plain.json() == streamed.done, exchange.name
        told = ("outcome", "model", "provider", "generation_id", "input_tokens", "output_tokens", "cost")
        assert {key: chat.row[key] for key in told} == {key: streamed_row[key] for key in told}, exchange.name
        assert streamed_row["outcome"] == "ok"
        assert streamed_row["input_tokens"] > 0


def test_every_recorded_stream_is_the_same_however_its_bytes_are_cut(chat: Chat) -> None:
    source = random.Random(19)
    for exchange in streams():
        data = exchange.body
        for count in (1, 3, 40):
            cuts = sorted(source.randrange(1, len(data)) for _ in range(count))
            parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
            chat.says(replayed(exchange, parts))
            streamed = chat.stream({"model": "m", "messages": [], "max_tokens": limit_of(exchange)})
            check_recorded_stream(exchange, streamed)
