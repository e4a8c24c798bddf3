"""Which program ran: every answer is that of the program that was asked for, whatever happened in between."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.jq.pool import Limits, WorkerPool
from agentos_runtime.jq.program import Program, value_program
from tests.jq.support import with_pool, worker_with
from tests.sizes import examples

Step = tuple[str, int]


def good(number: int) -> Program:
    """A program that gives its number."""
    return value_program("", str(number))


def bad(number: int) -> Program:
    """A program that does not compile, which a worker finds out when it is to run."""
    return value_program("", f"nope{number}")


async def take(pool: WorkerPool, step: Step) -> None:
    """One step, and what must come of it."""
    kind, number = step
    if kind == "kill":
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        return
    program = good(number) if kind == "run" else bad(number)
    outcome = await pool.run(program, b'{"body":null}')
    if kind == "run":
        assert (outcome.outputs, outcome.failure) == ([[number]], None), f"program {number} was asked for"
    else:
        assert outcome.failure is not None
        assert outcome.failure.reason == "does not compile"


def steps(programs: int) -> st.SearchStrategy[list[Step]]:
    kinds = st.sampled_from(["run"] * 6 + ["fail"] * 3 + ["kill"])
    return st.lists(st.tuples(kinds, st.integers(0, programs)), min_size=2, max_size=30)


@pytest.mark.parametrize(("places", "programs"), [(1, 2), (2, 4), (3, 5)])
def test_every_answer_is_the_right_programs_after_any_mix_of_failures_kills_and_evictions(
    places: int, programs: int
) -> None:
    with asyncio.Runner() as runner:
        pool = WorkerPool(size=1, limits=Limits(programs=places))
        runner.run(pool.__aenter__())

        @settings(deadline=None, max_examples=examples(60))
        @given(steps(programs))
        def probe(taken: list[Step]) -> None:
            async def go() -> None:
                for step in taken:
                    await take(pool, step)

            runner.run(go())

        try:
            probe()
        finally:
            runner.run(pool.__aexit__(None, None, None))


@pytest.mark.slow
@pytest.mark.parametrize("places", [1, 2, 256])
def test_a_full_table_with_failing_programs_in_between_mixes_none_up(places: int) -> None:
    async def use(pool: WorkerPool) -> None:
        for number in range(places + 4):
            await take(pool, ("run", number))
        for number in range(3):
            await take(pool, ("fail", number))
            await take(pool, ("run", places + 10 + number))
        for number in range(places + 4, -1, -1):
            await take(pool, ("run", number))

    with_pool(use, size=1, limits=Limits(programs=places))


LIES: dict[str, str] = {
    "runs another program": "Table.find = lambda self, digest: next(iter(self.programs.values()), None)",
    "loses what it kept": "Table.find = lambda self, digest: None",
    "forgets all others": (
        "keep = Table.keep\nTable.keep = lambda self, text: (self.programs.clear(), keep(self, text))[1]"
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_worker_that_is_wrong_about_its_table_gives_no_wrong_answer(lie: str, tmp_path: Path) -> None:
    async def use(pool: WorkerPool) -> None:
        for number in (1, 2, 1, 3, 2, 1):
            await take(pool, ("run", number))

    with_pool(use, size=1, folder=worker_with(tmp_path, LIES[lie]))


def test_a_worker_that_always_answers_for_another_program_is_told_as_such(tmp_path: Path) -> None:
    async def use(pool: WorkerPool) -> str:
        failure = (await pool.run(good(1), b'{"body":null}')).failure
        assert failure is not None
        return f"{failure.kind}: {failure.reason}"

    change = "keep = Table.keep\nTable.keep = lambda self, text: keep(self, text.replace(b'1', b'2'))"
    said = with_pool(use, size=1, folder=worker_with(tmp_path, change))
    assert said == "not_run: its worker process answered something else"


def test_programs_that_differ_in_one_form_only_have_different_digests() -> None:
    def differs(make: Callable[[], Program]) -> bytes:
        return make().digest

    assert differs(lambda: good(1)) != differs(lambda: good(2))
    assert good(1).digest == good(1).digest
