"""What each stage of a call gave, for whoever wants to see: stage by stage, without secrets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from agentos_runtime.calls.deltas import Batch, StreamPlan
from agentos_runtime.calls.reply import Body, ReplyPlan
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import PathError, walk
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.manifest.model import Expression, Jq, PlainPath

Trace: TypeAlias = Callable[[str, Json], None]
"""Gets the stage's name and what it gave: jq (which way a program ran), params, page, request, response, body,
error, root, transform, mapping, mismatch, reply; for a stream, an `event` with `data` and what its jq `gave`."""

Stages: TypeAlias = Iterator[tuple[str, Json]]


def response_stages(status: int, headers: Mapping[str, str], body: bytes | None = None) -> Stages:
    """`{status, headers, body}`; without the body while it streams."""
    stage: dict[str, Json] = {"status": status, "headers": dict(headers)}
    yield "response", stage if body is None else stage | {"body": readable(body)}


def reply_stages(plan: ReplyPlan, body: Body, outcome: Outcome | None) -> Stages:
    """What `error`, `root`, `transform` and `mapping` gave, as far as the program came."""
    response = plan.response
    given = dict(zip(plan.outputs, outcome.outputs if outcome else (), strict=False))
    if isinstance(response.error, Jq | PlainPath):
        yield from _stage("error", response.error, body.whole, given)
    if response.root is not None:
        yield "root", body.rooted
    result = body.rooted
    if response.transform is not None:
        transformed = [*_stage("transform", response.transform, body.rooted, given)]
        yield from transformed
        if not transformed:
            return
        result = transformed[0][1]
    fields = {name: value for name, each in response.mapping for _, value in _stage(name, each, result, given)}
    if fields:
        yield "mapping", fields


def event_stages(plan: StreamPlan, batch: Batch, outcome: Outcome) -> Stages:
    """Each event of a batch, and what `error`, `delta` and `end` gave for it."""
    names = [_role(plan, expression) for expression in plan.outputs]
    width = len(names)
    for number, text in enumerate(batch.texts):
        outputs = outcome.outputs[number * width : (number + 1) * width]
        gave: dict[str, Json] = {
            name: output[0]
            for name, output in zip(names, outputs, strict=False)
            if isinstance(output, list) and output
        }
        yield "event", {"data": readable(text), "gave": gave}


def readable(data: bytes) -> Json:
    """JSON when it is, else text."""
    try:
        return parse(data)
    except JsonTextError:
        return data.decode("utf-8", "replace")


def _stage(name: str, expression: Expression, document: Json, given: Mapping[Expression, Json]) -> Stages:
    """The stage, unless its expression was not reached or gave nothing."""
    outputs = given.get(expression, _walked(expression, document))
    if isinstance(outputs, Sequence) and outputs:
        yield name, outputs[0]


def _walked(expression: Expression, document: Json) -> Json:
    if not isinstance(expression, PlainPath):
        return None
    try:
        return [walk(expression.steps, document)]
    except PathError:
        return None


def _role(plan: StreamPlan, expression: Expression) -> str:
    stream = plan.stream
    return "delta" if expression is stream.delta else "end" if expression is stream.end else "error"
