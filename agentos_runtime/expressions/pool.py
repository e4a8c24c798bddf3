"""The worker processes that run jq, seen from the runtime: who runs what, and what came of it.

A call goes to a free worker. When a call is slow (25 ms), another worker starts beside it, within bounds, so that
one hostile expression never keeps others waiting; some seconds later the pool shrinks again.
"""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections import OrderedDict, deque
from types import TracebackType
from typing import Self

from agentos_runtime.expressions.answer import Answer, Limits
from agentos_runtime.expressions.compiling import CompileProblem, locate_problem, unreadable_source
from agentos_runtime.expressions.outcome import Failure, Outcome, outcome_of
from agentos_runtime.expressions.process import Call, WorkerProcess
from agentos_runtime.expressions.program import Program, bare_program, request_program, value_program

__all__ = ["CompileProblem", "Failure", "JqUnusable", "Limits", "Outcome", "WorkerPool"]

_OLDEST_JQ = (1, 13, 0)
_START_LIMIT = 15.0
_SURPLUS_KEPT = 5.0
"""Seconds; starting a worker costs 25 ms of CPU, so none is let go in haste."""
_CHECKS_KEPT = 4096
_YIELD_AFTER = 10
"""How many times slow is so slow that the processor goes to others first."""


class JqUnusable(RuntimeError):
    """Expressions cannot be run safely on this machine; the message says why and what to do."""


class WorkerPool:
    """Runs programs in worker processes; an async context manager. One event loop, one pool.

    Raises JqUnusable on entering when jq is missing, too old, or its workers do not start.
    """

    def __init__(self, *, size: int = 2, limits: Limits = Limits()) -> None:  # noqa: B008  a frozen value
        self._size = size
        self._limits = limits
        self._workers: set[WorkerProcess] = set()
        self._leaving: set[WorkerProcess] = set()
        self._free: list[WorkerProcess] = []
        self._waiting: deque[Call] = deque()
        self._checked: OrderedDict[bytes, CompileProblem | None] = OrderedDict()
        self._watching = False
        self._shrinking = False
        self._open = False
        self._failed_starts = 0

    async def __aenter__(self) -> Self:
        self._jq_file = _find_jq()
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._first: asyncio.Future[bool] = self._loop.create_future()
        self._fill()
        self._watch()
        try:
            if not await asyncio.wait_for(self._first, _START_LIMIT):
                raise JqUnusable("the jq worker process ends as soon as it starts; reinstall the package `jq`")
        except TimeoutError:
            await self.__aexit__(None, None, None)
            raise JqUnusable(f"no jq worker process became ready within {_START_LIMIT:g} s") from None
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        for worker in list(self._workers):
            worker.kill("died: the runtime is stopping")
            worker.close()
        for worker in list(self._leaving):
            worker.collect()
        self._leaving.clear()
        self._refuse_waiting("died: the runtime is stopping")

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.pid for worker in self._workers)

    # ------------------------------------------------------------------ what callers use

    async def run(self, program: Program, input: bytes) -> Outcome:  # noqa: A002  the word of the interface
        """Run a program on JSON text; never raises for what an expression does.

        When the caller is cancelled, the answer is thrown away.
        """
        answer = await self._ask(b"r", program, input)
        if answer.status == b"e" and answer.message.startswith(_HALF_PAIR) and answer.outputs == b"[]":
            answer = await self._ask(b"r", program, _mend(input))
        return outcome_of(answer, program.text, self._limits)

    async def check(self, definitions: str, source: str, *, request: bool = False) -> CompileProblem | None:
        """What is wrong with an expression before it ever runs; None when nothing is.

        `request`: it is part of a request, where there is no `$response`. Results are kept by content.
        """
        key = hashlib.sha256(f"{request}\0{definitions}\0{source}".encode("utf-8", "surrogatepass")).digest()
        if key in self._checked:
            self._checked.move_to_end(key)
            return self._checked[key]
        problem = await self._check(definitions, source, request)
        self._checked[key] = problem
        if len(self._checked) > _CHECKS_KEPT:
            self._checked.popitem(last=False)
        return problem

    async def _check(self, definitions: str, source: str, request: bool) -> CompileProblem | None:
        if problem := unreadable_source(source) or unreadable_source(definitions, "definitions"):
            return problem
        text, before, before_source = bare_program(definitions, source, request=request)
        answer = await self._ask(b"c", Program(text, "", 0, b"", frozenset()), b"")
        if answer.status != b"o":
            return locate_problem(answer, definitions, source, before, before_source)
        sealed = request_program(definitions, [source]) if request else value_program(definitions, source)
        answer = await self._ask(b"c", sealed, b"")
        if answer.status != b"o":
            return CompileProblem("this expression cannot stand inside brackets", 1, 1, 1)
        return None

    async def _ask(self, kind: bytes, program: Program, data: bytes) -> Answer:
        call = Call(kind, program, data, self._loop.create_future())
        if not self._open:
            return Answer(b"x", b"", "died: the runtime is stopping")
        while self._free:
            if self._free.pop().send(call):
                break
        else:
            self._waiting.append(call)
        if not self._watching:
            self._watch()
        return await call.answer

    # ------------------------------------------------------------------ workers come and go

    def _on_free(self, worker: WorkerProcess) -> None:
        self._failed_starts = 0
        if not self._first.done() and all(other.ready for other in self._workers):
            self._first.set_result(True)
        worker.slow = False
        if worker.yields:
            worker.close()
            return
        while self._waiting:
            call = self._waiting.popleft()
            if not call.answer.done():
                if not worker.send(call):
                    self._waiting.appendleft(call)
                return
        self._free.append(worker)
        if len(self._workers) > self._size and not self._shrinking:
            self._shrinking = True
            self._loop.call_later(_SURPLUS_KEPT, self._shrink)

    def _shrink(self) -> None:
        """Let the workers go that were started beside slow ones and have nothing to do."""
        self._shrinking = False
        while self._open and self._free and self._prompt() > self._size:
            self._free[0].close()

    def _on_gone(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        self._leaving = {leaving for leaving in self._leaving if leaving.alive}
        self._leaving.add(worker)
        if worker in self._free:
            self._free.remove(worker)
        if not self._open:
            return
        if worker.ready:
            self._fill()
        else:
            self._failed_start()

    def _failed_start(self) -> None:
        self._failed_starts += 1
        if self._failed_starts < 3:
            self._fill()
            return
        if not self._first.done():
            self._first.set_result(False)
        self._refuse_waiting("died: no worker process starts")
        self._loop.call_later(min(0.1 * 2**self._failed_starts, 5.0), self._fill)

    def _prompt(self) -> int:
        return sum(not worker.slow for worker in self._workers)

    def _fill(self) -> None:
        """Have as many prompt workers as the pool's size, within the bound."""
        most = self._size + self._limits.extra
        while self._open and self._prompt() < self._size and len(self._workers) < most:
            self._workers.add(WorkerProcess(self._jq_file, self._limits, self._on_free, self._on_gone))

    def _watch(self) -> None:
        """While calls run: end what is over its time, and start workers beside what is slow."""
        now = self._loop.time()
        limits = self._limits
        for worker in self._workers:
            taken = now - worker.since
            if worker.call is None:
                if not worker.ready and taken > _START_LIMIT:
                    worker.kill("died: the worker process did not start")
            elif worker.over_time:
                worker.kill(f"limit: took more than {limits.wall:g} s")
            elif taken > limits.slow:
                worker.slow = True
                if taken > _YIELD_AFTER * limits.slow:
                    worker.step_back()
        self._fill()
        self._watching = self._open and (bool(self._waiting) or len(self._free) < len(self._workers))
        if self._watching:
            self._loop.call_later(limits.slow, self._watch)

    def _refuse_waiting(self, reason: str) -> None:
        while self._waiting:
            call = self._waiting.popleft()
            if not call.answer.done():
                call.answer.set_result(Answer(b"x", b"", reason))


def _find_jq() -> str:
    """Where the jq module lies; it is never loaded here."""
    if sys.platform == "win32":
        raise JqUnusable("Windows has no processes that can be limited as expressions need it; use WSL")
    spec = importlib.util.find_spec("jq")
    if spec is None or spec.origin is None:
        raise JqUnusable("the package `jq` is missing: install agentos-runtime with its dependencies")
    version = importlib.metadata.version("jq")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < _OLDEST_JQ:
        raise JqUnusable(f"jq {version} has known holes: install jq>=1.13.0")
    return spec.origin


_HALF_PAIR = "parse error: Invalid \\uXXXX\\uXXXX surrogate pair"
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _mend(text: bytes) -> bytes:
    """JSON in which half a surrogate pair stands as U+FFFD: jq refuses to read it otherwise."""
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)
