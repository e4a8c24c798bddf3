"""What is repeated, what is not, and when."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from agentos_runtime.calls.retry_after import retry_after
from agentos_runtime.errors import UpstreamTimeout, UpstreamTruncated, UpstreamUnreachable
from agentos_runtime.http_client import UpstreamRequest, UpstreamResponse
from agentos_runtime.manifest.model import Retry
from tests.http_client.conftest import Run
from tests.http_client.support import post, request, send
from tests.sizes import examples
from tests.toy.raw import Behaviour, Toy, answer, cut, refusing, render, stall

NOW = 1_790_000_000.0
OK = answer(body=b"fine")
CUT = cut(render(200, b"hello"), -1)
DECLARED = Retry(attempts=3)
KEYED = Retry(attempts=3, idempotency_header="Idempotency-Key")


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def now(self) -> float:
        return NOW


async def timed(
    clock: Clock, wanted: UpstreamRequest, retry: Retry | None = None, timeout: float = 10
) -> UpstreamResponse:
    return await send(wanted, retry=retry, timeout=timeout, sleep=clock.sleep, clock=clock.now, jitter=lambda: 0.0)


def limited(status: int = 429, *headers: tuple[str, str]) -> Behaviour:
    return answer(status, headers=headers)


TOLD = limited(429, ("Retry-After", "2"))


@pytest.mark.parametrize(
    ("method", "retry", "script", "arrivals", "status"),
    [
        ("GET", None, (CUT, OK), 2, 200),
        ("HEAD", None, (cut(b""), answer()), 2, 200),
        ("GET", None, (TOLD, OK), 1, 429),
        ("POST", None, (TOLD, OK), 1, 429),
        ("GET", None, (limited(503), OK), 1, 503),
        ("GET", DECLARED, (CUT, CUT, OK), 3, 200),
        ("GET", DECLARED, (limited(502), limited(503), OK), 3, 200),
        ("GET", DECLARED, (limited(504), OK), 2, 200),
        ("GET", DECLARED, (limited(500), OK), 1, 500),
        ("GET", DECLARED, (TOLD, TOLD, TOLD, OK), 3, 429),
        ("POST", DECLARED, (TOLD, OK), 2, 200),
        ("POST", DECLARED, (limited(503, ("Retry-After", "1")), OK), 2, 200),
        ("POST", DECLARED, (limited(429), OK), 1, 429),
        ("POST", DECLARED, (limited(503), OK), 1, 503),
        ("POST", DECLARED, (limited(502, ("Retry-After", "1")), OK), 1, 502),
        ("DELETE", DECLARED, (limited(502), OK), 1, 502),
        ("POST", DECLARED, (limited(429, ("Retry-After", "11")), OK), 1, 429),
        ("POST", KEYED, (limited(502), limited(429), OK), 1, 502),
    ],
)
def test_an_answer_or_a_lost_connection_is_repeated_only_when_that_is_safe(
    run: Run, method: str, retry: Retry | None, script: tuple[Behaviour, ...], arrivals: int, status: int
) -> None:
    with Toy(*script) as toy:
        response = run(timed(Clock(), request(toy.url(), method, b"{}" if method == "POST" else None), retry))
        assert (len(toy.requests), response.status) == (arrivals, status)


@pytest.mark.parametrize("retry", [None, DECLARED, KEYED])
@pytest.mark.parametrize("lost", [cut(b""), CUT])
def test_a_post_that_may_have_been_processed_is_not_repeated(
    run: Run, retry: Retry | None, lost: Behaviour
) -> None:
    with Toy(lost, OK) as toy:
        with pytest.raises((UpstreamUnreachable, UpstreamTruncated)):
            run(timed(Clock(), post(toy.url()), retry))
        assert len(toy.requests) == 1


@pytest.mark.parametrize("lost", [cut(b""), CUT, limited(502)])
def test_a_post_with_a_key_that_the_api_honours_is_repeated(run: Run, lost: Behaviour) -> None:
    with Toy(lost, OK) as toy:
        keyed = UpstreamRequest("POST", toy.url(), (("idempotency-key", "abc"),), b"{}")
        assert run(timed(Clock(), keyed, KEYED)).status == 200
        assert [received.header("idempotency-key") for received in toy.requests] == ["abc", "abc"]


@pytest.mark.parametrize(
    ("wanted", "retry", "pauses"), [("GET", None, 1), ("POST", None, 0), ("POST", DECLARED, 2)]
)
def test_what_never_left_may_be_tried_again(run: Run, wanted: str, retry: Retry | None, pauses: int) -> None:
    clock = Clock()
    with refusing() as origin, pytest.raises(UpstreamUnreachable):
        run(timed(clock, request(origin, wanted), retry))
    assert clock.slept == [0.125, 0.25][:pauses]


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        (("Retry-After", "2"), 2.0),
        (("Retry-After", formatdate(NOW + 3, usegmt=True)), 3.0),
        (("X-RateLimit-Reset", f"{NOW + 4:.0f}"), 4.0),
        (("X-RateLimit-Reset", f"{(NOW + 5) * 1000:.0f}"), 5.0),
    ],
)
def test_the_upstream_says_when_to_come_back(run: Run, header: tuple[str, str], pause: float) -> None:
    clock = Clock()
    with Toy(limited(429, header), OK) as toy:
        assert run(timed(clock, request(toy.url()), DECLARED)).status == 200
    assert clock.slept == [pause]


def test_repeats_end_with_the_deadline(run: Run) -> None:
    clock = Clock()
    with Toy(limited(429, ("Retry-After", "2")), stall()) as toy:
        with pytest.raises(UpstreamTimeout):
            run(timed(clock, request(toy.url()), DECLARED, timeout=3.5))
        assert clock.slept == [2.0]


# ------------------------------------------------------------------ the headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 -0000"}, 1792567680.0 - NOW),
        ({"retry-after": "soon", "x-ratelimit-reset": "7"}, 7.0),
        ({"X-RateLimit-Reset": "1790000010000"}, 10.0),
        ({"X-RateLimit-Reset": 1790000010000}, 10.0),
        ({"X-RateLimit-Reset": "1790000010"}, 10.0),
        ({"X-RateLimit-Reset": "1789999990"}, 0.0),
        ({"RateLimit-Reset": "12"}, 12.0),
        ({"Retry-After": "1790000010"}, 10.0),
        ({"Retry-After": "1790000010000"}, 10.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "\u0661"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.5s"}, 179.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "8",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1d2h",
                "x-ratelimit-remaining-images": "3",
                "x-ratelimit-reset-images": "9d",
            },
            93_600.0,
        ),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(NOW) + 42)}, 42.0),
        ({"ratelimit": '"default";r=0;t=45'}, 45.0),
        ({"ratelimit": '"burst";r=3;t=5, "day";r=0; t=3600, "hour";r=0;t=60'}, 3600.0),
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30.0),
        ({"ratelimit": "limit=100, remaining=7, reset=30"}, None),
        ({"x-ratelimit-reset-tokens": "6m0s"}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": datetime.fromtimestamp(NOW + 42, UTC).isoformat(),
            },
            42.0,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": f"{datetime.fromtimestamp(NOW - 9, UTC):%Y-%m-%dT%H:%M:%SZ}",
            },
            0.0,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9999-99-99T00:00:00Z"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, None),
    ],
)
def test_retry_after_reads_what_upstreams_write(headers: dict[str, object], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


NAMES = ["Retry-After", "retry-after-ms", "X-RateLimit-Reset", "x-ratelimit-reset-tokens"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.from_regex(r"[0-9.dhms:TZ-]{1,25}", fullmatch=True)))
@quick(deadline=None, max_examples=examples(150))
def test_retry_after_survives_anything(headers: dict[str, object]) -> None:
    seconds = retry_after({"x-ratelimit-remaining-tokens": "0"} | headers, NOW)
    assert seconds is None or seconds >= 0
