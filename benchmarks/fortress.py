"""Our server with one protection taken away: `python -m benchmarks.fortress VARIANT`, to know what each costs.

Only for measuring: nothing of this can be switched off in the runtime itself.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self

import jq

from agentos_runtime import bootstrap
from agentos_runtime.cli.main import run
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.guard import Admission
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing, Entry


class JqInProcess:
    """Takes the place of the worker pool: the same programs, in this very process."""

    pids: tuple[int, ...] = ()
    ends: Mapping[str, int] = MappingProxyType({})

    def __init__(self, **_: object) -> None:
        self._compiled: dict[bytes, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._compiled.clear()

    async def check(self, expressions: Sequence[object]) -> list[None]:
        """Everything compiles: the skills are checked elsewhere."""
        return [None for _ in expressions]

    async def run(self, program: Program, data: bytes | ProgramInput) -> Outcome:
        compiled = self._compiled.get(program.digest)
        if compiled is None:
            compiled = self._compiled[program.digest] = jq.compile(program.quick)
        text = data if isinstance(data, bytes) else data.text
        outputs: list[Json] = [output[:2] for output in compiled.input_text(text.decode())]
        return Outcome(outputs, None, dump(outputs))


async def _no_start(self: Ledger, **_: str) -> Entry:
    return Entry(None, ())


async def _no_finish(self: Ledger, entry: Entry, end: Closing, *, reads: bool = False) -> bool:
    return True


def _without_guard() -> None:
    setattr(Admission, "check", lambda *_: Caller("bench"))  # noqa: B010 - mypy forbids assigning to a method


def _without_sealing() -> None:
    setattr(bootstrap, "WorkerPool", JqInProcess)  # noqa: B010


def _without_ledger() -> None:
    setattr(Ledger, "start", _no_start)  # noqa: B010
    setattr(Ledger, "finish", _no_finish)  # noqa: B010


VARIANTS: Mapping[str, Callable[[], None]] = {
    "guard": _without_guard,
    "sealing": _without_sealing,
    "ledger": _without_ledger,
}

if __name__ == "__main__":
    VARIANTS[sys.argv[1]]()
    sys.exit(run(["serve"], os.environ))
