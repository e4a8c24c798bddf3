"""Answers whose form nobody knows, or has proved: JSON where it is some, else handed on as it comes."""

from pathlib import Path

import pytest

from tests.language.support import CANARY, serving
from tests.manifest.loading import load
from tests.toy.raw import answer, answer_json

ANY = """
strict_returns: true
utilities:
  go: {description: x, rest: {url: /x, response: {as: any}}}
"""
PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
KINDS = [
    ("application/json", b'{"a": 1}', {"a": 1}),
    ("application/problem+json", b"[1]", [1]),
    ("text/plain", b' {"a": 1}', {"a": 1}),
    ("", b"[]", []),
    ("application/octet-stream", b'{"a": 1}', {"a": 1}),
    ("text/plain; charset=utf-8", b"All is well", None),
    ("text/plain", b"42", None),
    ("text/plain", b"{not JSON", None),
    ("text/csv", b"a,b\n1,2\n", None),
    ("application/x-ndjson", b'{"a": 1}\n{"a": 2}\n', None),
    ("application/xml", b"<a/>", None),
    ("text/html", b"<!doctype html><p>hi", None),
    ("image/png", PNG, None),
    ("application/vnd.of-nobody", PNG, None),
]


@pytest.mark.parametrize(("kind", "body", "value"), KINDS)
def test_any_reads_json_and_hands_on_what_else_comes(tmp_path: Path, kind: str, body: bytes, value: object) -> None:
    headers = [("Content-Type", kind)] if kind else []
    with serving(tmp_path, ANY, answer(200, body, headers)) as (house, _):
        got = house.call("demo", "go")
    assert got.status_code == 200
    if value is None:
        assert got.content == body
        assert got.headers["content-type"] == kind
        assert got.headers["x-content-type-options"] == "nosniff"
    else:
        assert got.json() == value
        assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_may_be_nothing(tmp_path: Path, status: int) -> None:
    with serving(tmp_path, ANY, answer(status, b"", [])) as (house, _):
        assert house.call("demo", "go").json() is None


def test_any_is_no_way_around_an_error(tmp_path: Path) -> None:
    kinds = [("Content-Type", "application/json")]
    text = [("Content-Type", "text/plain")]
    cases = (
        (answer(200, b'{"a": ', kinds), "upstream_invalid"),
        (answer_json({"error": {"message": "no"}}), "upstream_failed"),
        (answer(200, b'{"error": {"message": "no"}}', text), "upstream_failed"),
        (answer(500, b"no", text), "upstream_failed"),
    )
    for number, (each, code) in enumerate(cases):
        with serving(tmp_path / str(number), ANY, each) as (house, _):
            assert house.call("demo", "go").json()["code"] == code


def test_what_is_handed_on_holds_no_key(tmp_path: Path) -> None:
    leak = answer(200, f"key {CANARY}".encode(), [("Content-Type", "text/plain")])
    with serving(tmp_path, ANY, leak, key=True) as (house, _):
        got = house.call("demo", "go")
    assert got.text.startswith("key ")
    assert CANARY not in got.text


STREAMED = ANY.replace("response: {as: any}", "response: {as: any}, stream: {delta: .a, accumulate: text}")


def test_asked_for_as_a_stream_it_comes_as_one_event(tmp_path: Path) -> None:
    page = [("Content-Type", "text/html")]
    with serving(tmp_path / "a", STREAMED, answer(200, b"All is well", page)) as (house, _):
        assert house.stream("demo", "go", {})[-1] == ("done", "All is well")
    with serving(tmp_path / "b", STREAMED, answer(200, PNG, page)) as (house, _):
        event, refused = house.stream("demo", "go", {})[-1]
        assert (event, refused.json()["code"]) == ("refused", "upstream_invalid")


BESIDE = [
    "root: /a",
    "transform: .a",
    "mapping: {a: .a}",
    "raw: true",
    "charset: utf-8",
    "csv: {header: false}",
]


@pytest.mark.parametrize("beside", BESIDE)
def test_nothing_that_needs_to_know_the_form_stands_beside_any(beside: str) -> None:
    front = f"utilities:\n  go: {{description: x, rest: {{url: /x, response: {{as: any, {beside}}}}}}}\n"
    problems = load(front).problems
    assert any(beside.split(":")[0] in each.message for each in problems), problems


UNPROVEN = """
strict_returns: false
utilities:
  data: {description: x, returns: {a: integer}, rest: {url: /x}}
  table: {description: x, rest: {url: /x, response: {as: csv}}}
  words: {description: x, rest: {url: /x, response: {as: text}}}
  made: {description: x, rest: {url: /x, response: {transform: .a}}}
  gone: {description: x, returns: void, rest: {url: /x}}
  sure: {description: x, strict_returns: true, rest: {url: /x}}
"""


def test_what_nobody_has_proved_is_handed_on_in_another_form_and_counted(tmp_path: Path) -> None:
    plain = answer(200, b"All is well", [("Content-Type", "text/plain")])
    with serving(tmp_path / "text", UNPROVEN, plain) as (house, _):
        assert house.call("demo", "data").text == "All is well"
        assert house.call("demo", "words").json() == "All is well"
        assert house.call("demo", "gone").json() is None
        codes = {name: house.call("demo", name).json()["code"] for name in ("made", "sure")}
        counted = [row["utility"] for row in house.rows() if row["code"] == "reply_mismatch"]
    assert codes == {"made": "upstream_invalid", "sure": "upstream_invalid"}
    assert counted == ["gone", "data"]
    with serving(tmp_path / "json", UNPROVEN, answer_json({"a": 1})) as (house, _):
        assert [house.call("demo", name).json() for name in ("data", "table", "words")] == [{"a": 1}] * 3
        counted = [row["utility"] for row in house.rows() if row["code"] == "reply_mismatch"]
    assert counted == ["words", "table"]


def test_words_that_are_said_to_be_a_page_are_no_page(tmp_path: Path) -> None:
    words = answer(200, b"ok", [("Content-Type", "text/html; charset=utf-8")])
    with serving(tmp_path, UNPROVEN, words) as (house, _):
        assert house.call("demo", "data").text == "ok"
        assert house.call("demo", "gone").json() is None
        sure = house.call("demo", "sure").json()
    assert sure["code"] == "upstream_invalid"
    assert "not JSON. If that is what it gives, set `response.as: text`" in sure["error"]


VOID = """
strict_returns: true
utilities:
  tell: {description: x, effect: write, returns: void, rest: {method: POST, url: /x, body: {a: 1}}}
  read:
    description: x
    returns: void
    rest: {method: POST, url: /x, body: {a: 1}, response: {error: .error}}
"""


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", ""])
@pytest.mark.parametrize("words", ["ok", "ok\n", "OK", "Accepted", "Congratulations! You've fired the door event"])
def test_a_word_that_all_is_well_is_nothing_where_nothing_is_awaited(tmp_path: Path, kind: str, words: str) -> None:
    headers = [("Content-Type", kind)] if kind else []
    with serving(tmp_path, VOID, answer(200, words.encode(), headers)) as (house, toy):
        told, read = house.call("demo", "tell"), house.call("demo", "read")
        assert [row["outcome"] for row in house.rows()] == ["error", "ok"]
        assert len(toy.requests) == 2
    assert (told.status_code, told.json()) == (200, None)
    assert read.json()["code"] == "upstream_invalid", "its manifest looks for an error in JSON"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text/plain", "ERROR: no such user"), ("text/plain", "invalid_token"), ("text/html", "channel_not_found"),
        ("text/plain", "Login failed"), ("text/plain", "a<b>"), ("text/plain", "x" * 501), ("text/csv", "a,b"),
        ("text/html", "<!doctype html><p>ok"), ("application/json", "ok"), ("application/octet-stream", "ok"),
        ("text/xml", "ok"), ("application/x-thing", "ok"),
    ],
)  # fmt: skip
def test_any_other_text_is_no_success_where_nothing_is_awaited(tmp_path: Path, kind: str, words: str) -> None:
    with serving(tmp_path, VOID, answer(200, words.encode(), [("Content-Type", kind)])) as (house, _):
        assert house.call("demo", "tell").json()["code"] == "upstream_invalid"


def test_a_page_for_people_is_no_answer_that_nobody_expected(tmp_path: Path) -> None:
    page = answer(200, b"<!doctype html><title>Sign in</title>", [("Content-Type", "text/html")])
    with serving(tmp_path, UNPROVEN, page) as (house, _):
        found = [house.call("demo", name).json()["code"] for name in ("data", "table")]
    assert found == ["upstream_invalid"] * 2
