"""Only a worker that answered says anything about an expression."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.jq.answer import LATE, LIMIT, LOST, Answer
from agentos_runtime.jq.checking import Checks
from agentos_runtime.jq.pool import CompileProblem, Limits, Unfinished, Verdict, WorkerPool
from agentos_runtime.jq.process import Call
from agentos_runtime.jq.workers import pause_after
from tests.jq.support import Written, evaluate, linux_only, with_pool
from tests.sizes import examples

WRONG = "jq: error: bad/0 is not defined at <top-level>, line 4, column 1:\n    bad\n    ^^^"


def expressions(number: int, wrong: frozenset[int] = frozenset()) -> list[Written]:
    return [Written("", "bad" if each in wrong else f". + {each}", each % 2 == 0) for each in range(number)]


class Scripted:
    """Workers of which the first answers are given, and the others are right; `bad` does not compile."""

    def __init__(self, first: Iterator[bytes]) -> None:
        self._first = first
        self.asked = 0

    async def __call__(self, call: Call) -> Answer:
        self.asked += 1
        status = next(self._first, b"o")
        texts = call.input.decode().split("\0")
        if status == b"1":
            status, texts = b"o", texts[:1]
        if status != b"o":
            return Answer(status, b"", "its worker was lost")
        return Answer(b"o", json.dumps([WRONG if "bad" in text else None for text in texts]).encode(), "")


def right(number: int, wrong: frozenset[int]) -> list[bool]:
    return [each in wrong for each in range(number)]


def is_problem(verdict: Verdict) -> bool:
    return isinstance(verdict, CompileProblem)


@settings(deadline=None, max_examples=examples(200))
@given(
    st.lists(st.sampled_from([LOST, LATE, LIMIT, b"1", b"o"]), max_size=25),
    st.integers(1, 140),
    st.frozensets(st.integers(0, 139), max_size=4),
)
def test_whatever_happens_to_workers_no_verdict_is_wrong_and_none_is_kept_that_no_worker_gave(
    first: list[bytes], number: int, wrong: frozenset[int]
) -> None:
    async def go() -> tuple[list[Verdict], list[Verdict]]:
        checks = Checks(Scripted(iter(first)))
        written = expressions(number, wrong)
        disturbed = after = await checks.verdicts(written)
        for _ in first:
            after = await checks.verdicts(written)
        return disturbed, after

    disturbed, after = asyncio.run(go())
    assert [is_problem(verdict) for verdict in after] == right(number, wrong)
    for verdict, expected in zip(disturbed, right(number, wrong), strict=True):
        assert isinstance(verdict, Unfinished) or is_problem(verdict) == expected


@pytest.mark.parametrize("lost", [1, 2])
def test_a_worker_that_is_lost_is_asked_again(lost: int) -> None:
    async def go() -> list[Verdict]:
        return await Checks(Scripted(iter([LOST] * lost))).verdicts(expressions(1))

    assert asyncio.run(go()) == [None]


def test_many_expressions_go_in_few_round_trips_and_known_ones_in_none() -> None:
    async def go() -> tuple[int, int]:
        workers = Scripted(iter(()))
        checks = Checks(workers)
        await checks.verdicts(expressions(1000))
        first = workers.asked
        await checks.verdicts(expressions(1000))
        return first, workers.asked - first

    assert asyncio.run(go()) == (32, 0)


def test_after_what_could_not_be_checked_nothing_more_is_asked() -> None:
    async def go() -> tuple[list[Verdict], int]:
        workers = Scripted(iter([LATE] * 50))
        return await Checks(workers).verdicts(expressions(500)), workers.asked

    verdicts, asked = asyncio.run(go())
    assert {type(verdict) for verdict in verdicts} == {Unfinished}
    assert asked < 10


@pytest.mark.slow
@linux_only
def test_checks_whose_workers_are_killed_and_stopped_are_made_again() -> None:
    async def use(pool: WorkerPool) -> list[Verdict]:
        checking = asyncio.ensure_future(pool.check(expressions(400, frozenset({7}))))
        for kind in (signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL):
            await asyncio.sleep(0.02)
            for pid in pool.pids:
                os.kill(pid, kind)
        return await checking

    verdicts = with_pool(use)
    assert [index for index, verdict in enumerate(verdicts) if verdict is not None] == [7]
    assert is_problem(verdicts[7])


def test_an_expression_that_cannot_be_compiled_holds_up_no_verdict_before_it() -> None:
    async def use(pool: WorkerPool) -> list[Verdict]:
        return await pool.check([*expressions(3, frozenset({1})), Written("", '"a" * 1e9'), *expressions(2)])

    verdicts = with_pool(use)
    assert [type(verdict) for verdict in verdicts[:3]] == [type(None), CompileProblem, type(None)]
    assert verdicts[3] == Unfinished("needs more than 512 MB", at_limit=True)


@linux_only
def test_no_call_waits_for_a_check() -> None:
    async def use(pool: WorkerPool) -> bool:
        await pool.check(expressions(1))
        checker = pool.pids[-1]
        os.kill(checker, signal.SIGSTOP)  # a check that takes as long as the calls do, on any machine
        checking = asyncio.ensure_future(pool.check(expressions(3)))
        await asyncio.sleep(0)
        for number in range(20):
            assert (await evaluate(pool, ".", number)).outputs == [[number]]
        ended = checking.done()
        os.kill(checker, signal.SIGCONT)
        assert await checking == [None] * 3
        return ended

    assert not with_pool(use, size=1, limits=Limits(extra=0))


@pytest.mark.parametrize(("killed", "longest"), [(True, 1.0), (False, 5.0)])
def test_workers_are_started_again_however_often_that_failed(killed: bool, longest: float) -> None:
    pauses = [pause_after(failed, killed=killed) for failed in range(5000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.02, longest)
