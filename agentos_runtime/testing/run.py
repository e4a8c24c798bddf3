"""Cases as tests: each call goes through the real runtime, only the upstream is simulated."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import field, replace
from typing import Any

from jsonschema import Draft202012Validator

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.call import Call, Event, Reply
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.config.settings import Settings
from agentos_runtime.diagnostics import problem_json
from agentos_runtime.errors import AgentOSError, ParamProblem, UpstreamUnreachable
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.shapes import path_text
from agentos_runtime.resources import read_schema
from agentos_runtime.runtime import Runtime
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.skills.entries import broken_error
from agentos_runtime.skills.loading import early
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import did_you_mean
from agentos_runtime.testing.compare import NOTHING, Difference, differences, missing_parts
from agentos_runtime.testing.matching import Address, read_address, see
from agentos_runtime.testing.model import Case, CaseFile, SentRequest
from agentos_runtime.testing.simulation import SkippedTime, home_for_a_while, simulation
from agentos_runtime.testing.store import CaseStore
from agentos_runtime.testing.tokens import SimulatedTokens

AGENT = "agentos-test"
CHAT_KEYS = frozenset({"content", "tool_calls", "stop_reason", "usage"})


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; no differences = it passed."""

    case: Case
    differences: tuple[Difference, ...]
    milliseconds: float
    mismatches: tuple[ParamProblem, ...] = ()
    """What of the reply is not as the utility's `returns` says, where nobody has proved that."""

    @property
    def passed(self) -> bool:
        return not self.differences


class NotRun(ValueError):
    """The cases of a skill cannot be run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class CaseRun:
    """A case file, and how its case went; no result = it cannot be run."""

    file: CaseFile
    result: CaseResult | None

    @property
    def passed(self) -> bool:
        return self.result is not None and self.result.passed

    def as_json(self) -> dict[str, Json]:
        case, result = self.file.case, self.result
        return {
            "skill": self.file.skill,
            "utility": case.utility.name if case else None,
            "case": self.file.file.stem,
            "file": str(self.file.file),
            "description": case.description if case else None,
            "passed": self.passed,
            "ms": round(result.milliseconds, 1) if result else None,
            "differences": [found.as_json() for found in result.differences] if result else [],
            "mismatches": [f"{each.path or 'the reply'} {each.message}" for each in result.mismatches]
            if result
            else [],
            "problems": [problem_json(problem) for problem in self.file.problems],
        }


@dataclass(frozen=True, slots=True)
class CasesReport:
    """How all cases went, skill by skill."""

    runs: tuple[CaseRun, ...]
    without: tuple[str, ...]
    """Skills that were named and have no cases."""

    @property
    def passed(self) -> int:
        return sum(each.passed for each in self.runs)

    @property
    def failed(self) -> int:
        return len(self.runs) - self.passed

    def as_json(self) -> dict[str, Json]:
        cases: list[Json] = [each.as_json() for each in self.runs]
        return {"cases": cases, "passed": self.passed, "failed": self.failed}


@dataclass(slots=True)
class OneCase:
    """A chooser that answers with the case under test, its exchanges in order, and keeps what was sent."""

    case: Case | None = None
    sent: list[UpstreamRequest] = field(default_factory=list)

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        assert self.case is not None
        self.sent.append(request)
        count = len(self.case.exchanges)
        if len(self.sent) > count and self.case.listed:
            raise UpstreamUnreachable(f"The case {self.case.name} ends after {count} exchanges")
        return self.case.alone(min(len(self.sent), count) - 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller got: a reply, or an error body; and the deltas of a stream."""

    reply: Json = None
    error: Mapping[str, Json] | None = None
    deltas: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A simulated runtime that answers with one case at a time."""

    runtime: Runtime
    runner: "CaseRunner"
    store: CaseStore


@asynccontextmanager
async def playing(settings: Settings) -> AsyncIterator[Stage]:
    """The skills as their authors wrote them, in a home for a while. Raises what `open_runtime` raises."""
    one = OneCase()
    stores: list[CaseStore] = []
    kept: list[SimulatedTokens] = []
    with home_for_a_while(replace(settings, skill_settings={})) as elsewhere:
        dependencies = simulation(
            chooser=one,
            seen=stores.append,
            clocks=SkippedTime().clocks(),
            home=elsewhere.home,
            cases=lambda: () if one.case is None else (one.case,),
            tokens=kept.append,
        )
        async with open_runtime(elsewhere, {}, watch=False, dependencies=dependencies) as runtime:
            yield Stage(runtime, CaseRunner(runtime, one, kept[0], read_schema("chat-reply")), stores[0])


async def run_cases(settings: Settings, skills: Sequence[str] = ()) -> CasesReport:
    """Run the cases of these skills, or of all; as their authors wrote them, without the operator's settings.

    No network, no key, and nothing is written to the home. Raises NotRun for a skill that is not there or cannot be
    loaded, and what `open_runtime` raises.
    """
    async with playing(settings) as stage:
        check_names(stage.runtime.registry, skills)
        runs = [
            CaseRun(file, await stage.runner.run(file.case) if file.case else None)
            for file in stage.store.files(skills)
        ]
    having = {each.file.skill for each in runs}
    return CasesReport(tuple(runs), tuple(name for name in skills if name not in having))


def check_names(registry: Registry, skills: Sequence[str]) -> None:
    """Raises NotRun for a skill that is not there, is broken or is still being loaded."""
    entries = {entry.id: entry for entry in registry.entries}
    for unknown in registry.loading:
        if not skills or unknown.id in skills:
            raise NotRun(str(early(unknown.id, [unknown])))
    for name in skills:
        if name not in entries:
            raise NotRun(f"There is no skill {name!r}{did_you_mean(name, entries)}")
        if entries[name].skill is None:
            raise NotRun(f"{broken_error(entries[name]).message}. See: agentos check {entries[name].file}")


class CaseRunner:
    """Runs cases one after the other through a runtime whose upstream asks `stage`."""

    def __init__(
        self, runtime: Runtime, stage: OneCase, tokens: SimulatedTokens, chat_reply: Mapping[str, Any]
    ) -> None:
        self._runtime = runtime
        self._stage = stage
        self._tokens = tokens
        self._chat_reply = Draft202012Validator(chat_reply)

    async def run(self, case: Case) -> CaseResult:
        """Make the case's call and compare what was sent and what came with what the case says."""
        started = time.monotonic()
        outcome = await self.play(case)
        milliseconds = (time.monotonic() - started) * 1000
        found = (
            *compare_requests(case, self._stage.sent),
            *compare_outcome(case, outcome),
            *self._check_chat(case, outcome),
        )
        return CaseResult(case, found, milliseconds, _mismatches(case.utility, outcome))

    @property
    def sent(self) -> Sequence[UpstreamRequest]:
        """What went upstream in the last call."""
        return self._stage.sent

    async def play(self, case: Case, *, streaming: bool | None = None) -> Outcome:
        """Make the case's call, as a stream or not whatever the case says; `sent` is what went upstream then."""
        self._stage.case, self._stage.sent = case, []
        self._tokens.begin()
        call = Call(case.skill, case.utility.name, dict(case.params), AGENT, "case")
        streams = case.streams if streaming is None else streaming
        return await (streamed_outcome if streams else plain_outcome)(self._runtime, call)

    def _check_chat(self, case: Case, outcome: Outcome) -> Iterator[Difference]:
        """A utility that returns what every chat returns keeps to the canonical reply."""
        if outcome.error is not None or not is_chat(case.utility):
            return
        for error in self._chat_reply.iter_errors(outcome.reply):
            path = path_text(("reply", *error.absolute_path))
            yield Difference(
                path, f"the canonical chat reply: {_wish(error.validator, error.validator_value)}", error.instance
            )


def is_chat(utility: Utility) -> bool:
    """Whether it returns what every chat returns."""
    properties = (utility.returns or {}).get("properties")
    return isinstance(properties, dict) and properties.keys() >= CHAT_KEYS


async def plain_outcome(runtime: Runtime, call: Call, trace: Trace | None = None) -> Outcome:
    """What a plain call gives its caller."""
    try:
        return Outcome(_value(await runtime.invoke(call, trace=trace)))
    except AgentOSError as error:
        return Outcome(error=_error_body(error))


async def streamed_outcome(runtime: Runtime, call: Call, trace: Trace | None = None) -> Outcome:
    """What a streamed call gives its caller."""
    events: list[Event] = []
    try:
        stream = await runtime.stream(call, trace=trace)
    except AgentOSError as error:
        return Outcome(error=_error_body(error))
    try:
        async for batch in stream:
            events += batch
    finally:
        await stream.aclose()
    *deltas, last = events
    seen = tuple(event.data for event in deltas)
    if last.name == "error" and isinstance(last.data, dict):
        return Outcome(error=last.data, deltas=seen)
    return Outcome(last.data, deltas=seen)


Path = tuple[str | int, ...]


def compare_requests(case: Case, sent: list[UpstreamRequest]) -> Iterator[Difference]:
    """What went upstream against what the case says must go, in order; listed exchanges with their lines."""
    for index, exchange in enumerate(case.exchanges):
        path: Path = ("exchanges", index, "request") if case.listed else ("request",)
        found = _compare_request(exchange.request, sent[index] if index < len(sent) else None, path)
        yield from (replace(each, line=exchange.line) for each in found) if case.listed else found
    if case.listed and len(sent) > (count := len(case.exchanges)):
        further = see(sent[count])
        what = f"{further.method} {further.address.origin}{further.address.path}"
        more = f", and {len(sent) - count - 1} more" if len(sent) > count + 1 else ""
        line = case.exchanges[-1].line if case.exchanges else None
        yield Difference(path_text(("exchanges", count)), NOTHING, what + more, line)


def _compare_request(wanted: SentRequest, request: UpstreamRequest | None, path: Path) -> Iterator[Difference]:
    if request is None:
        yield Difference(path_text(path), f"{wanted.method} {wanted.url}", NOTHING)
        return
    seen = see(request)
    yield from differences(wanted.method, seen.method, *path, "method")
    yield from _compare_address(read_address(wanted.url), seen.address, path)
    headers = {name.lower(): text for name, text in request.headers}
    yield from missing_parts({**wanted.headers}, {**headers}, *path, "headers")
    if wanted.states_body:
        yield from differences(wanted.body, seen.body if seen.has_body else NOTHING, *path, "body")


def _compare_address(wanted: Address, seen: Address, path: Path) -> Iterator[Difference]:
    yield from differences(wanted.origin + wanted.path, seen.origin + seen.path, *path, "url")
    yield from differences(_query(wanted), _query(seen), *path, "query")


def _query(address: Address) -> Json:
    """A key's value, or its values when it is repeated."""
    found: dict[str, list[Json]] = {}
    for name, text in address.query:
        found.setdefault(name, []).append(text)
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in found.items()}


def compare_outcome(case: Case, outcome: Outcome) -> Iterator[Difference]:
    """What the caller got against what the case says."""
    if case.error is not None:
        if outcome.error is None:
            yield Difference("error", {**case.error}, NOTHING)
            yield Difference("reply", NOTHING, outcome.reply)
        else:
            yield from missing_parts(case.error, outcome.error, "error")
    elif outcome.error is not None:
        yield Difference("reply", case.reply, NOTHING)
        yield Difference("error", NOTHING, {**outcome.error})
    else:
        yield from differences(case.reply, outcome.reply, "reply")
    if case.deltas is not None:
        yield from differences(case.deltas, list(outcome.deltas), "deltas")


def _mismatches(utility: Utility, outcome: Outcome) -> tuple[ParamProblem, ...]:
    if outcome.error is not None or utility.strict_returns or utility.reply_shape is None:
        return ()
    return tuple(utility.reply_shape.problems(outcome.reply))


def _value(reply: Reply) -> Json:
    return reply.value if reply.raw is None else reply.raw.body.decode("utf-8", "replace")


def _error_body(error: AgentOSError) -> dict[str, Json]:
    return {"status": error.status, **error.as_json()}


def _wish(rule: Any, value: Any) -> str:
    return f"{rule} {value}" if isinstance(value, str | int | list) else str(rule)
