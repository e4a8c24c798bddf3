"""A call as figures and listeners get to know it: when it begins, what happens on the way, how it ends."""

import time
from collections.abc import Callable
from typing import Protocol

from agentos_runtime.calls.call import Call, Timings
from agentos_runtime.calls.metering import Meter
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.metrics.families import OTHER
from agentos_runtime.metrics.measured import Measured
from agentos_runtime.security.agents import Agents
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.activity.rows import Closing

USE = "use"
"""The name under which calls of any address of a service are counted."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One request to a service. Moments are nanoseconds since the epoch."""

    origin: str
    began: int
    ended: int
    """When it was answered, or failed; a stream may go on."""
    span: str | None = None
    """The id of its span, where the service was told one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    call: Call
    closing: Closing
    streamed: bool
    simulated: str | None = None
    """In a simulation: which case answered, and whether it was the very request."""
    skill: str = OTHER
    utility: str = OTHER
    """As they are called here; what is none is `other`."""
    began: int = 0
    ended: int = 0
    """Nanoseconds since the epoch."""
    exchanges: tuple[Exchanged, ...] = ()
    ignored: tuple[str, ...] = ()
    """Params that were not sent, by their names."""


class Noted(Protocol):
    """What was noted of a call besides."""

    @property
    def simulated(self) -> str | None: ...

    @property
    def ignored(self) -> tuple[str, ...]: ...


class Telling:
    """Makes a Watched of each call. Labels are what is known here: names that callers make up are `other`."""

    def __init__(self, measured: Measured, registry: Registry, limits: Limits, agents: Agents) -> None:
        self.measured = measured
        self.listeners: list[Callable[[Ended], object]] = []
        self._registry = registry
        self._limits = limits
        self._agents = agents

    def watch(self, call: Call) -> "Watched":
        return Watched(self, call)

    def names(self, call: Call) -> tuple[str, str]:
        """Skill and utility, as far as there are such; a call comes under the name that the file gives."""
        entry = self._registry.find(call.skill)
        if entry is None or entry.skill is None:
            return OTHER, OTHER
        if call.utility == USE:
            return call.skill, USE
        return call.skill, call.utility if call.utility in entry.skill.utilities else OTHER

    def agent(self, call: Call) -> str:
        """The agent, if the operator named it: bound to a token, or with limits of its own, as far as is known."""
        return call.agent if self._limits.names(call.agent) or self._agents.has_bound(call.agent) else OTHER


class Watched:
    """One call; what is told before it has begun, or after it has ended, is not counted."""

    def __init__(self, telling: Telling, call: Call) -> None:
        self._telling = telling
        self._call = call
        self._skill, self._utility = OTHER, OTHER
        self._streamed = False
        self._began = 0
        """Nothing is kept for listeners where there are none."""
        self._exchanges: list[Exchanged] = []

    def begun(self) -> None:
        self._skill, self._utility = self._telling.names(self._call)
        if self._telling.listeners:
            self._began = time.time_ns()
        self._telling.measured.in_flight.add((self._skill,))

    def streams(self) -> None:
        """The reply comes in pieces."""
        self._streamed = True
        self._telling.measured.streams.add((self._skill,))

    def first_event(self, timings: Timings) -> None:
        self._telling.measured.first_events.observe((self._skill, self._utility), timings.total_ms / 1e3)

    def exchanged(self, origin: str, seconds: float, span: str | None) -> None:
        """A request to the service was answered, or failed."""
        self._telling.measured.upstream.observe((self._skill, origin), seconds)
        if self._began:
            now = time.time_ns()
            self._exchanges.append(Exchanged(origin, now - round(seconds * 1e9), now, span))

    def ended(self, closing: Closing, meter: Meter, timings: Timings, refused_by: str | None, noted: Noted) -> None:
        measured, agent = self._telling.measured, self._telling.agent(self._call)
        skill, utility, outcome = self._skill, self._utility, closing.outcome
        measured.in_flight.add((skill,), -1)
        if self._streamed:
            measured.streams.add((skill,), -1)
        measured.calls.add((skill, utility, agent, outcome, closing.code or "", self._call.surface))
        if closing.duration_ms is not None:  # without the time in which a person was asked
            measured.durations.observe((skill, utility, outcome), closing.duration_ms / 1e3)
        measured.expressions.add((skill,), timings.expressions_ms / 1e3)
        if refused_by is not None:
            measured.refusals.add((refused_by, agent))
        self._count_usage(closing, meter, agent)
        if self._telling.listeners:
            self._tell(closing, noted)

    def _tell(self, closing: Closing, noted: Noted) -> None:
        ended = Ended(
            self._call,
            closing,
            self._streamed,
            noted.simulated,
            self._skill,
            self._utility,
            self._began,
            time.time_ns(),
            tuple(self._exchanges),
            noted.ignored,
        )
        for listen in self._telling.listeners:
            listen(ended)

    def _count_usage(self, closing: Closing, meter: Meter, agent: str) -> None:
        if meter.input_tokens is None and meter.output_tokens is None and meter.cost is None:
            return
        answered = closing.upstream_status is not None and 200 <= closing.upstream_status < 300
        named = meter.model if answered and closing.outcome == "ok" else None
        model = self._telling.measured.model(named) if named else OTHER
        labels = (self._skill, agent, model)
        self._telling.measured.count_tokens(
            labels,
            {
                "input": meter.input_tokens,
                "output": meter.output_tokens,
                "cached_input": meter.cached_input_tokens,
                "cache_write": meter.cache_write_tokens,
                "reasoning": meter.reasoning_tokens,
            },
        )
        if meter.cost is not None:
            self._telling.measured.cost.add(labels, meter.cost)
