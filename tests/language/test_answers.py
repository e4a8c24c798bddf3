"""What services answer besides 200 and JSON: nothing, redirects, rate limits told as 403, GraphQL's errors."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.failures import body_failure, http_failure
from agentos_runtime.calls.retry_after import meant_status
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.skills.checks import check_expressions
from agentos_runtime.visible import visible
from tests.language.support import CANARY, serving
from tests.manifest.loading import load
from tests.sizes import examples
from tests.toy.raw import Exchange, answer, answer_json

ADD = """
utilities:
  add:
    description: x
    returns: {at: string, body: any}
    rest:
      method: POST
      url: /notes
      response: {mapping: {at: $response.headers.location, body: .}}
  rooted:
    description: x
    rest: {method: POST, url: /notes, response: {root: /data, transform: '[., 1]'}}
  plain: {description: x, rest: {method: POST, url: /notes}}
  ok: {description: x, rest: {method: POST, url: /notes, response: {empty: ok}}}
  gone: {description: x, returns: void, rest: {method: DELETE, url: /notes}}
  chat: {description: x, rest: {method: POST, url: /chat, response: {transform: '.choices[0].message'}}}
  own:
    description: x
    rest:
      method: POST
      url: /notes
      response: {error: 'if .fault then {message: .fault, status: .as} else null end'}
"""
MADE = [("Location", "/notes/7")]


@pytest.mark.parametrize("status", [201, 202, 204, 205])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_is_null_where_the_status_lets_expect_it(tmp_path: Path, status: int, body: bytes) -> None:
    body = b"" if status in (204, 205) else body
    with serving(tmp_path, ADD, answer(status, body, MADE)) as (house, _):
        assert house.call("demo", "add").json() == {"at": "/notes/7", "body": None}
        assert house.call("demo", "rooted").json() == [None, 1]
        assert [house.call("demo", name).json() for name in ("plain", "ok", "gone")] == [None] * 3
        assert house.call("demo", "chat").json()["code"] == "upstream_failed"


@pytest.mark.parametrize("status", [200, 203, 206, 207])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_is_no_answer_anywhere_else(tmp_path: Path, status: int, body: bytes) -> None:
    with serving(tmp_path, ADD, answer(status, body, MADE)) as (house, _):
        for name in ("add", "rooted", "plain", "chat"):
            response = house.call("demo", name)
            assert (response.status_code, response.json()["code"]) == (502, "upstream_invalid"), name
            assert "`response.empty: ok`" in response.json()["error"]
        assert [house.call("demo", name).json() for name in ("ok", "gone")] == [None] * 2


JOB = """
utilities:
  report:
    description: x
    returns: {rows: integer}
    rest:
      method: POST
      url: /reports
      poll: {url: $response.headers.location, until: '.state == "done"', interval: 0.01}
"""


def test_a_job_that_answers_with_nothing_but_its_address_is_followed_there(tmp_path: Path) -> None:
    looks = [answer(202), answer_json({"state": "running"}), answer_json({"state": "done", "rows": 3})]
    with serving(tmp_path, JOB, answer(201, headers=[("Location", "/jobs/7?full=1")]), *looks, key=True) as (
        house,
        toy,
    ):
        assert house.call("demo", "report").json() == {"state": "done", "rows": 3}
        assert [request.target for request in toy.requests] == ["/reports", *["/jobs/7?full=1"] * 3]
        assert {request.header("x-key") for request in toy.requests} == {CANARY}


def test_a_job_s_address_at_another_origin_gets_no_key(tmp_path: Path) -> None:
    away = answer(201, headers=[("Location", "https://elsewhere.example/jobs/7")])
    with serving(tmp_path, JOB, away, key=True) as (house, toy):
        response = house.call("demo", "report")
        assert len(toy.requests) == 1
    assert (response.status_code, response.json()["code"]) == (409, "approval_required")
    assert "https://elsewhere.example" in response.json()["error"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_says_where_to_and_what_to_do(tmp_path: Path, status: int) -> None:
    moved = "https://api.example.com/v2/notes?signature=not-for-you#part"
    with serving(tmp_path, ADD, answer(status, headers=[("Location", moved)])) as (house, toy):
        body = house.call("demo", "plain").json()
        assert len(toy.requests) == 1
    assert body["code"] == "upstream_failed"
    assert body["upstream"]["status"] == status
    said = (
        "redirects to https://api.example.com/v2/notes?…; redirects are not followed: put the new address into url"
    )
    assert said in body["error"]
    assert "not-for-you" not in json.dumps(body)


@pytest.mark.parametrize(
    "place",
    [
        "https://api.example.com/{}/x",
        "https://u:{}@api.example.com/x",
        "/x?k={}",
        "https://[{}",
        "//{}.example/#{}",
    ],
)
def test_a_redirect_never_shows_the_key(tmp_path: Path, place: str) -> None:
    def away(exchange: Exchange) -> None:
        key = exchange.request.header("x-key") or ""
        answer(302, headers=[("Location", place.replace("{}", key))])(exchange)

    with serving(tmp_path, ADD, away, key=True) as (house, _):
        response = house.call("demo", "plain")
    assert response.json()["code"] == "upstream_failed"
    assert "redirects are not followed" in response.json()["error"]
    assert CANARY not in response.text


def test_an_address_that_is_cut_where_the_key_stands_does_not_show_its_beginning(tmp_path: Path) -> None:
    def away(exchange: Exchange) -> None:
        key = exchange.request.header("x-key") or ""
        answer(302, headers=[("Location", "/" + "x" * 290 + key)])(exchange)

    with serving(tmp_path, ADD, away, key=True) as (house, _):
        assert CANARY[:6] not in house.call("demo", "plain").text


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "120")], 429, "upstream_rate_limited"),
        ([("Retry-After", "30")], 429, "upstream_rate_limited"),
        ([("X-RateLimit-Remaining", "12")], 403, "upstream_forbidden"),
        ([], 403, "upstream_forbidden"),
    ],
)
def test_a_403_that_says_to_come_back_is_a_rate_limit(
    tmp_path: Path, headers: list[tuple[str, str]], status: int, code: str
) -> None:
    refusal = answer_json({"message": "API rate limit exceeded"}, 403, headers)
    with serving(tmp_path, ADD, refusal) as (house, _):
        response = house.call("demo", "plain")
        [row] = house.rows()
    body = response.json()
    assert (response.status_code, body["code"], body["upstream"]["status"]) == (status, code, 403)
    assert "API rate limit exceeded" in body["error"]
    assert row["upstream_status"] == 403
    waits = {"X-RateLimit-Reset": "120", "Retry-After": "30"}
    assert response.headers.get("retry-after") == next((waits[n] for n, _ in headers if n in waits), None)


def test_a_403_that_says_to_come_back_is_tried_again_where_a_429_is(tmp_path: Path) -> None:
    lists = "utilities: {list: {description: x, rest: {url: /x, retry: {attempts: 2}}}}"
    refusal = answer_json({"message": "slow down"}, 403, [("Retry-After", "0")])
    with serving(tmp_path, lists, refusal, answer_json([1])) as (house, toy):
        assert house.call("demo", "list").json() == [1]
        assert len(toy.requests) == 2


@pytest.mark.parametrize("came", [200, 400, 403, 500])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "upstream_not_found"),
        (409, "upstream_conflict"),
        (429, "upstream_rate_limited"),
        (401, "credential_rejected"),
    ],
)
def test_the_status_that_error_gives_decides_the_code(tmp_path: Path, came: int, status: int, code: str) -> None:
    with serving(tmp_path, ADD, answer_json({"fault": "because", "as": status}, came)) as (house, _):
        body = house.call("demo", "own").json()
    assert (body["code"], body["upstream"]["message"]) == (code, "because")
    assert body["upstream"]["status"] == (status if came == 200 else came)


@pytest.mark.parametrize("given", [None, "RESOURCE_EXHAUSTED", 200, 999])
def test_what_is_no_status_of_a_failure_leaves_the_answer_s(tmp_path: Path, given: Any) -> None:
    with serving(tmp_path, ADD, answer_json({"fault": "because", "as": given}, 404)) as (house, _):
        assert house.call("demo", "own").json()["code"] == "upstream_not_found"


GRAPHQL = """
utilities:
  repos:
    description: x
    rest:
      method: POST
      url: /graphql
      body: {query: 'query { viewer { login } }'}
      response: {transform: '.data.viewer // "nobody"'}
  off:
    description: x
    rest: {method: POST, url: /graphql, response: {error: 'false', transform: '.errors | length'}}
  tell:
    description: x
    rest:
      method: POST
      url: /graphql
      stream: {delta: '.data.text // empty', accumulate: text}
"""
FAULT = {"message": "Field 'x' does not exist", "path": ["viewer"], "extensions": {"code": "undefinedField"}}


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {"viewer": None}}, {"data": {"a": None, "b": None}}])
def test_errors_of_a_graphql_answer_without_data_are_a_failure(tmp_path: Path, data: dict[str, Any]) -> None:
    second = {"message": "and another"}
    with serving(tmp_path, GRAPHQL, answer_json({"errors": [FAULT, second], **data})) as (house, _):
        response = house.call("demo", "repos")
        assert house.call("demo", "off").json() == 2
    body = response.json()
    assert (response.status_code, body["code"]) == (502, "upstream_failed")
    assert "Field 'x' does not exist; and another" in body["error"]
    assert body["upstream"]["code"] == "undefinedField"
    assert body["upstream"]["raw"] == [FAULT, second]


def test_a_graphql_error_that_carries_a_status_is_treated_by_it(tmp_path: Path) -> None:
    fault = {"message": "no such thing", "extensions": {"code": "NOT_FOUND", "status": 404}}
    with serving(tmp_path, GRAPHQL, answer_json({"errors": [fault]})) as (house, _):
        assert house.call("demo", "repos").json()["code"] == "upstream_not_found"


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"viewer": "me"}, "errors": [FAULT]},
        {"data": {"viewer": "me"}, "errors": []},
        {"data": {"viewer": "me"}},
    ],
)
def test_data_is_handed_on_also_beside_errors(tmp_path: Path, body: Any) -> None:
    with serving(tmp_path, GRAPHQL, answer_json(body)) as (house, _):
        assert house.call("demo", "repos").json() == "me"


@pytest.mark.parametrize(
    "errors", [[], None, True, 3, {"a": 1}, ["text"], [{"code": 1}], [FAULT, "text"], [{"message": 5}]]
)
def test_other_errors_are_no_graphql_answer(errors: Any) -> None:
    assert body_failure({"errors": errors}, 0.0) is None


def test_an_event_of_a_stream_fails_by_the_same_rule(tmp_path: Path) -> None:
    events = b'data: {"data": {"text": "a"}}\n\ndata: {"errors": [{"message": "too slow"}], "data": null}\n\n'
    with serving(tmp_path, GRAPHQL, answer(body=events, headers=[("Content-Type", "text/event-stream")])) as (
        house,
        _,
    ):
        events_out = house.stream("demo", "tell", {})
    assert [name for name, _ in events_out] == ["delta", "error"]
    assert "too slow" in events_out[-1][1]["error"]
    assert events_out[-1][1]["partial"] == "a"


async def fixes(front: str) -> list[str | None]:
    checks = load(front).checks
    async with WorkerPool() as pool:
        return [problem.fix for problem in (await check_expressions(pool, checks)).problems]


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("{query: '{ viewer { login } }'}", """as text write '"{ viewer { login } }"'"""),
        ("'{ a(b: \"c\") { d } }'", r"""as text write '"{ a(b: \"c\") { d } }"'"""),
        ("{query: '{ a(b: ''c'') { d } }'}", """as text write '"{ a(b: ''c'') { d } }"'"""),
        ("{query: '{ " + "very_long_name " * 20 + "{ d } }'}", """as text write '"{ … }"'"""),
    ],
)
def test_a_text_that_is_taken_for_jq_because_of_its_brace_says_how_it_is_written(body: str, fix: str) -> None:
    front = (
        f"utilities: {{go: {{description: x, rest: {{method: POST, url: 'https://a.example/', body: {body}}}}}}}"
    )
    [said] = asyncio.run(fixes(front))
    assert said is not None
    assert fix in said


def test_other_jq_that_does_not_compile_gets_no_such_advice() -> None:
    rest = "{url: 'https://a.example/', query: {a: '{ b { c } }'}, response: {transform: '{ d { e } }'}}"
    assert asyncio.run(fixes(f"utilities: {{go: {{description: x, rest: {rest}}}}}")) == [None, None]


@given(st.text(max_size=400))
@settings(max_examples=examples(300), deadline=None)
def test_any_location_makes_one_sentence_without_its_query(location: str) -> None:
    failure = http_failure(302, {"location": location}, b"", 0.0)
    assert failure.message is not None
    assert visible(failure.message) == failure.message
    assert "redirects are not followed" in failure.message
    assert len(failure.message) < 5_000


@given(st.integers(200, 599), st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-remaining"]), st.text()))
def test_only_a_403_means_another_status(status: int, headers: dict[str, str]) -> None:
    meant = meant_status(status, headers)
    assert meant == status or (status == 403 and meant == 429 and headers)


MARKED = """
    utilities:
      go:
        description: Go
        effect: read
        rest:
          method: POST
          url: /go
          response: {as: any}
          stream: {delta: .a, done: '{"end":true}', accumulate: text}
    """


def test_an_end_mark_that_is_an_object_ends_a_stream_wherever_it_stands(tmp_path: Path) -> None:
    events = b"".join(b"data: %b\n\n" % each for each in (b'{"a":"x"}', b'{"end":true}', b'{"a":"y"}'))
    with serving(tmp_path, MARKED, answer(200, events, [("Content-Type", "text/event-stream")])) as (house, _):
        assert house.stream("demo", "go", {}) == [("delta", "x"), ("done", "x")]
