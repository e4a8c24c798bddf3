"""POST /api/skills/<id>/<utility>, answered whole."""

import pytest

from tests.server.client import ask, post, send_raw
from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime

ECHO = "/api/skills/toy/echo"


def test_the_reply_is_plain_data(server: Running) -> None:
    answer = ask(server, "POST", ECHO, {"text": "zażółć", "big": 12345678901234567891})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"params": {"text": "zażółć", "big": 12345678901234567891}, "agent": "anonymous"}


def test_no_body_is_an_empty_object(server: Running) -> None:
    assert ask(server, "POST", ECHO).json["params"] == {}


def test_nothing_to_say_is_null(server: Running) -> None:
    answer = ask(server, "POST", "/api/skills/toy/nothing", {})
    assert (answer.status, answer.body) == (200, b"null")


def test_where_the_time_went_is_told(server: Running) -> None:
    timing = ask(server, "POST", ECHO, {}).headers["server-timing"]
    assert timing == "total;dur=1.50, upstream;dur=1.25, expressions;dur=0.12"


def test_bytes_go_through_under_their_own_type_and_cannot_act_as_a_page(server: Running) -> None:
    answer = ask(server, "POST", "/api/skills/toy/raw", {"type": "text/html; charset=utf-8"})
    assert answer.body == b"\x00\xff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("content_type", ["", "text", "text/html\r\nx-evil: 1", "a/b; c=\x01", "żółw/żółw"])
def test_a_type_that_no_header_can_carry_becomes_bytes(server: Running, content_type: str) -> None:
    answer = ask(server, "POST", "/api/skills/toy/raw", {"type": content_type})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b" ",
        b"{} {}",
        b'{"a": NaN}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(server: Running, body: bytes) -> None:
    answer = ask(server, "POST", ECHO, body, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (400, "invalid_json")


def test_a_refusal_keeps_its_status_says_when_to_try_again_and_names_what_was_called(server: Running) -> None:
    answer = ask(server, "POST", "/api/skills/toy/refuse", {}, {"X-Request-Id": "mine"})
    assert (answer.status, answer.code) == (429, "upstream_rate_limited")
    assert answer.headers["retry-after"] == "7"
    assert (answer.json["skill"], answer.json["utility"], answer.json["request_id"]) == ("toy", "refuse", "mine")


def test_a_bug_is_an_error_body_and_its_text_goes_nowhere(
    server: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = ask(server, "POST", "/api/skills/toy/bug", {})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.json["request_id"] in caplog.text
    assert "KeyError" in caplog.text
    assert "secret-in-a-bug" not in answer.body.decode() + caplog.text + "".join(capfd.readouterr())


def test_an_encoded_slash_stays_inside_its_part() -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        ask(server, "POST", "/api/skills/a%2Fb/c%20d", {})
        ask(server, "POST", "/api/skills/a%252Fb/%C5%BC", {})
        ask(server, "POST", "/api/skills/toy/echo/", {})
        assert ask(server, "POST", "/api/skills/a/b/c", {}).code == "not_found"
        assert ask(server, "POST", "/api/skills//echo/x", {}).code == "not_found"
    assert [(call.skill, call.utility) for call in runtime.calls] == [
        ("a/b", "c d"),
        ("a%2Fb", "ż"),
        ("toy", "echo"),
    ]


def test_headers_become_part_of_the_call() -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        ask(server, "POST", ECHO, {}, {"X-Agent": "me", "X-Request-Id": "r-1", "Idempotency-Key": "once 1"})
        ask(server, "POST", ECHO, {})
    first, second = runtime.calls
    assert (first.agent, first.request_id, first.idempotency_key) == ("me", "r-1", "once 1")
    assert second.idempotency_key is None


@pytest.mark.parametrize("query", ["a=1", "stream=true", "a=", "a"])
def test_params_in_the_query_are_refused_and_not_left_out(query: str) -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        said = ask(server, "POST", f"{ECHO}?{query}", {})
        assert (said.status, said.code) == (400, "invalid_params")
        assert "body" in said.json["error"]
        assert ask(server, "POST", f"{ECHO}?", {}).status == 200
    assert len(runtime.calls) == 1


@pytest.mark.parametrize("key", ["\xe9", "a" * 256, "a\tb", ""])
def test_an_idempotency_key_that_cannot_be_handed_on_is_refused(key: str) -> None:
    """Whoever sends one relies on it."""
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        said = send_raw(server, post(server, ECHO, b"{}", f"idempotency-key: {key}"))
    assert (said.status, said.code) == (400, "invalid_params")
    assert [problem["path"] for problem in said.json["problems"]] == ["Idempotency-Key"]
    assert runtime.calls == []


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*", "text/event-stream, application/json"])
def test_stream_false_is_always_plain_and_never_reaches_the_runtime(accept: str) -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        answer = ask(server, "POST", ECHO, {"stream": False, "a": 1}, {"Accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert runtime.calls[0].params == {"a": 1}


def test_a_stream_that_is_not_yes_or_no_is_refused(server: Running) -> None:
    answer = ask(server, "POST", ECHO, {"stream": "yes"})
    assert answer.code == "invalid_params"
    assert answer.json["problems"] == [{"path": "stream", "message": "must be true or false"}]


def test_a_utility_may_have_a_param_stream_of_its_own(server: Running) -> None:
    assert ask(server, "POST", "/api/skills/toy/owner", {"stream": "hd"}).json["params"] == {"stream": "hd"}
