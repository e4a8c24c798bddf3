"""jq, seen from the runtime: programs are run, expressions are checked, and what came of it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from agentos_runtime.jq.answer import LATE, LOST, Answer, Limits
from agentos_runtime.jq.checking import Checkable, Checks, Unfinished, Verdict
from agentos_runtime.jq.compiled.engine import Engine, KeptSources, Refusal, engine_for, engine_for_callers
from agentos_runtime.jq.compiling import CompileProblem
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.installed import JqUnusable, find_jq
from agentos_runtime.jq.outcome import Failure, Outcome, outcome_of
from agentos_runtime.jq.process import FOLDER, Call
from agentos_runtime.jq.program import Program
from agentos_runtime.jq.workers import Workers
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

__all__ = ["CompileProblem", "Failure", "JqUnusable", "Limits", "Outcome", "Unfinished", "Verdict", "WorkerPool"]

_TRIES: Mapping[bytes, int] = {LOST: 3, LATE: 2}
"""How often a call is tried whose worker said nothing about it: a program changes nothing, so it may run again."""
_CHECKS_GIVE_WAY = 5
"""The nice value of the process that checks: calls come first."""


class WorkerPool:
    """Runs programs and checks expressions in worker processes; an async context manager. One event loop, one pool.

    mode: `auto` runs programs in this process where they can be compiled; `worker` runs none here. What they give
    is the same. With `auto` a worker process starts when it is first needed, which it may never be.
    kept: where what was compiled is found by later processes.
    size: the processes for programs; none where only checks are made, which have a process of their own, so that no
    call ever waits for a check. Raises JqUnusable on entering when jq is missing or too old, or the workers that
    are needed at once do not start.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        limits: Limits = Limits(),  # noqa: B008  a frozen value
        folder: str = FOLDER,
        mode: str = "worker",
        kept: KeptSources | None = None,
    ) -> None:
        self._engine = engine_for(mode, kept)
        self._engine_for_callers = engine_for_callers(mode)
        self._size = size
        self._limits = limits
        self._folder = folder

    async def __aenter__(self) -> Self:
        jq_file = find_jq()
        limits, size, folder = self._limits, self._size, self._folder
        self._programs = Workers(jq_file, limits, size=size, kept=size, folder=folder)
        beside = replace(limits, extra=1)
        self._checkers = Workers(jq_file, beside, size=1, kept=0, nice=_CHECKS_GIVE_WAY, folder=folder)
        self._checks = Checks(self._checkers.ask)
        if self._engine is not None:
            return self
        try:
            await self._start()
        except BaseException:
            self._stop()
            raise
        return self

    async def _start(self) -> None:
        """The process for checks starts with the others, but nobody waits for it where it is not alone."""
        self._checkers.start()
        self._programs.start()
        try:
            started = await (self._programs if self._size else self._checkers).started()
        except TimeoutError:
            raise JqUnusable("no jq worker process became ready in time") from None
        if not started:
            raise JqUnusable("the jq worker process ends as soon as it starts; reinstall the package `jq`")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._programs.stop()
        self._checkers.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of all workers."""
        return self._programs.pids + self._checkers.pids

    @property
    def ends(self) -> Mapping[str, int]:
        """How many worker processes ended that were not let go, by what ended them."""
        return self._programs.ends + self._checkers.ends

    async def run(self, program: Program, input: bytes | ProgramInput) -> Outcome:  # noqa: A002  the interface's word
        """Run a program on JSON text, or on values; never raises for what an expression does.

        When the caller is cancelled, the answer is thrown away.
        """
        return await self._run(self._engine, program, input)

    async def run_of_caller(self, program: Program, input: bytes) -> Outcome:  # noqa: A002
        """The same of a program that a caller wrote, of which each may be another: few of them are held."""
        return await self._run(self._engine_for_callers, program, input)

    def run_at_once(self, program: Program, input: bytes | ProgramInput) -> Outcome | None:  # noqa: A002
        """What `run` gives, where that needs no waiting and is a success; else None, and `run` says it."""
        return None if self._engine is None else self._engine.run_at_once(program, input)

    def carried(self, program: Program, document: dict[str, Json], event: Json) -> list[list[Json]] | None:
        """What a stream's program makes of an event whose `unseen` text only passes through it; None where it does
        not, or that is not known."""
        return None if self._engine is None else self._engine.carried(program, document, event)

    async def _run(self, engine: Engine | None, program: Program, data: bytes | ProgramInput) -> Outcome:
        if engine is None:
            return await self._run_in_a_worker(program, _text(data))
        outcome = await engine.run(program, data)
        if not isinstance(outcome, Refusal):
            return outcome
        return replace(await self._run_in_a_worker(program, _text(data)), way=f"worker: {outcome.reason}")

    async def _run_in_a_worker(self, program: Program, input: bytes) -> Outcome:  # noqa: A002
        answer = await self._ask(program, input)
        if answer.status == b"e" and answer.message.startswith(_HALF_PAIR) and answer.outputs == b"[]":
            answer = await self._ask(program, _mend(input))
        return outcome_of(answer, program.text, self._limits)

    async def check(self, expressions: Sequence[Checkable]) -> list[Verdict]:
        """What is wrong with each expression before it ever runs; None when nothing is.

        Unfinished where no worker gave an answer: that says nothing about the expression.
        """
        return await self._checks.verdicts(expressions)

    async def _ask(self, program: Program, data: bytes) -> Answer:
        tried = 0
        while True:
            answer = await self._programs.ask(Call.run(program, data))
            tried += 1
            if tried >= _TRIES.get(answer.status, 1) or not self._programs.open:
                return answer


def _text(data: bytes | ProgramInput) -> bytes:
    return data if isinstance(data, bytes) else data.text


_HALF_PAIR = "parse error: Invalid \\uXXXX\\uXXXX surrogate pair"
_ESCAPES = regex(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _mend(text: bytes) -> bytes:
    """JSON in which half a surrogate pair stands as U+FFFD: jq refuses to read it otherwise."""
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)
