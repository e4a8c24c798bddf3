"""When an upstream says to come back later, the caller is told when: in the header and beside the reason."""

import email.utils
import time
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, Chat, chunk, streaming
from tests.toy.raw import Behaviour, answer, answer_json

SLACK = 2
"""Seconds by which a time may be off that is written, and told, in whole ones."""
LIMITED = {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-min."}}


def refusal(status: int, headers: dict[str, str], body: Any = LIMITED) -> Behaviour:
    return answer_json(body, status, list(headers.items()))


def later(seconds: float) -> dict[str, tuple[Behaviour, int]]:
    """Every way to say `in so many seconds`, and the status that the caller gets."""
    when = time.time() + seconds
    date = email.utils.formatdate(when, usegmt=True)
    reset = str(int(when * 1000))
    headers = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    repeated = {"error": {"code": 429, "message": "Rate limit exceeded", "metadata": {"headers": headers}}}
    available = {
        "error": {"code": 503, "message": "busy", "availability": {"retryable": True, "retry_after": seconds}}
    }
    return {
        "Retry-After in seconds": (refusal(429, {"Retry-After": str(int(seconds))}), 429),
        "Retry-After as a date": (refusal(429, {"Retry-After": date}), 429),
        "Retry-After of a 503": (refusal(503, {"Retry-After": str(int(seconds))}), 503),
        "Retry-After of a 529": (refusal(529, {"Retry-After": str(int(seconds))}), 503),
        "Retry-After of a page": (answer(503, b"<html>busy</html>", [("Retry-After", date)]), 503),
        "X-RateLimit-Reset in milliseconds": (refusal(429, headers), 429),
        "X-RateLimit-Reset repeated in the body": (refusal(429, {}, repeated), 429),
        "the same inside a 200": (answer_json(repeated), 429),
        "availability": (refusal(503, {}, available), 503),
        "availability inside a 200": (answer_json(available), 503),
    }


@pytest.mark.parametrize("way", later(0))
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_time_to_come_back_is_passed_on(chat: Chat, way: str, stream: bool) -> None:
    begun = time.time()
    behaviour, status = later(90)[way]
    chat.says(behaviour)
    response = chat.ask({**ASK, "stream": stream})
    assert response.status_code == status, response.text
    told = response.json()["upstream"]["retry_after"]
    least = 90 - SLACK - (time.time() - begun)
    assert least <= told <= 90
    assert least <= int(response.headers["retry-after"]) <= 90
    assert len(chat.toy.requests) == 1


def test_a_limit_in_the_middle_of_a_stream_says_when_to_come_back(chat: Chat) -> None:
    limited = {"error": {"code": 429, "message": "slow down", "metadata": {"retry_after": 7}}}
    chat.says(streaming(chunk("Hel"), limited))
    assert chat.stream().error["upstream"]["retry_after"] == 7


def test_a_429_that_says_nothing_still_has_the_header_and_claims_nothing_of_the_upstream(chat: Chat) -> None:
    chat.says(refusal(429, {}))
    response = chat.ask()
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["upstream"]["retry_after"] is None


def test_a_time_that_has_passed_is_now(chat: Chat) -> None:
    for headers in ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"X-RateLimit-Reset": "1445412480000"}):
        chat.says(refusal(429, headers))
        response = chat.ask()
        assert response.json()["upstream"]["retry_after"] == 0
        assert int(response.headers["retry-after"]) >= 0


def test_what_is_no_time_is_not_passed_on(chat: Chat) -> None:
    for text in ("soon", "-1", "1e9", "99999999999999999999", "", "NaN"):
        chat.says(refusal(503, {"Retry-After": text}))
        response = chat.ask()
        assert response.status_code == 503
        assert response.json()["upstream"]["retry_after"] is None
        assert response.json()["code"] == "upstream_unavailable"
