"""A case as a test: the call goes through the real runtime, only the upstream is simulated."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jsonschema import Draft202012Validator

from agentos_runtime.calls.call import Call, Event, Reply
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.cases.compare import NOTHING, Difference, differences, missing_parts
from agentos_runtime.cases.matching import Address, read_address, see
from agentos_runtime.cases.model import Case
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.shapes import path_text
from agentos_runtime.runtime import Runtime

AGENT = "agentos-test"
CHAT_KEYS = frozenset({"content", "tool_calls", "stop_reason", "usage"})


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; no differences = it passed."""

    case: Case
    differences: tuple[Difference, ...]
    milliseconds: float

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(slots=True)
class OneCase:
    """A chooser that answers everything with the case under test, and keeps what was sent."""

    case: Case | None = None
    sent: list[UpstreamRequest] = field(default_factory=list)

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        assert self.case is not None
        self.sent.append(request)
        return self.case


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller got: a reply, or an error body; and the deltas of a stream."""

    reply: Json = None
    error: Mapping[str, Json] | None = None
    deltas: tuple[Json, ...] = ()


class CaseRunner:
    """Runs cases one after the other through a runtime whose upstream asks `stage`."""

    def __init__(self, runtime: Runtime, stage: OneCase, chat_reply: Mapping[str, Any]) -> None:
        self._runtime = runtime
        self._stage = stage
        self._chat_reply = Draft202012Validator(chat_reply)

    async def run(self, case: Case) -> CaseResult:
        """Make the case's call and compare what was sent and what came with what the case says."""
        self._stage.case, self._stage.sent = case, []
        call = Call(case.skill, case.utility.name, dict(case.params), AGENT, "case")
        started = time.monotonic()
        outcome = await (self._streamed(call) if case.streams else self._plain(call))
        milliseconds = (time.monotonic() - started) * 1000
        found = (
            *compare_request(case, self._stage.sent),
            *compare_outcome(case, outcome),
            *self._check_chat(case, outcome),
        )
        return CaseResult(case, found, milliseconds)

    async def _plain(self, call: Call) -> Outcome:
        try:
            return Outcome(_value(await self._runtime.invoke(call)))
        except AgentOSError as error:
            return Outcome(error=_error_body(error))

    async def _streamed(self, call: Call) -> Outcome:
        events: list[Event] = []
        try:
            stream = await self._runtime.stream(call)
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

    def _check_chat(self, case: Case, outcome: Outcome) -> Iterator[Difference]:
        """A utility that returns what every chat returns keeps to the canonical reply."""
        returns = case.utility.returns or {}
        properties = returns.get("properties")
        if outcome.error is not None or not isinstance(properties, dict) or not properties.keys() >= CHAT_KEYS:
            return
        for error in self._chat_reply.iter_errors(outcome.reply):
            path = path_text(("reply", *error.absolute_path))
            yield Difference(
                path, f"the canonical chat reply: {_wish(error.validator, error.validator_value)}", error.instance
            )


def compare_request(case: Case, sent: list[UpstreamRequest]) -> Iterator[Difference]:
    """What went upstream against what the case says must go."""
    wanted = case.request
    if not sent:
        yield Difference("request", f"{wanted.method} {wanted.url}", NOTHING)
        return
    request = sent[0]
    seen = see(request)
    same_place = partial(differences, wanted.method, seen.method, "request", "method")
    yield from same_place()
    yield from _compare_address(read_address(wanted.url), seen.address)
    headers = {name.lower(): text for name, text in request.headers}
    yield from missing_parts({**wanted.headers}, {**headers}, "request", "headers")
    if wanted.states_body:
        yield from differences(wanted.body, seen.body if seen.has_body else NOTHING, "request", "body")


def _compare_address(wanted: Address, seen: Address) -> Iterator[Difference]:
    yield from differences(wanted.origin + wanted.path, seen.origin + seen.path, "request", "url")
    yield from differences(_query(wanted), _query(seen), "request", "query")


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


def _value(reply: Reply) -> Json:
    return reply.value if reply.raw is None else reply.raw.body.decode("utf-8", "replace")


def _error_body(error: AgentOSError) -> dict[str, Json]:
    return {"status": error.status, **error.as_json()}


def _wish(rule: Any, value: Any) -> str:
    return f"{rule} {value}" if isinstance(value, str | int | list) else str(rule)
