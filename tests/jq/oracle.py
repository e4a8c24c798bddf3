"""jq itself, as a worker runs it, but without its limits: what compiled code is compared with."""

import multiprocessing
from collections.abc import Sequence
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import jq

from agentos_runtime.jq.answer import Answer, Limits
from agentos_runtime.jq.outcome import Outcome, outcome_of
from agentos_runtime.jq.program import Program
from agentos_runtime.jq.worker import Worker

LONGEST = 10.0
"""Seconds for what is asked at once."""


class JqEnded(Exception):
    """jq ended its process, as it does when one of its own assertions fails, or did not come to an end."""


class Oracle:
    """jq in a process of its own, which begins anew when jq ended it."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self._asked = False

    def outcome(self, program: Program, data: bytes) -> Outcome:
        """What a worker would give. Raises JqEnded."""
        return self.outcomes(program, [data])[0]

    def outcomes(self, program: Program, inputs: Sequence[bytes]) -> list[Outcome]:
        """What a worker would give for each: they are asked for together, which costs less. Raises JqEnded."""
        if self._asked:  # a test that was broken off did not wait for its answer
            self._begin_anew()
        self._asked = True
        try:
            self._connection.send((program.digest, program.encoded, inputs))
            if not self._connection.poll(LONGEST):
                raise EOFError
            answers: list[Answer] = self._connection.recv()
        except (EOFError, OSError):
            self._begin_anew()
            raise JqEnded from None
        self._asked = False
        return [outcome_of(answer, program.text, Limits()) for answer in answers]

    def _begin_anew(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._begin()


@cache
def oracle() -> Oracle:
    """The one of this process."""
    return Oracle()


class _Answering(Worker):
    """Everything of a worker except its limits and its socket."""

    def __init__(self) -> None:
        nowhere: Any = None
        super().__init__(jq, nowhere, memoryview(bytearray(64)).cast("I"), 1, 1, Limits().largest, 64)
        self.said = Answer(b"d", b"", "")

    def answer(self, status: bytes, outputs: bytes = b"", message: str = "") -> None:
        self.said = Answer(status, outputs, message)


def _serve(connection: "Connection[Any, Any]") -> None:
    worker = _Answering()
    while True:
        try:
            digest, encoded, inputs = connection.recv()
        except EOFError:
            return
        connection.send([_answer(worker, digest, encoded, data) for data in inputs])


def _answer(worker: _Answering, digest: bytes, encoded: bytes, data: bytes) -> Answer:
    worker.run(digest, b"" if worker.table.find(digest) else encoded, data)
    return worker.said
