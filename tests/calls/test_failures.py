"""Every failure of an upstream becomes one typed error with the upstream's status and reason."""

import json
from typing import Any

import pytest

from agentos_runtime import errors
from agentos_runtime.calls.failures import Service, body_failure, failure_error, http_failure
from agentos_runtime.errors import UpstreamFailure
from tests.recorded import exchanges

SERVICE = Service("Toy", "toy", "default", "https://toy.example/keys")
NOW = 1_700_000_000.0


def failed(status: int, body: Any, headers: dict[str, str] | None = None) -> UpstreamFailure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http_failure(status, headers or {}, raw, NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.UpstreamRejected), (401, errors.CredentialRejected), (402, errors.UpstreamPaymentRequired),
        (403, errors.UpstreamForbidden), (404, errors.UpstreamNotFound), (405, errors.UpstreamRejected),
        (408, errors.UpstreamTimeout), (409, errors.UpstreamConflict), (422, errors.UpstreamRejected),
        (429, errors.UpstreamRateLimited), (500, errors.UpstreamFailed), (502, errors.UpstreamFailed),
        (503, errors.UpstreamUnavailable), (524, errors.UpstreamFailed), (529, errors.UpstreamUnavailable),
        (301, errors.UpstreamFailed), (304, errors.UpstreamFailed), (None, errors.UpstreamFailed),
    ],
)  # fmt: skip
def test_the_status_decides_the_error(status: int | None, kind: type[errors.AgentOSError]) -> None:
    error = failure_error(SERVICE, UpstreamFailure(status=status, message="because"))
    assert type(error) is kind
    assert "because" in error.message
    assert error.upstream is not None
    assert error.upstream.status == status


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("plain words", "plain words"),
        ('{"error": {"message": "deep words"}}', "deep words"),
        ({"error": "object words"}, "object words"),
        ('{"detail": [{"msg": "listed words"}]}', "listed words"),
        ("{broken json", "{broken json"),
        (json.dumps({"error": json.dumps({"message": "words in JSON in JSON"})}), "words in JSON in JSON"),
    ],
)
def test_a_provider_s_own_words_replace_the_gateway_s(raw: Any, words: str) -> None:
    body = {
        "error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": raw, "provider_name": "P"}}
    }
    failure = failed(502, body)
    assert (failure.message, failure.provider, failure.raw) == (words, "P", raw)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "just text"}, "just text"),
        ({"message": "top"}, "top"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded"),
        ({"errors": [{"message": "first"}]}, "first"),
        ({"detail": "a detail"}, "a detail"),
        ({"detail": "Internal Server Error"}, "Internal Server Error"),
        ({"error": "error", "message": "Internal Server Error", "detail": "out of memory"}, "out of memory"),
        (
            b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>",
            "an HTML page: 502 Bad Gateway",
        ),
        (b"upstream connect error", "upstream connect error"),
        (b"", None),
        ([], None),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_reason_is_found_in_every_usual_shape(body: Any, words: str | None) -> None:
    assert failed(500, body).message == words


LOC = [
    {"loc": ["body", "messages", 0, "content"], "msg": "Field required"},
    {"loc": ["query", "n"], "msg": "too large"},
]
TITLE = [{"resource": "Issue", "field": "title", "code": "missing_field"}]


@pytest.mark.parametrize(
    ("body", "words", "details"),
    [
        (
            {"message": "Validation Failed", "errors": TITLE, "status": "422"},
            "Validation Failed",
            {"errors": TITLE},
        ),
        ({"detail": LOC}, "messages.0.content: Field required", {"detail": LOC}),
        (
            {"error": "invalid_grant", "error_description": "Token expired"},
            "Token expired",
            {"error": "invalid_grant"},
        ),
        ({"code": "E7", "message": "no", "retry": False, "hint": "ask"}, "no", {"retry": False, "hint": "ask"}),
        (
            {"title": "Bad", "detail": "d.", "invalid-params": ["age"]},
            "d",
            {"title": "Bad", "invalid-params": ["age"]},
        ),
        ({"name": ["is required"]}, '{"name":["is required"]}', {"name": ["is required"]}),
        ({"message": "no", "input": ["x" * 30_000], "hint": "ask"}, "no", {"hint": "ask"}),
        ({"message": "no", "status": 422, "errors": []}, "no", None),
        ({}, None, None),
    ],
)
def test_all_that_a_failure_says_in_a_shape_of_its_own_is_kept(body: Any, words: str | None, details: Any) -> None:
    failure = failed(422, body)
    assert (failure.message, failure.details) == (words, details)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 429, "message": "x"}}, 429),
        ({"error": {"code": "503", "message": "x"}}, 503),
        ({"error": {"code": "rate_limit", "message": "x"}}, None),
        ({"error": {"code": 200, "message": "x"}}, None),
        ({"error": {"code": True, "message": "x"}}, None),
        ({"choices": [{"error": {"code": 502, "message": "x"}, "message": {"content": "half"}}]}, 502),
        ({"choices": [{"finish_reason": "error", "native_finish_reason": "MALFORMED"}]}, None),
    ],
)
def test_an_error_inside_a_body_carries_its_status(body: Any, status: int | None) -> None:
    failure = body_failure(body, NOW)
    assert failure is not None
    assert failure.status == status


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, "error", {"error": None}, {"error": {}}, {"error": "text"}, {"error": {"code": None}},
        {"choices": [{"finish_reason": "stop", "error": None}]}, {"choices": None}, {"choices": ["x"]},
    ],
)  # fmt: skip
def test_what_is_no_error_is_none(body: Any) -> None:
    assert body_failure(body, NOW) is None


def test_metadata_without_a_raw_answer_is_handed_on_as_it_came() -> None:
    metadata = {"reasons": ["violence"], "flagged_input": "…"}
    body = {"error": {"code": 403, "message": "flagged", "metadata": {**metadata, "provider_name": "P"}}}
    failure = failed(403, body)
    assert (failure.message, failure.provider, failure.raw) == ("flagged", "P", metadata)


def test_a_code_at_the_top_of_a_failed_answer_is_handed_on() -> None:
    failure = failed(400, {"message": "no such field", "code": "bad_field"})
    assert (failure.status, failure.code, failure.message) == (400, "bad_field", "no such field")


def test_the_wait_is_taken_from_headers_first_and_then_from_the_body() -> None:
    reset = str(int((NOW + 7) * 1000))
    inside = {"error": {"code": 429, "message": "m", "metadata": {"headers": {"X-RateLimit-Reset": reset}}}}
    assert failed(429, inside).retry_after == pytest.approx(7)
    assert failed(429, inside, {"retry-after": "3"}).retry_after == 3
    availability = {"error": {"code": 503, "message": "m", "availability": {"retry_after": 9}}}
    assert failed(503, availability).retry_after == 9


RETRY_INFO = [{"@type": "x/google.rpc.ErrorInfo"}, {"@type": "x/google.rpc.RetryInfo", "retryDelay": "93.5s"}]
QUOTA = {"error": {"code": 429, "message": "Quota exceeded", "details": RETRY_INFO}}


@pytest.mark.parametrize(
    "body",
    [
        QUOTA,
        [QUOTA],
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": json.dumps(QUOTA)}}},
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": json.dumps([QUOTA])}}},
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": QUOTA["error"]}}},
    ],
)
def test_the_wait_that_google_tells_is_heard_through_a_gateway_too(body: Any) -> None:
    assert failed(429, body).retry_after == 93.5


def test_a_rejected_key_says_how_to_set_another() -> None:
    error = failure_error(SERVICE, UpstreamFailure(status=401, message="No auth"))
    assert "agentos keys set toy" in error.message
    assert error.help_url == "https://toy.example/keys"


def test_every_recorded_error_keeps_its_status_and_gives_a_reason() -> None:
    for exchange in exchanges("???-err*"):
        if exchange.status == 200:
            failure = body_failure(json.loads(exchange.body), NOW)
        else:
            failure = http_failure(exchange.status, exchange.headers, exchange.body, NOW)
            assert failure.status == exchange.status
        assert failure is not None, exchange.name
        assert failure.message, exchange.name
        assert failure.message != "Provider returned error", exchange.name
