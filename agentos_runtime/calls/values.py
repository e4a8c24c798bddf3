"""One expression over one body: the next cursor of a list, whether a job is done."""

from collections.abc import Mapping

from agentos_runtime.calls.evaluate import EMPTY, Empty, Value, single, walked
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.reply import failed_output, opening
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program, value_program
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Expression, PlainPath


@dataclass(frozen=True, slots=True)
class ValuePlan:
    """An expression, and its program unless it is a plain path."""

    expression: Expression
    program: Program | None


def plan_value(definitions: str, expression: Expression) -> ValuePlan:
    """Compile one expression. Pure."""
    plain = isinstance(expression, PlainPath)
    return ValuePlan(expression, None if plain else value_program(definitions, expression.source))


def value_input(
    program: Program, response: UpstreamResponse, params: dict[str, Json], settings: Mapping[str, Json]
) -> bytes:
    """The program's input; the body goes in as the upstream wrote it."""
    head: Json = {"status": response.status, "headers": dict(response.headers)}
    body = response.body if response.body.strip() else b"null"
    return b"".join([opening(program, params, settings, head), b'"body":', body, b"}"])


def read_value(plan: ValuePlan, body: Json, outcome: Outcome | None) -> Value:
    """The one value, or EMPTY. `outcome` None for a plain path. Raises ExpressionFailed, ExpressionLimit."""
    if isinstance(plan.expression, PlainPath):
        return walked(plan.expression, body)
    assert outcome is not None
    if outcome.failure is not None:
        raise failed_output((plan.expression,), outcome)
    return single(outcome.outputs[0], plan.expression) if outcome.outputs else EMPTY


def truthy(value: Value) -> bool:
    """As jq sees it: everything but null, false and nothing."""
    return not (isinstance(value, Empty) or value is None or value is False)
