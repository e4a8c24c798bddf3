"""Limits as callers of a real server meet them."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_runtime.config.settings import SettingsError
from tests.end_to_end.house import events_of
from tests.limits.support import EVENTS, limited_house, priced, sse
from tests.toy.raw import Exchange, answer, chunked_head, one_chunk, pieces, render


def test_what_is_not_allowed_is_refused_before_anything_else(tmp_path: Path) -> None:
    limits = {"default": {"allow": ["toy/ask"]}, "agents": {"nightly": {"allow": ["*"], "deny": ["toy/free"]}}}
    with limited_house(tmp_path, limits=limits) as (house, toy):
        assert house.call("toy", "ask").status_code == 200
        refused = house.call("toy", "free", {"no such param": 1})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert 'The agent "tester" may not call toy/free' in refused.json()["error"]
        assert house.call("toy", "free", X_Agent="nightly").status_code == 403
        assert house.call("toy", "fetch", X_Agent="nightly").status_code == 200
        assert house.call("toy", "nothing").json()["code"] == "unknown_utility"
        assert len(toy.requests) == 2
        assert [row["code"] for row in house.rows()].count("not_allowed") == 2


def test_too_many_calls_in_a_minute_are_429_with_retry_after(tmp_path: Path) -> None:
    with limited_house(tmp_path, limits={"default": {"calls_per_minute": 2}}) as (house, toy):
        assert [house.call("toy", "ask").status_code for _ in range(2)] == [200, 200]
        refused = house.call("toy", "ask")
        body = refused.json()
        assert (refused.status_code, body["code"], body["limit"]) == (429, "rate_limited", "calls_per_minute")
        assert 0 < int(refused.headers["retry-after"]) <= 61
        assert body["resets_at"] in body["error"]
        streamed = house.call("toy", "ask", {"stream": True})
        assert (streamed.status_code, streamed.json()["code"]) == (429, "rate_limited")
        assert house.call("toy", "ask", X_Agent="another").status_code == 200
        assert len(toy.requests) == 3
        assert house.rows()[1]["code"] == "rate_limited"


def test_a_spent_budget_is_402_after_replies_that_warned_of_it(tmp_path: Path) -> None:
    with limited_house(tmp_path, priced(0.25), limits={"default": {"cost_per_day": 0.5, "soft": 0.5}}) as (
        house,
        toy,
    ):
        first, second, third = (house.call("toy", "ask") for _ in range(3))
        assert "x-budget-warning" not in first.headers
        assert second.headers["x-budget-warning"].startswith(
            "cost_per_day of tester: 50% used ($0.25 of $0.5); resets"
        )
        assert second.json() == first.json()
        assert (third.status_code, third.json()["code"]) == (402, "budget_exceeded")
        assert 0 < int(third.headers["retry-after"]) <= 86_400
        assert house.call("toy", "free").status_code == 200
        assert len(toy.requests) == 3


def test_what_a_stream_used_counts_and_its_response_warns_too(tmp_path: Path) -> None:
    stream = sse({"say": "hi"}, {"usage": {"input_tokens": 60, "output_tokens": 30}}, "[DONE]")
    with limited_house(tmp_path, stream, limits={"default": {"tokens_per_day": 100}}) as (house, _):
        assert house.stream("toy", "ask", {})[-1][0] == "done"
        second = house.call("toy", "ask", {"stream": True})
        assert "90% used" in second.headers["x-budget-warning"]
        assert events_of(second.text)[-1][0] == "done"
        assert house.call("toy", "ask", {"stream": True}).json()["used"] == 180


def test_a_failed_call_frees_its_place_and_counts_what_it_used(tmp_path: Path) -> None:
    failing = answer(500, json.dumps({"error": "no", "usage": {"cost": 0.0}}).encode())
    with limited_house(tmp_path, failing, limits={"default": {"concurrent": 1}}) as (house, _):
        assert [house.call("toy", "ask").status_code for _ in range(3)] == [502, 502, 502]


def test_no_more_calls_of_an_agent_are_under_way_than_allowed(tmp_path: Path) -> None:
    arrived, go = threading.Semaphore(0), threading.Event()

    def slow(exchange: Exchange) -> None:
        arrived.release()
        go.wait(20)
        exchange.send(render(body=b"{}"))

    with (
        limited_house(tmp_path, slow, limits={"default": {"concurrent": 2}}) as (house, _),
        ThreadPoolExecutor(2) as pool,
    ):
        running = [pool.submit(house.call, "toy", "ask") for _ in range(2)]
        for _ in running:
            assert arrived.acquire(timeout=20)
        refused = house.call("toy", "ask")
        assert (refused.status_code, refused.json()["limit"]) == (429, "concurrent")
        assert refused.headers["retry-after"] == "1"
        go.set()
        assert [each.result(20).status_code for each in running] == [200, 200]
        assert house.call("toy", "ask").status_code == 200


def test_an_open_stream_ends_when_the_budget_is_used_up_by_others(tmp_path: Path) -> None:
    go = threading.Event()
    head = chunked_head(headers=EVENTS)
    first = one_chunk(b'data: {"say": "Hel"}\n\n')
    endless = pieces([head + first, b""], gate=lambda: None)

    def behave(exchange: Exchange) -> None:
        if b'"stream"' in exchange.request.body:
            endless(exchange)
            go.set()
            exchange.stall()
        priced(1.0)(exchange)

    with (
        limited_house(tmp_path, behave, limits={"default": {"cost_per_day": 0.5}}) as (house, toy),
        ThreadPoolExecutor(1) as pool,
    ):
        streaming = pool.submit(house.stream, "toy", "ask", {})
        assert go.wait(20)
        assert house.call("toy", "ask").status_code == 200
        events = streaming.result(20)
        assert [name for name, _ in events] == ["delta", "error"]
        assert (events[-1][1]["code"], events[-1][1]["partial"]) == ("budget_exceeded", {"content": "Hel"})
        assert toy.connections[0].gone.wait(30)
        assert {row["code"] for row in house.rows()} == {None, "budget_exceeded"}


def test_a_stream_that_is_still_opening_when_its_budget_is_used_up_ends_too(tmp_path: Path) -> None:
    opening, used_up = threading.Event(), threading.Event()

    def behave(exchange: Exchange) -> None:
        if b'"stream"' in exchange.request.body:
            exchange.send(chunked_head(headers=EVENTS))
            opening.set()
            assert used_up.wait(20)
            exchange.send(one_chunk(b'data: {"say": "Hel"}\n\n'))
            exchange.stall()
        priced(1.0)(exchange)

    with (
        limited_house(tmp_path, behave, limits={"default": {"cost_per_day": 0.5}}) as (house, toy),
        ThreadPoolExecutor(1) as pool,
    ):
        streaming = pool.submit(house.stream, "toy", "ask", {})
        assert opening.wait(20)
        assert house.call("toy", "ask").status_code == 200
        used_up.set()
        events = streaming.result(20)
        assert events[-1][1]["code"] == "budget_exceeded"
        assert toy.connections[0].gone.wait(30)


def test_an_edited_config_counts_from_the_next_call_on(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, _):
        assert house.call("toy", "ask").status_code == 200
        config = house.home / "config.toml"
        config.write_text('[limits.default]\nallow = ["other"]\n')
        assert house.call("toy", "ask").status_code == 403
        config.write_text("[limits.default]\nallow = 7 # not yet right\n")
        assert house.call("toy", "ask").status_code == 403
        health = house.client.get("/api/health").json()
        assert "limits.default.allow must be a list" in health["limits"]
        config.write_text("# nothing is limited\n")
        assert house.call("toy", "ask").status_code == 200
        assert "limits" not in house.client.get("/api/health").json()


def test_two_servers_on_one_home_count_together(tmp_path: Path) -> None:
    limits = {"default": {"calls_per_minute": 3}}
    with limited_house(tmp_path, limits=limits) as (one, _), limited_house(tmp_path, limits=limits) as (two, _):
        statuses = [house.call("toy", "ask").status_code for house in (one, two, one, two, one)]
        assert statuses == [200, 200, 200, 429, 429]


def test_the_start_fails_with_the_files_name_when_its_limits_cannot_be_used(tmp_path: Path) -> None:
    limits = {"default": {"calls_per_minute": "many"}}
    with pytest.raises(SettingsError) as raised, limited_house(tmp_path, limits=limits):
        raise AssertionError("it started")
    assert "config.toml: limits.default.calls_per_minute must be a whole number" in str(raised.value)
