"""One expression's excess is its own: it fails, typed, within its limit, and every other call goes on."""

import asyncio
import os
import random
import signal
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import uvloop

from agentos_runtime import jsontext
from agentos_runtime.jq.pool import Failure, JqUnusable, Limits, Outcome, Unfinished, WorkerPool
from agentos_runtime.jq.program import request_program
from tests.jq.support import (
    LoopFactory,
    both_loops,
    check,
    evaluate,
    linux_only,
    processes,
    with_pool,
    worker_with,
)

QUICK = Limits(cpu=0.15, wall=3.0)

HOSTILE = {
    "def f: f; f": "took more than 0.15 s of CPU",
    "[repeat(1)]": "took more than 0.15 s of CPU",
    "last(range(1e15))": "took more than 0.15 s of CPU",
    "[limit(10000; repeat(1))] | combinations | length": None,
    "def f: [f]; f": None,
    'def f: . + . | f; "aaaaaaaaaaaaaaaa" | f': "needs more than 512 MB",
    '"a" * 1e9': "needs more than 512 MB",
    "[range(1e9)]": None,
    '[limit(1e9; repeat("x"))] | add': None,
    "reduce range(200000) as $i (1; [.])": None,
    "reduce range(1e9) as $i ([]; [., .])": None,
}  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_expression_fails_within_its_limit_and_the_next_call_works(source: str) -> None:
    async def use(pool: WorkerPool) -> tuple[Outcome, Outcome]:
        outcome = await pool.run(request_program("", ["1", source]), b"{}")
        return outcome, await evaluate(pool, ".", 7)

    outcome, after = with_pool(use, limits=QUICK)
    assert outcome.failure is not None
    assert HOSTILE[source] in (None, outcome.failure.reason)
    assert after == Outcome([[7]], None)


def test_the_output_that_was_being_worked_on_is_named_when_the_kernel_ended_the_worker() -> None:
    async def use(pool: WorkerPool) -> Outcome:
        return await pool.run(request_program("", ["1", "2", "def f: f; f", "4"]), b"{}")

    failure = with_pool(use, limits=QUICK).failure
    assert failure is not None
    assert (failure.index, failure.kind) == (2, "limit")


def test_time_that_is_not_cpu_time_is_bounded_too() -> None:
    limits = Limits(cpu=60, wall=0.3, little=0.001)

    def tried() -> Failure | None:
        return with_pool(lambda pool: evaluate(pool, "def f: f; f"), limits=limits).failure

    failure = tried()
    while failure is not None and failure.kind == "not_run":  # the machine was too busy for it to get to work
        failure = tried()
    assert failure is not None
    assert (failure.kind, failure.reason) == ("limit", "took more than 0.3 s")


def test_a_call_whose_worker_was_stopped_runs_again_in_another() -> None:
    async def use(pool: WorkerPool) -> Outcome:
        running = asyncio.ensure_future(evaluate(pool, "[range(9)] | add"))
        for pid in pool.pids:
            os.kill(pid, signal.SIGSTOP)
        return await running

    assert with_pool(use, limits=Limits(wall=2.0)) == Outcome([[36]], None)


def test_a_worker_that_never_has_the_processor_is_not_told_as_a_limit_of_the_program(tmp_path: Path) -> None:
    asleep = worker_with(tmp_path, "Worker.run = lambda *_: time.sleep(60)")
    failure = with_pool(lambda pool: evaluate(pool, "."), limits=Limits(wall=0.2), folder=asleep).failure
    assert failure is not None
    assert (failure.kind, failure.reason) == ("not_run", "its worker process had the processor for 0 s of 0.2 s")


WORKS_A_LITTLE = "\ndef busy(*_): {}\nown = Worker.run\nWorker.run = lambda *given: (busy(), own(*given))"


def test_a_call_that_a_busy_machine_slows_down_is_waited_for(tmp_path: Path) -> None:
    slowed = worker_with(tmp_path, WORKS_A_LITTLE.format("time.sleep(0.1); sum(range(2_000_000)); time.sleep(0.5)"))
    limits = Limits(wall=0.3, little=0.001, patience=60)
    assert with_pool(lambda pool: evaluate(pool, ".", 7), limits=limits, folder=slowed) == Outcome([[7]], None)


def test_a_call_that_is_slowed_down_for_too_long_is_not_told_as_a_limit_of_the_program(tmp_path: Path) -> None:
    slowed = worker_with(tmp_path, WORKS_A_LITTLE.format("time.sleep(0.1); sum(range(2_000_000)); time.sleep(60)"))
    limits = Limits(wall=0.3, little=0.001, patience=2)
    failure = with_pool(lambda pool: evaluate(pool, "."), limits=limits, folder=slowed).failure
    assert failure is not None
    assert (failure.kind, failure.reason[-8:]) == ("not_run", "of 0.6 s")


IN_A_WORKER = '"a" | test("a")'
"""Regular expressions are not compiled."""


def test_an_answer_that_came_while_nobody_looked_counts_however_late_it_is_seen() -> None:
    async def use(pool: WorkerPool) -> tuple[Outcome, bool]:
        await evaluate(pool, IN_A_WORKER)
        before = set(pool.pids)
        hear, say = os.pipe()

        def hold_up() -> None:
            os.read(hear, 1)
            time.sleep(1.5)

        asyncio.get_running_loop().add_reader(hear, hold_up)
        running = asyncio.ensure_future(evaluate(pool, "reduce range(100000) as $each (0; . + 1)"))
        await asyncio.sleep(0)
        os.write(say, b".")
        try:
            outcome = await running
            await asyncio.gather(*(evaluate(pool, IN_A_WORKER) for _ in before))  # who misses a worker replaces it
            return outcome, before <= set(pool.pids)
        finally:
            asyncio.get_running_loop().remove_reader(hear)
            os.close(hear)
            os.close(say)

    seen = with_pool(use, limits=Limits(wall=1.0), loop=uvloop.new_event_loop)
    assert seen == (Outcome([[100000]], None), True), "no worker was ended"


@pytest.mark.slow
@both_loops
@pytest.mark.parametrize("hostile", [1, 4])
def test_hostile_expressions_do_not_keep_others_waiting(hostile: int, loop: LoopFactory) -> None:
    async def use(pool: WorkerPool) -> tuple[int, list[Outcome]]:
        bad = [asyncio.ensure_future(evaluate(pool, "def f: f; f")) for _ in range(hostile)]
        answered = 0
        while not all(task.done() for task in bad):
            assert (await evaluate(pool, ".", 1)).outputs == [[1]]
            answered += 1
        return answered, await asyncio.gather(*bad)

    answered, outcomes = with_pool(use, limits=Limits(cpu=0.3, wall=8), loop=loop)
    assert all(outcome.failure and outcome.failure.kind == "limit" for outcome in outcomes)
    assert answered > 40, "nobody waits for a hostile one to end"


@pytest.mark.slow
@both_loops
def test_killing_workers_at_random_fails_only_the_calls_they_were_on(loop: LoopFactory) -> None:
    chance = random.Random(4)

    async def use(pool: WorkerPool) -> tuple[int, int]:
        good = died = 0

        async def caller(number: int) -> None:
            nonlocal good, died
            for turn in range(40):
                if number == 0 and turn % 4 == 0 and pool.pids:
                    os.kill(chance.choice(pool.pids), signal.SIGKILL)
                outcome = await evaluate(pool, "[., ([range(2000)] | add)]", [number, turn])
                if outcome.failure is None:
                    assert outcome.outputs == [[[[number, turn], 1999000]]]
                    good += 1
                else:
                    assert (outcome.failure.kind, outcome.outputs) == ("not_run", [])
                    died += 1

        await asyncio.gather(*map(caller, range(6)))
        return good, died

    good, died = with_pool(use, loop=loop)
    assert good + died == 240
    assert died <= 1, "a call whose worker was killed runs again"


def test_the_next_call_works_at_once_after_every_worker_was_killed() -> None:
    async def use(pool: WorkerPool) -> list[Outcome]:
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        return [await evaluate(pool, ".", 1) for _ in range(3)]

    outcomes = with_pool(use)
    assert outcomes[-1] == Outcome([[1]], None)
    assert sum(outcome.failure is not None for outcome in outcomes) <= 2


@both_loops
def test_the_answer_of_a_cancelled_call_reaches_nobody_else(loop: LoopFactory) -> None:
    async def use(pool: WorkerPool) -> None:
        for turn in range(60):
            calls = [asyncio.ensure_future(evaluate(pool, f"[{turn}, .]", number)) for number in range(5)]
            for _ in range(turn % 4):
                await asyncio.sleep(0)
            for call in calls[:3]:
                call.cancel()
            kept = await asyncio.gather(*calls[3:])
            assert [outcome.outputs for outcome in kept] == [[[[turn, 3]]], [[[turn, 4]]]]

    with_pool(use, loop=loop)


def test_a_cancelled_endless_call_is_ended_at_its_limit() -> None:
    async def use(pool: WorkerPool) -> None:
        before = set(pool.pids)
        call = asyncio.ensure_future(evaluate(pool, "def f: f; f"))
        await asyncio.sleep(0)
        call.cancel()
        while before <= set(pool.pids):
            await evaluate(pool, ".", 1)

    with_pool(use, limits=QUICK)


@pytest.mark.slow
@both_loops
def test_calls_of_many_megabytes_go_both_ways_and_concurrent_calls_are_not_mixed(loop: LoopFactory) -> None:
    texts = [str(number) * 700_000 for number in range(8)]

    async def use(pool: WorkerPool) -> list[Outcome]:
        return await asyncio.gather(*(evaluate(pool, ".", text) for text in texts))

    outcomes = with_pool(use, limits=Limits(wall=20), loop=loop)
    assert all(outcome.outputs == [[text]] for outcome, text in zip(outcomes, texts, strict=True))


@pytest.mark.slow
def test_a_body_of_the_largest_size_is_not_taken_for_an_expensive_expression() -> None:
    text = "x" * (30 << 20)
    outcome = with_pool(lambda pool: evaluate(pool, "{text: .}", text), limits=Limits(wall=60))
    assert outcome.failure is None
    assert outcome.outputs == [[{"text": text}]]


@pytest.mark.slow
def test_many_programs_are_compiled_once_per_worker_and_forgotten_in_turn() -> None:
    async def use(pool: WorkerPool) -> None:
        for number in [*range(600), *range(0, 600, 7)]:
            assert (await pool.run(request_program("", [str(number)]), b"{}")).outputs == [[number]]

    with_pool(use, size=1)


@linux_only
@both_loops
def test_no_worker_outlives_its_pool(loop: LoopFactory) -> None:
    async def use(pool: WorkerPool) -> tuple[int, ...]:
        busy = asyncio.ensure_future(evaluate(pool, "def f: f; f"))
        await evaluate(pool, ".", 1)
        busy.cancel()
        return pool.pids

    assert processes(with_pool(use, loop=loop)) == []


def test_calls_under_way_when_the_pool_closes_are_told_so() -> None:
    async def use() -> list[Outcome]:
        async with WorkerPool() as pool:
            calls = [asyncio.ensure_future(evaluate(pool, "def f: f; f")) for _ in range(4)]
            await evaluate(pool, ".", 1)
        outcomes = await asyncio.gather(*calls)
        return [*outcomes, await evaluate(pool, ".")]

    failures = [outcome.failure for outcome in asyncio.run(use())]
    assert {(failure.kind, failure.reason) for failure in failures if failure} == {
        ("not_run", "the runtime is stopping")
    }
    assert None not in failures


@pytest.mark.parametrize("version", ["1.12.9", "1.6.0", "0.1"])
@pytest.mark.parametrize("folders", [1, 0, 2])
def test_an_old_jq_is_refused(version: str, folders: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in [version, "9.9.9"][:folders]:
        (tmp_path / f"jq-{other}.dist-info").mkdir()
    spec = ModuleSpec("jq", None, origin=str(tmp_path / "jq.so"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    with pytest.raises(JqUnusable, match=r"install jq>=1\.13\.0"):
        with_pool(lambda pool: evaluate(pool, "."))


def test_workers_that_cannot_start_are_an_error_and_not_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleSpec(name, None, origin="/nowhere/jq.so"))
    with pytest.raises(JqUnusable, match="ends as soon as it starts"):
        with_pool(lambda pool: evaluate(pool, "."))


def test_a_program_that_cannot_compile_within_its_limits_is_a_failure_of_its_call() -> None:
    async def use(pool: WorkerPool) -> tuple[object, Outcome]:
        source = '"a" * 1e9'
        return await check(pool, source), await pool.run(request_program("", [source]), jsontext.dump({}))

    problem, outcome = with_pool(use)
    assert problem == Unfinished("needs more than 512 MB", at_limit=True)
    assert outcome.failure is not None
    assert outcome.failure.kind == "limit"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are waited for until they are compiled, however busy this machine is."""
    monkeypatch.setattr("agentos_runtime.jq.compiled.engine.PATIENCE", 60.0)


@pytest.mark.usefixtures("patient")
def test_workers_start_when_something_first_needs_one() -> None:
    async def use(pool: WorkerPool) -> list[int]:
        found = [len(pool.pids)]
        for source in (".a", '.a | test("x")'):
            outcome = await evaluate(pool, source, {"a": "x"})
            assert outcome.failure is None
            found.append(len(pool.pids))
        return found

    at_first, compiled, needed = with_pool(use, mode="auto")
    assert (at_first, compiled) == (0, 0)
    assert needed >= 2


def test_workers_that_do_not_start_when_they_are_needed_are_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleSpec(name, None, origin="/nowhere/jq.so"))
    outcome = with_pool(lambda pool: evaluate(pool, 'test("x")', "x"), mode="auto")
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.reason) == ("not_run", "no worker process starts")


@pytest.mark.usefixtures("patient")
def test_who_runs_a_program_while_it_is_compiled_waits_for_that_and_starts_no_worker() -> None:
    async def use(pool: WorkerPool) -> tuple[set[str], int]:
        outcomes = await asyncio.gather(*(evaluate(pool, ".a | map(. + 1)", {"a": [1]}) for _ in range(20)))
        assert all(outcome.outputs == [[[2]]] for outcome in outcomes)
        return {outcome.way for outcome in outcomes}, len(pool.pids)

    assert with_pool(use, mode="auto") == ({"compiled"}, 0)
