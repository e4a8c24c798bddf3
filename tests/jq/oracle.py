"""jq itself, as a worker runs it, but in this process: what compiled code is compared with."""

from typing import Any

import jq

from agentos_runtime.jq.answer import Answer, Limits
from agentos_runtime.jq.outcome import Outcome, outcome_of
from agentos_runtime.jq.program import Program
from agentos_runtime.jq.worker import Worker


class Oracle(Worker):
    """Everything of a worker except its process, its limits and its socket."""

    def __init__(self) -> None:
        nowhere: Any = None
        super().__init__(jq, nowhere, memoryview(bytearray(64)).cast("I"), 1, 1, Limits().largest, 64)
        self.said = Answer(b"d", b"", "")

    def answer(self, status: bytes, outputs: bytes = b"", message: str = "") -> None:
        self.said = Answer(status, outputs, message)

    def outcome(self, program: Program, data: bytes) -> Outcome:
        """What a worker would give."""
        self.run(program.digest, b"" if self.table.find(program.digest) else program.encoded, data)
        return outcome_of(self.said, program.text, Limits())
