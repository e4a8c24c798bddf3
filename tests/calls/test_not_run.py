"""A program that no worker came to an end with says nothing about the params, the manifest or the answer."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from agentos_runtime.calls.call import Call
from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.calls.reply import failed_output
from agentos_runtime.errors import ExpressionLimit, InvalidParams, Overloaded
from agentos_runtime.jq.checking import Checkable, Verdict
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Failure, Outcome
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.context import CallContext, CallInputs, Services
from agentos_runtime.runtime.record import Record, Timer
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.transport import Transport
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.storage.activity.ledger import Ledger
from tests.manifest.loading import load_bytes

MANIFEST = b"""---
id: toy
name: Toy
description: A toy
utilities:
  ask:
    description: Ask
    params: {word: {type: string, required: true}}
    rest: {url: '"https://toy.example/" + .params.word'}
---
"""
NOT_RUN = Failure(0, "not_run", "lost its worker process")


class Lossy:
    """Workers that are lost over one program."""

    def __init__(self, pool: WorkerPool, lost: Program | None, failure: Failure) -> None:
        self._pool = pool
        self._lost = lost
        self._failure = failure

    async def run(self, program: Program, data: bytes | ProgramInput) -> Outcome:
        lost = program is self._lost
        return Outcome([], self._failure) if lost else await self._pool.run(program, data)

    async def run_of_caller(self, program: Program, data: bytes) -> Outcome:
        return await self.run(program, data)

    def run_at_once(self, program: Program, data: bytes | ProgramInput) -> Outcome | None:
        return None

    def carried(self, program: Program, document: dict[str, Json], event: Json) -> list[list[Json]] | None:
        return None

    @property
    def pids(self) -> tuple[int, ...]:
        return self._pool.pids

    @property
    def ends(self) -> Mapping[str, int]:
        return self._pool.ends

    async def check(self, expressions: Sequence[Checkable]) -> list[Verdict]:
        return await self._pool.check(expressions)


def plan() -> CallPlan:
    skill = load_bytes(MANIFEST).skill
    assert skill is not None
    return plan_call(skill, skill.utilities["ask"], {})


def draft(made: CallPlan, lost: Program | None, failure: Failure = NOT_RUN) -> str:
    async def go() -> str:
        async with WorkerPool(size=1) as pool:
            call = Call("toy", "ask", {"word": "x"})
            record = Record(cast(Ledger, None), call, Timer(time.monotonic), Results(call))
            workers = Lossy(pool, lost, failure)
            broker, transport = cast(CredentialBroker, None), cast(Transport, None)
            services = Services(workers, broker, transport, Clocks(), max_reply=1 << 20)
            ctx = CallContext(call, made, CallInputs.of(made, call.params), services, record)
            return (await build(ctx)).url

    return asyncio.run(go())


def test_a_request_that_could_not_be_made_is_not_told_as_the_expressions_fault() -> None:
    made = plan()
    with pytest.raises(Overloaded, match=r"url could not be run: lost its worker .* nothing was sent") as caught:
        draft(made, made.request.program)
    assert caught.value.retry_after == 1


def test_a_url_that_could_not_be_compared_is_not_told_as_the_params_fault() -> None:
    made = plan()
    with pytest.raises(Overloaded):
        draft(made, made.request.url_program)
    with pytest.raises(InvalidParams):
        draft(made, made.request.url_program, Failure(0, "error", "cannot iterate over null"))
    assert draft(made, None) == "https://toy.example/x"


def test_an_answer_that_could_not_be_read_is_no_invitation_to_call_again() -> None:
    error = failed_output(plan().request.nodes, Outcome([], NOT_RUN))
    assert isinstance(error, ExpressionLimit)
    assert "so the answer that came could not be read" in error.message
