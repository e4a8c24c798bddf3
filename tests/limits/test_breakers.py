"""An origin that does not answer is left alone for a while."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentos_runtime.errors import (
    AgentOSError,
    ApprovalRequired,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from agentos_runtime.limits.circuit_breaker import BreakerSettings, CircuitBreakers
from tests.limits.support import limited_house, priced
from tests.toy.raw import answer

ORIGIN = "https://api.example.com"
STRICT = BreakerSettings(failures=3, over=0, pause=10)


@dataclass
class Origin:
    """Calls one origin through a breaker; `now` are its seconds."""

    settings: BreakerSettings = STRICT
    now: float = 1000.0
    circuit_breakers: CircuitBreakers = field(init=False)

    def __post_init__(self) -> None:
        self.circuit_breakers = CircuitBreakers(self.settings, clock=lambda: self.now)

    def call(self, outcome: int | AgentOSError, origin: str = ORIGIN) -> AgentOSError | None:
        """What a caller gets: None when the upstream answered, else the error."""
        try:
            with self.circuit_breakers.attempt(origin) as attempt:
                if isinstance(outcome, AgentOSError):
                    raise outcome
                attempt.status = outcome
        except AgentOSError as error:
            return error
        return None

    def left_alone(self) -> bool:
        return isinstance(self.call(200), UpstreamUnavailable)


@pytest.mark.parametrize(
    "failure", [500, 503, 529, UpstreamUnreachable("x"), UpstreamTimeout("x"), UpstreamTruncated("x")]
)
def test_it_opens_after_failures_in_a_row_and_says_when_it_tries_again(failure: int | AgentOSError) -> None:
    origin = Origin()
    for _ in range(3):
        assert not isinstance(origin.call(failure), UpstreamUnavailable)
    origin.now += 4
    error = origin.call(200)
    assert isinstance(error, UpstreamUnavailable)
    assert error.retry_after == 6
    assert error.message == (
        "https://api.example.com failed 3 times in a row, so its circuit is open: nothing was sent. "
        "The next try is possible in 6 s."
    )
    assert origin.call(200, "https://other.example.com") is None


@pytest.mark.parametrize(
    "answered", [200, 400, 401, 404, 429, UpstreamInvalid("x"), ApprovalRequired("x")], ids=str
)
def test_what_the_caller_or_the_operator_can_mend_opens_nothing(answered: int | AgentOSError) -> None:
    origin = Origin()
    for _ in range(20):
        origin.call(answered)
    assert not origin.left_alone()


def test_one_answer_between_failures_begins_the_count_anew() -> None:
    origin = Origin()
    for outcome in (500, 500, 404, 500, 500):
        origin.call(outcome)
    assert not origin.left_alone()


def test_one_call_probes_after_the_pause_and_its_answer_closes_the_breaker() -> None:
    origin = Origin()
    for _ in range(3):
        origin.call(500)
    origin.now += 10
    with origin.circuit_breakers.attempt(ORIGIN) as probe:
        refused = origin.call(200)
        assert isinstance(refused, UpstreamUnavailable)
        assert refused.retry_after == 1
        probe.status = 200
    assert not origin.left_alone()
    assert origin.call(500) is None
    assert not origin.left_alone()


def test_probes_that_fail_come_less_and_less_often_but_every_two_minutes() -> None:
    origin = Origin()
    for _ in range(3):
        origin.call(500)
    waits = []
    for _ in range(6):
        error = origin.call(200)
        assert isinstance(error, UpstreamUnavailable)
        waits.append(error.retry_after)
        origin.now += error.retry_after or 0
        origin.call(UpstreamTimeout("x"))
    assert waits == [10, 20, 40, 80, 120, 120]


def test_a_probe_that_was_given_up_lets_the_next_one_try() -> None:
    origin = Origin()
    for _ in range(3):
        origin.call(500)
    origin.now += 10
    with pytest.raises(KeyboardInterrupt), origin.circuit_breakers.attempt(ORIGIN):
        raise KeyboardInterrupt
    assert origin.call(200) is None


def test_many_failures_within_a_moment_are_no_outage_by_default() -> None:
    origin = Origin(BreakerSettings())
    for _ in range(500):
        origin.call(500)
        origin.now += 0.01
    assert origin.call(500) is None
    origin.now += 30
    origin.call(500)
    assert origin.left_alone()


def test_it_can_be_turned_off() -> None:
    origin = Origin(BreakerSettings(enabled=False, failures=1, over=0))
    assert [origin.call(500) for _ in range(5)] == [None] * 5


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_sent_to_an_origin_that_is_left_alone(tmp_path: Path, stream: bool) -> None:
    breaker = {"failures": 2, "over": 0, "pause": 60}
    with limited_house(tmp_path, answer(500, b"{}"), breaker=breaker) as (house, toy):
        codes = [house.call("toy", "ask", {"stream": stream}).json()["code"] for _ in range(2)]
        refused = house.call("toy", "ask", {"stream": stream})
        assert codes == ["upstream_failed", "upstream_failed"]
        assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unavailable")
        assert 58 <= int(refused.headers["retry-after"]) <= 60
        assert len(toy.requests) == 2


def test_a_probe_finds_out_that_the_service_is_back(tmp_path: Path) -> None:
    script, breaker = (answer(500), answer(500), priced(0)), {"failures": 2, "over": 0, "pause": 0.001}
    with limited_house(tmp_path, *script, breaker=breaker) as (house, toy):
        assert [house.call("toy", "ask").status_code for _ in range(2)] == [502, 502]
        while house.call("toy", "ask").status_code == 503:
            continue
        assert house.call("toy", "ask").status_code == 200
        assert len(toy.requests) == 4
