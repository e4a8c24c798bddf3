"""A caller's own jq over a reply: run like a skill's expressions, in the sealed workers and under their limits."""

from typing import ClassVar

from agentos_runtime.calls.call import Reply
from agentos_runtime.errors import (
    AgentOSError,
    ExpressionFailed,
    ExpressionLimit,
    InvalidParams,
    Overloaded,
    ParamProblem,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.checking import Unfinished
from agentos_runtime.jq.outcome import Failure
from agentos_runtime.jq.program import value_program
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.ports import Workers

LONGEST = 10_000
"""Characters of one selection."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a caller wants of a reply; `source` was checked. Made by `checked_selection`."""

    source: str
    workers: Workers
    definitions: ClassVar[str] = ""
    request: ClassVar[bool] = False

    async def of(self, reply: Reply) -> Json:
        """The program's one output; several, or none, as a list.

        Raises ExpressionFailed, ExpressionLimit, Overloaded.
        """
        text = b'{"params":{},"settings":{},"response":null,"body":%s}' % reply.text
        outcome = await self.workers.run_of_caller(value_program("", f"[{self.source}\n\n]"), text)
        failure = outcome.failure
        if failure is None:
            found = outcome.outputs[0]
            assert isinstance(found, list)
            values = found[0]
            assert isinstance(values, list)
            return values[0] if len(values) == 1 else values
        raise _not_selected(failure)


async def checked_selection(workers: Workers, source: str) -> Selection:
    """Checked before the call is made, which may cost something. Raises InvalidParams, Overloaded."""
    if not source.strip() or len(source) > LONGEST:
        raise _refused(f"must be a jq program of 1 to {LONGEST} characters")
    selection = Selection(source, workers)
    verdict = (await workers.check([selection]))[0]
    if verdict is None:
        return selection
    if isinstance(verdict, Unfinished):
        raise Overloaded(
            f"_select could not be checked: {verdict.reason}. Nothing was sent: try again", retry_after=1
        )
    raise _refused(f"is not jq: {verdict.message} (line {verdict.line}, column {verdict.column})")


def _not_selected(failure: Failure) -> AgentOSError:
    made = "The call itself was made"
    if failure.kind == "not_run":
        return Overloaded(f"_select could not be run: {failure.reason}. {made}", retry_after=1)
    kind = ExpressionFailed if failure.kind == "error" else ExpressionLimit
    return kind(f"_select failed on the reply: {failure.reason}. {made}", details={"key": "_select"})


def _refused(message: str) -> InvalidParams:
    return InvalidParams(f"_select {message}. Nothing was sent", problems=[ParamProblem("_select", message)])
