"""The reply of a whole stream, made by `stream.reply` of what its deltas add up to."""

from collections.abc import Callable, Mapping

from agentos_runtime.calls.adding.halves import hide, rejoin
from agentos_runtime.calls.deltas import StreamPlan
from agentos_runtime.calls.evaluate import EMPTY, Empty, expression_failed, single
from agentos_runtime.calls.reply import failed_output, known_to, opening
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json, dump


def final_input(
    program: Program,
    total: Json,
    params: dict[str, Json],
    settings: Mapping[str, Json],
    response: Json,
    made_of: Callable[[dict[str, Json], Callable[[], bytes], bytes], ProgramInput],
) -> tuple[bytes | ProgramInput, int]:
    """The input of `reply_program`, and where the characters begin that stand for halves in it, or 0.

    They are in a provider's own blocks, which are put together by the program. made_of: makes an input of
    a document, of what writes it, and of what is new in it as text.
    """
    text = dump(total)

    def head() -> bytes:
        return opening(program, params, settings, response)

    def write() -> bytes:
        return b"".join([head(), b'"body":', shown, b"}"])

    shown, first = hide(text, head)
    if first:
        return write(), first
    return made_of({**known_to(program, params, settings, response), "body": total}, write, text), 0


def read_final(plan: StreamPlan, total: Json, outcome: Outcome | None, *, hidden: int = 0) -> Json:
    """The reply of a whole stream. Raises ExpressionFailed, ExpressionLimit."""
    reply = plan.stream.reply
    if reply is None or outcome is None:
        return total
    if outcome.failure:
        raise failed_output([reply], outcome)
    value = single(outcome.outputs[0], reply) if outcome.outputs else EMPTY
    if isinstance(value, Empty):
        raise expression_failed(reply, "gives no output where one is needed")
    return rejoin(value, hidden) if hidden else value
