"""Jobs: accepted now, looked at until they are done, never lost."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.language.support import CANARY, closed_row, serving, wait_until_gone
from tests.server.client import post
from tests.toy.raw import Exchange, answer, answer_json, reset, stall

JOBS = """
settings: {version: {default: "7"}}
utilities:
  film:
    description: x
    params: {prompt: {type: string}, id: {type: string, default: f1}}
    returns: {urls: array, by: string}
    rest:
      method: POST
      url: /films
      headers: {X-Version: .settings.version, Content-Language: en}
      query: {draft: "1"}
      body: {prompt: .params.prompt}
      response: {transform: '{urls, by: $params.prompt}'}
      poll:
        {url: .status_url, until: '.state == "done"', failed: '.state == "failed"', interval: 0.01, deadline: 30}
  short:
    description: x
    rest:
      method: POST
      url: /films
      poll: {url: '"https://api.example.com/films/\\(.id)"', until: .done, interval: 0.01, deadline: 1}
  by_param:
    description: x
    params: {id: {type: string, required: true}}
    rest: {method: POST, url: /films, poll: {url: '/films/{id}', until: .done, failed: .why, interval: 0.01}}
"""
ACCEPTED = answer_json({"id": "f1", "status_url": "/films/f1?full=1", "state": "queued"}, 202)
RUNNING = answer_json({"id": "f1", "state": "running"})
DONE = answer_json({"id": "f1", "state": "done", "urls": ["u"]})


def test_a_job_is_looked_at_until_it_is_done_and_its_last_body_is_the_reply(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, ACCEPTED, RUNNING, RUNNING, DONE, key=True) as (house, toy):
        response = house.call("demo", "film", {"prompt": "sea"})
        rows = house.rows()
    assert response.json() == {"urls": ["u"], "by": "sea"}
    first, *looks = toy.requests
    assert (first.method, first.target) == ("POST", "/films?draft=1")
    assert [(look.method, look.target, look.body) for look in looks] == [("GET", "/films/f1?full=1", b"")] * 3
    assert {request.header("x-key") for request in toy.requests} == {CANARY}
    assert {look.header("x-version") for look in looks} == {"7"}
    assert {look.header("content-language") for look in looks} == {None}
    assert [(row["outcome"], row["upstream_status"]) for row in rows] == [("ok", 200)]


def test_a_job_that_is_done_at_once_is_not_looked_at(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, DONE) as (house, toy):
        assert house.call("demo", "film", {"prompt": "a"}).json() == {"urls": ["u"], "by": "a"}
        assert len(toy.requests) == 1


def test_the_url_may_be_made_of_a_param_and_the_first_answer_may_be_empty(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, answer(202), answer_json({"done": True})) as (house, toy):
        assert house.call("demo", "by_param", {"id": "a/b"}).json() == {"done": True}
        assert [request.target for request in toy.requests] == ["/films", "/films/a%2Fb"]


@pytest.mark.parametrize("wait", [True, False])
def test_an_error_in_the_place_of_a_job_is_not_waited_for(tmp_path: Path, wait: bool) -> None:
    own = """
  own:
    description: x
    rest:
      method: POST
      url: /films
      response: {error: .error}
      poll: {url: .status_url, until: .done, interval: 0.01, deadline: 30}
"""
    refusal = answer_json({"error": {"code": 429, "message": "slow down"}}, 202)
    with serving(tmp_path, JOBS + own, refusal) as (house, toy):
        response = house.call("demo", "own", {} if wait else {"wait": False})
        assert (response.status_code, response.json()["upstream"]["message"]) == (429, "slow down")
        assert len(toy.requests) == 1


def test_who_does_not_want_to_wait_gets_the_job_as_the_service_gave_it(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, ACCEPTED) as (house, toy):
        job = house.call("demo", "film", {"prompt": "a", "wait": False}).json()
        refused = house.call("demo", "film", {"wait": "no"})
        shown = house.client.get("/api/skills/demo/film").json()["params"]["properties"]
        assert len(toy.requests) == 1
    assert job == {"id": "f1", "status_url": "/films/f1?full=1", "state": "queued"}
    assert refused.json()["problems"] == [{"path": "wait", "message": "must be a boolean, is a string"}]
    assert shown["wait"]["type"] == "boolean"


@pytest.mark.parametrize(
    ("utility", "last", "status", "words"),
    [
        ("film", {"state": "failed", "error": "too long a film"}, 502, "too long a film"),
        ("film", {"state": "failed", "error": {"message": "no money", "code": 402}}, 402, "no money"),
        ("film", {"state": "failed"}, 502, "it gave no reason"),
        ("by_param", {"why": "no camera"}, 502, "no camera"),
        ("by_param", {"why": {"message": "too dark", "code": "dark"}}, 502, "too dark"),
    ],
)
def test_a_job_that_fails_is_an_error_in_its_own_words(
    tmp_path: Path, utility: str, last: Any, status: int, words: str
) -> None:
    with serving(tmp_path, JOBS, ACCEPTED, RUNNING, answer_json(last)) as (house, _):
        response = house.call("demo", utility, {"id": "f1"})
    assert response.status_code == status, response.text
    assert words in response.json()["error"]
    assert response.json()["job"]["reply"]["id"] == "f1"


def test_what_a_job_that_failed_took_is_counted(tmp_path: Path) -> None:
    failed = {"state": "failed", "usage": {"input_tokens": 7, "cost": 0.25}}
    with serving(tmp_path, JOBS, ACCEPTED, answer_json(failed)) as (house, _):
        assert house.call("demo", "film").status_code == 502
        [row] = house.rows()
    assert (row["outcome"], row["input_tokens"], row["cost"]) == ("error", 7, 0.25)


def test_a_deadline_says_where_the_job_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, ACCEPTED, RUNNING) as (house, toy):
        for _ in range(10):
            response = house.call("demo", "short")
            if len(toy.requests) > 1:  # else the machine was too busy to have the job accepted in time
                break
            toy.requests.clear()
        row = house.rows()[0]
    body = response.json()
    assert (response.status_code, body["code"]) == (504, "upstream_timeout")
    assert "https://api.example.com/films/f1" in body["error"]
    assert body["job"]["url"] == "https://api.example.com/films/f1"
    assert body["job"]["reply"]["id"] == "f1"
    assert row["code"] == "upstream_timeout"


def test_a_service_that_asks_for_more_time_than_there_is_is_not_waited_for(tmp_path: Path) -> None:
    slow = answer_json({"state": "running"}, headers=[("Retry-After", "60")])
    with serving(tmp_path, JOBS, ACCEPTED, slow) as (house, toy):
        response = house.call("demo", "film", {"prompt": "a"})
        assert len(toy.requests) == 2
    assert response.json()["code"] == "upstream_timeout"


def test_a_look_that_fails_in_passing_says_nothing_of_the_job(tmp_path: Path) -> None:
    passing = [answer_json({"error": {"message": "busy"}}, status) for status in (429, 502, 503, 504)]
    with serving(tmp_path, JOBS, ACCEPTED, *passing, reset(), reset(b"HTTP/1.1 200 OK\r\n"), DONE) as (house, _):
        assert house.call("demo", "film", {"prompt": "a"}).json() == {"urls": ["u"], "by": "a"}


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (answer_json({"error": {"message": "gone", "code": 404}}, 404), "upstream_not_found"),
        (answer_json({"error": {"message": "gone", "code": 404}}), "upstream_not_found"),
        (answer(body=b"<html>"), "upstream_invalid"),
        (answer_json([1]), "expression_failed"),
    ],
)
def test_whatever_goes_wrong_after_the_job_was_accepted_the_error_names_the_job(
    tmp_path: Path, look: Any, code: str
) -> None:
    with serving(tmp_path, JOBS, ACCEPTED, look) as (house, _):
        body = house.call("demo", "film", {"prompt": "a"}).json()
    assert body["code"] == code
    assert body["job"]["url"] == "https://api.example.com/films/f1?full=1"


@pytest.mark.parametrize("url", ["https://elsewhere.example/f1", "//elsewhere.example/f1", "http://127.0.0.1:9/f1"])
def test_the_key_is_not_sent_where_an_answer_says_but_nobody_approved(tmp_path: Path, url: str) -> None:
    with serving(tmp_path, JOBS, answer_json({"status_url": url}, 202), key=True) as (house, toy):
        response = house.call("demo", "film", {"prompt": "a"})
        assert len(toy.requests) == 1
    assert (response.status_code, response.json()["code"]) == (409, "approval_required")
    assert response.json()["job"]["reply"] == {"status_url": url}


@pytest.mark.parametrize(
    "said",
    [
        {}, {"status_url": None}, {"status_url": 5}, {"status_url": ""}, {"status_url": "ftp://a/b"},
        {"status_url": "http://[/"}, {"status_url": "/a\r\nX: y"}, {"status_url": "https://a@b/"},
        {"status_url": "/a b"},
    ],
)  # fmt: skip
def test_an_answer_without_the_job_s_url_is_an_error(tmp_path: Path, said: Any) -> None:
    with serving(tmp_path, JOBS, answer_json(said, 202)) as (house, _):
        body = house.call("demo", "film", {"prompt": "a"}).json()
    assert (body["code"], body["key"]) == ("expression_failed", "utilities.film.rest.poll.url")


def test_an_error_never_shows_the_key_that_a_job_s_answer_echoes(tmp_path: Path) -> None:
    def echo_key(exchange: Exchange) -> None:
        key = exchange.request.header("x-key")
        answer_json({"id": "f1", "key": key, "status_url": f"/films?{key}"}, 202)(exchange)

    with serving(tmp_path, JOBS, echo_key, answer_json([CANARY], 404), key=True) as (house, _):
        response = house.call("demo", "film", {"prompt": "a"})
    assert response.json()["job"]["reply"]["key"] == "[redacted]"
    assert CANARY not in response.text


def test_a_client_that_leaves_stops_the_looking(tmp_path: Path) -> None:
    looking = threading.Event()

    def look(exchange: Exchange) -> None:
        looking.set()
        stall()(exchange)

    with serving(tmp_path, JOBS, ACCEPTED, look) as (house, toy):
        with socket.create_connection(("127.0.0.1", house.server.port)) as leaver:
            leaver.sendall(post(house.server, "/api/skills/demo/film", b'{"prompt": "a"}'))
            assert looking.wait(60)
        wait_until_gone(toy)
        assert closed_row(house)["outcome"] == "cancelled"
    assert len(toy.requests) == 2


def test_an_idempotency_key_belongs_to_the_first_request_only(tmp_path: Path) -> None:
    honoured = JOBS.replace(
        "poll: {url: '/films/{id}'", "retry: {idempotency_header: Once}, poll: {url: '/films/{id}'"
    )
    with serving(tmp_path, honoured, ACCEPTED, answer_json({"done": True})) as (house, toy):
        house.call("demo", "by_param", {"id": "f1"}, Idempotency_Key="k1")
        assert [request.header("once") for request in toy.requests] == ["k1", None]


def test_the_first_failure_is_no_job(tmp_path: Path) -> None:
    with serving(tmp_path, JOBS, answer_json({"error": {"message": "no", "code": 400}}, 400)) as (house, toy):
        body = house.call("demo", "film", {"prompt": "a"}).json()
        assert len(toy.requests) == 1
    assert body["code"] == "upstream_rejected"
    assert "job" not in body
