"""What the last event of a chat told: a piece of the reply, or why there is none."""

from collections.abc import Callable, Sequence

from agentos_runtime.calls.adding.silence import says_nothing
from agentos_runtime.calls.deltas import StreamPlan, is_complete
from agentos_runtime.calls.failures import failure_error, words_failure
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json, is_json, parse


def failure_at_the_mark(plan: StreamPlan, total: Json, last: Json, now: float) -> AgentOSError | None:
    """The failure that the last event of a chat tells in place of a piece; gateways end all streams alike."""
    if plan.stream.accumulate != "chat" or is_complete(plan, total, ended=False):
        return None
    failure = words_failure(last, now)
    return failure_error(plan.service, failure) if failure.message else None


def last_said(plan: StreamPlan, text: bytes, outputs: Sequence[Json], clean: Callable[[bytes], bytes]) -> Json:
    """The last event of a chat, cleaned, if it told no piece. outputs: what its batch gave."""
    if plan.stream.accumulate != "chat" or _is_piece(plan, outputs):
        return None
    last = clean(text)
    return parse(last) if is_json(last) else None


def _is_piece(plan: StreamPlan, outputs: Sequence[Json]) -> bool:
    """Whether the last event of a batch, of which these are the outputs, told a piece of a chat."""
    place = len(outputs) - len(plan.outputs) + plan.outputs.index(plan.stream.delta)
    told = outputs[place] if 0 <= place < len(outputs) else None
    return isinstance(told, list) and any(delta is not None and not says_nothing(delta) for delta in told)
