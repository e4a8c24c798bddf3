"""What is counted while calls go on."""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from agentos_runtime.metrics.families import OTHER, Family, Histogram

MOST_MODELS = 200
TokenType: TypeAlias = Literal["input", "output", "cached_input", "cache_write", "reasoning"]


class Measured:
    """The figures of one process. Labels are given by whoever knows which of them are bounded."""

    def __init__(self) -> None:
        self._dropped = Family(
            "agentos_metrics_series_dropped_total",
            "Values counted under other labels because there were too many series",
            "counter",
        )
        self._dropped.add((), 0)
        self._models: set[str] = set()
        self.calls = self._counter(
            "agentos_calls_total", "Calls that ended", "skill", "utility", "agent", "outcome", "code", "surface"
        )
        self.durations = self._histogram(
            "agentos_call_duration_seconds", "From a call's start to its end", "skill", "utility", "outcome"
        )
        self.upstream = self._histogram(
            "agentos_upstream_duration_seconds", "Until a service answered one request", "skill", "origin"
        )
        self.first_events = self._histogram(
            "agentos_time_to_first_event_seconds", "Until a stream gave its first event", "skill", "utility"
        )
        self.expressions = self._counter(
            "agentos_expression_seconds_total", "Time in expressions of skills", "skill"
        )
        self.tokens = self._counter(
            "agentos_tokens_total", "Tokens, as services count them", "skill", "agent", "model", "type"
        )
        self.cost = self._counter(
            "agentos_cost_dollars_total", "Cost in US dollars, as services say", "skill", "agent", "model"
        )
        self.refusals = self._counter(
            "agentos_refusals_total", "Calls that a limit or safeguard refused", "reason", "agent"
        )
        self.in_flight = self._gauge("agentos_calls_in_flight", "Calls under way", "skill")
        self.streams = self._gauge("agentos_streams_open", "Streams under way", "skill")

    def model(self, given: str) -> str:
        """The label for a model that a service named: the first 200 stand for themselves."""
        if given not in self._models:
            if len(self._models) >= MOST_MODELS:
                self._drop()
                return OTHER
            self._models.add(given)
        return given

    def count_tokens(self, labels: tuple[str, str, str], counts: Mapping[TokenType, int | None]) -> None:
        """labels: skill, agent, model."""
        for kind, count in counts.items():
            if count is not None:
                self.tokens.add((*labels, kind), count)

    def lines(self) -> Iterator[str]:
        for family in (
            self.calls, self.durations, self.upstream, self.first_events, self.expressions, self.in_flight,
            self.streams, self.tokens, self.cost, self.refusals, self._dropped,
        ):  # fmt: skip
            yield from family.lines()

    def _counter(self, name: str, about: str, *labels: str) -> Family:
        return Family(name, about, "counter", labels, self._drop)

    def _gauge(self, name: str, about: str, *labels: str) -> Family:
        return Family(name, about, "gauge", labels, self._drop)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, self._drop)

    def _drop(self) -> None:
        self._dropped.add()
