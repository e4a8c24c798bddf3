"""A bundled skill's utility without a network: what it would send, and what it makes of an answer."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agentos_runtime.calls.accumulate import ACCUMULATORS
from agentos_runtime.calls.adding.late import late_words
from agentos_runtime.calls.adding.whole import final_input, read_final
from agentos_runtime.calls.deltas import (
    Batch,
    StreamPlan,
    add_deltas,
    batch_input,
    batch_text,
    check_said_something,
    is_complete,
    read_events,
    soon_ends,
    stream_head,
    whole_events,
)
from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.events import DECODERS, UpstreamEvent
from agentos_runtime.calls.formats.unread import json_response
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.calls.reply import error_input, failed_response, is_failed, read_body, read_reply, reply_input
from agentos_runtime.calls.requests.drafting import Draft, document, draft_request, plain_documents
from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.calls.requests.judging import ParamsPlan, check_refusal, ignored_params, seen_by
from agentos_runtime.calls.requests.placeholders import Placeholders
from agentos_runtime.errors import InvalidParams, UpstreamTruncated
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.pool import Verdict, WorkerPool
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.result import ExpressionCheck, LoadResult
from agentos_runtime.manifest.schema import ManifestSchema

ROOT = Path(__file__).resolve().parents[2]
SKILLS = ROOT / "skills"
SCHEMAS = ROOT / "schemas"
NOW = 1_790_000_000.0


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


@cache
def load(skill: str) -> LoadResult:
    """A skill of this repository, loaded once."""
    file = SKILLS / skill / "readme.md"
    return load_skill(
        file.read_bytes(),
        schema=ManifestSchema(schema("manifest")),
        file=file,
        folder=file.parent,
        siblings=[entry.name for entry in file.parent.iterdir()],
        read_part=lambda name: (file.parent / name).read_bytes(),
    )


class Expressions:
    """Worker processes that live as long as a test module; calls are synchronous."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._pool = WorkerPool(size=1)
        self._runner.run(self._pool.__aenter__())
        self._wires: dict[tuple[str, str], Wire] = {}

    def wire(self, skill: str, utility: str = "chat") -> "Wire":
        """The wire of a utility; loaded once."""
        if (skill, utility) not in self._wires:
            self._wires[skill, utility] = Wire(self, skill, utility)
        return self._wires[skill, utility]

    def close(self) -> None:
        self._runner.run(self._pool.__aexit__(None, None, None))
        self._runner.close()

    def run(self, program: Program | None, text: bytes) -> Any:
        assert program is not None
        return self._runner.run(self._pool.run(program, text))

    def problem(self, check: ExpressionCheck) -> Verdict:
        """What is wrong with an expression of a manifest."""
        return self._runner.run(self._pool.check([check]))[0]


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a caller of a stream sees: the deltas, and what `done` holds."""

    deltas: list[Any]
    done: Any


class Wire:
    """One utility between its caller and its upstream."""

    def __init__(self, expressions: Expressions, skill: str, utility: str = "chat") -> None:
        self._expressions = expressions
        loaded = load(skill).skill
        assert loaded is not None
        self.plan: CallPlan = plan_call(loaded, loaded.utilities[utility], loaded.settings)

    def params(self, given: dict[str, Json]) -> dict[str, Json]:
        return check_params(self.plan.utility, given)

    def draft(self, given: dict[str, Json], *, streaming: bool = False) -> Draft:
        """The request, without its secret."""
        plan = self.plan.stream_request if streaming else self.plan.request
        seen = document(self.params(given), self.plan.settings, Placeholders(), given)
        outputs: Sequence[Json] = ()
        if plan.program:
            outcome = self._expressions.run(plan.program, dump(seen))
            assert outcome.failure is None, outcome.failure
            outputs = outcome.outputs
        plain = plain_documents(plan, seen) if plan.url_program else []
        urls = [url for text in plain for url in self._expressions.run(plan.url_program, text).outputs]
        return draft_request(plan, Inputs(seen, outputs), streaming=streaming, plain_urls=urls)

    def _judged(self, given: dict[str, Json]) -> tuple[ParamsPlan, Inputs]:
        plan = self.plan.params
        assert plan is not None
        seen = seen_by(self.params(given), self.plan.settings, given)
        outcome = self._expressions.run(plan.program, dump(seen)) if plan.program else None
        assert outcome is None or outcome.failure is None, outcome.failure
        return plan, Inputs(seen, outcome.outputs if outcome else ())

    def refusal(self, given: dict[str, Json]) -> str | None:
        """The sentence with which the manifest refuses these params."""
        refused = self.refused(given)
        return refused.message if refused else None

    def refused(self, given: dict[str, Json]) -> InvalidParams | None:
        """What is wrong with these params, by what the manifest declares or says."""
        try:
            self.params(given)
            if self.plan.params is not None:
                check_refusal(*self._judged(given))
        except InvalidParams as refused:
            return refused
        return None

    def ignored(self, given: dict[str, Json]) -> tuple[str, ...]:
        """The params that are not sent."""
        return ignored_params(*self._judged(given), given) if self.plan.params else ()

    def body(self, given: dict[str, Json], *, streaming: bool = False) -> Any:
        return self.draft(given, streaming=streaming).body

    def reply(self, given: dict[str, Json], answer: Json | bytes, status: int = 200) -> Any:
        """What the caller gets. Raises AgentOSError."""
        text = answer if isinstance(answer, bytes) else dump(answer)
        plan = self.plan.reply
        response = UpstreamResponse(status, {"content-type": "application/json"}, text)
        if is_failed(response):
            question = error_input(plan, response, self.plan.settings)
            program = plan.error_program
            said = self._expressions.run(program, question) if program and question else None
            raise failed_response(plan, response, said, NOW)
        body = read_body(plan, json_response(plan.service, plan.utility, response), NOW)
        outcome = None
        if plan.program:
            outcome = self._expressions.run(
                plan.program, reply_input(plan, body, self.params(given), self.plan.settings)
            )
        return read_reply(plan, body, outcome, NOW)

    def stream(self, given: dict[str, Json], told: bytes | Sequence[bytes]) -> Streamed:
        """What the caller of a stream gets for these bytes, all at once or in packets. Raises AgentOSError."""
        plan = self.plan.stream
        assert plan is not None
        params = self.params(given)
        response: Json = {"status": 200, "headers": {}}
        head = stream_head(plan, params, self.plan.settings, response)
        accumulator = ACCUMULATORS[plan.stream.accumulate]()
        news: list[Json] = []
        ended = may_end = False
        for events in _arriving(plan, told):
            batch: Batch = read_events(plan, events, NOW)
            outcome = self._expressions.run(plan.program, batch_input(head, batch_text(batch)))
            deltas = add_deltas(plan, batch, outcome, accumulator, NOW)
            if deltas.failure:
                raise deltas.failure
            news += deltas.news
            ended = deltas.ended
            may_end = may_end or any(soon_ends(plan, outcome.outputs))
            if ended:
                break
        news += accumulator.flush()
        total = accumulator.total()
        if not is_complete(plan, total, ended or may_end):
            raise UpstreamTruncated("the stream has no end")
        final, hidden = None, 0
        if plan.reply_program:
            program, settings = plan.reply_program, self.plan.settings
            made, hidden = final_input(program, total, params, settings, response, _input_of)
            final = self._expressions.run(program, made if isinstance(made, bytes) else made.text)
        reply = read_final(plan, total, final, hidden=hidden)
        check_said_something(plan, total, reply)
        late = late_words(total, reply) if plan.stream.accumulate == "chat" else None
        return Streamed([*news, late] if late else news, reply)


def _input_of(document: dict[str, Json], write: Callable[[], bytes], text: bytes) -> ProgramInput:
    return ProgramInput(document, (), write)


def _arriving(plan: StreamPlan, told: bytes | Sequence[bytes]) -> Iterator[list[UpstreamEvent]]:
    """The events that are complete with each packet, and those that the end completes."""
    decoder = DECODERS[plan.stream.format](64 * 1024 * 1024)
    if isinstance(told, bytes):
        yield decoder.feed(told) + decoder.end()
        return
    for packet in told:
        if events := decoder.feed(packet):
            yield events
    if rest := whole_events(plan, decoder.end()):
        yield rest


def sse(*payloads: Any, done: str | None = None) -> bytes:
    """Payloads as server-sent events, and the end mark when there is one."""
    blocks = [f"data: {json.dumps(payload)}\n\n" for payload in payloads]
    return "".join([*blocks, f"data: {done}\n\n" if done else ""]).encode()


def ndjson(*payloads: Any) -> bytes:
    return "".join(json.dumps(payload) + "\n" for payload in payloads).encode()


def case_bytes(response: dict[str, Any]) -> bytes:
    """The bytes of a case's `events`, as `schemas/case.schema.json` says."""
    lines = response.get("headers", {}).get("content-type") == "application/x-ndjson"
    return "".join(_event_text(event, lines=lines) for event in response["events"]).encode()


def _event_text(event: dict[str, Any], *, lines: bool) -> str:
    if "raw" in event:
        return str(event["raw"])
    if "comment" in event:
        return f": {event['comment']}\n\n"
    data = event["data"] if isinstance(event["data"], str) else dump(event["data"]).decode()
    if lines:
        return f"{data}\n"
    return (f"event: {event['event']}\n" if "event" in event else "") + f"data: {data}\n\n"
