"""Counting: exact, across processes, across the ends of days, and whatever dies."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.bootstrap import SpentInLedger
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError, BudgetExceeded, Overloaded, RateLimited
from agentos_runtime.limits.report import uses
from agentos_runtime.limits.rules import read_rules
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing
from agentos_runtime.storage.sqlite.shared import UPKEEP_EVERY
from tests.limits.support import DAY, HOUR, NOON, Clock, opened, record, run, spend
from tests.programs import Program
from tests.security.support import environment_number

ROOT = Path(__file__).parents[2]
ROUNDS = environment_number("AGENTOS_TEST_LIMIT_ROUNDS", 1)
VISITS = (25, 1, 50)
"""How often each process opens the file in a round."""


def process(*args: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.limits.process", *map(str, args)]
    pipe = subprocess.PIPE
    return Program(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


async def refused(call: Coroutine[Any, Any, object]) -> AgentOSError:
    with pytest.raises(AgentOSError) as raised:
        await call
    return raised.value


def a_round(processes: "list[subprocess.Popen[str]]", home: Path, visits: int, calls: int) -> int:
    """All processes at once; how many calls they were let in with."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write(f"{home}\t{visits}\t{calls}\n")
        each.stdin.flush()
    return sum(int(each.stdout.readline()) for each in processes if each.stdout is not None)


@pytest.mark.slow
@pytest.mark.timeout(1000 + 10 * ROUNDS)
def test_four_processes_of_500_calls_are_let_in_exactly_as_often_as_allowed(tmp_path: Path) -> None:
    """Processes that stay, and others that open the file again and again, as commands do."""
    processes = [process("calls") for _ in range(4)]
    try:
        for number in range(ROUNDS):
            visits = VISITS[number % len(VISITS)]
            home = tmp_path / str(number)
            entered = a_round(processes, home, visits, 500 // visits)
            with contextlib.closing(sqlite3.connect(home / "limits.db")) as connection:
                counted = connection.execute("SELECT sum(amount) FROM counter").fetchone()
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert (entered, counted) == (700, (2100,)), f"round {number}, {visits} visits"
    finally:
        for each in processes:
            each.kill()
            each.communicate()


def test_the_place_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    holder = process("hold", tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "in\n"

    async def work() -> None:
        async with opened(tmp_path, {"default": {"concurrent": 1}}, time.time) as limits:
            error = await refused(spend(limits))
            assert isinstance(error, RateLimited)
            assert "1 calls under way" in error.message
            holder.kill()
            holder.communicate(timeout=20)
            await spend(limits)

    run(work)


def test_no_minute_has_more_calls_than_allowed_wherever_it_begins(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with opened(tmp_path, {"default": {"calls_per_minute": 3}}, clock) as limits:
            for second in (0, 50, 59):
                clock.now = NOON + second
                await spend(limits)
            clock.now = NOON + 59.5
            error = await refused(spend(limits))
            assert (error.code, error.status, error.retry_after) == ("rate_limited", 429, 1.5)
            assert error.details["resets_at"] == "2026-11-20T12:01:01Z"
            clock.now = NOON + 60.9
            assert (await refused(spend(limits))).code == "rate_limited"
            clock.now = NOON + 61
            await spend(limits)
            assert (await refused(spend(limits))).retry_after == 50
            clock.now = NOON + 50 * DAY
            await spend(limits)

    run(work)


def test_a_clock_that_was_set_back_stops_nobody_for_long(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with opened(tmp_path, {"default": {"calls_per_minute": 1}}, clock) as limits:
            await spend(limits)
            clock.now = NOON - DAY
            await spend(limits)

    run(work)


@pytest.mark.parametrize(
    ("key", "resets", "after"),
    [("cost_per_day", "2026-11-21T00:00:00Z", 12 * HOUR), ("cost_per_week", "2026-11-23T00:00:00Z", 60 * HOUR)],
)
def test_money_stops_at_the_hard_line_and_flows_again_when_the_window_is_over(
    tmp_path: Path, key: str, resets: str, after: float
) -> None:
    clock = Clock()

    async def work() -> None:
        async with opened(tmp_path, {"agents": {"cursor": {key: 1.0}}}, clock) as limits:
            for _ in range(10):
                await spend(limits, cost=0.1)
            error = await refused(spend(limits))
            assert isinstance(error, BudgetExceeded)
            assert (error.status, error.retry_after) == (402, after)
            assert f"$1 of $1 ({key}); resets at {resets}" in error.message
            assert error.details == {"limit": key, "used": 1.0, "allowed": 1.0, "resets_at": resets}
            await spend(limits, paid=False)
            await spend(limits, "other", cost=5)
            clock.now = NOON + after
            await spend(limits)

    run(work)


def test_tokens_count_for_calls_that_cost_nothing_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"default": {"tokens_per_day": 100}}, Clock()) as limits:
            await spend(limits, tokens=100, paid=False)
            error = await refused(spend(limits, paid=False))
            assert "100 tokens of 100 tokens" in error.message

    run(work)


def test_a_reply_is_warned_from_the_soft_line_on(tmp_path: Path) -> None:
    async def work() -> None:
        rules = {"default": {"cost_per_day": 2.0, "soft": 0.5}, "total": {"tokens_per_day": 1000}}
        async with opened(tmp_path, rules, Clock()) as limits:
            assert await spend(limits, cost=0.99) is None
            assert await spend(limits, cost=0.5, tokens=900) is None
            warning = await spend(limits)
            assert warning == (
                "cost_per_day of cursor: 74% used ($1.49 of $2); resets at 2026-11-21T00:00:00Z; "
                "tokens_per_day of all agents: 90% used (900 tokens of 1000 tokens); resets at 2026-11-21T00:00:00Z"
            )
            assert "cost" not in (await spend(limits, paid=False) or "")

    run(work)


def test_another_name_does_not_escape_what_all_agents_have_together(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"total": {"cost_per_day": 1.0, "calls_per_minute": 3}}, Clock()) as limits:
            await spend(limits, "a", cost=0.6)
            await spend(limits, "b", cost=0.6)
            error = await refused(spend(limits, "c"))
            assert error.message.startswith("All agents together used $1.2 of $1")
            await spend(limits, "d", paid=False)
            assert (await refused(spend(limits, "e", paid=False))).code == "rate_limited"

    run(work)


def test_what_the_ledger_knows_of_the_day_counts_when_limits_are_new(tmp_path: Path) -> None:
    async def work() -> None:
        for agent, at in (("cursor", NOON - HOUR), ("cursor", NOON - 13 * HOUR), ("other", NOON - HOUR)):
            await record(tmp_path, agent, at, tokens=7, cost=0.4)
        rules = {"default": {"cost_per_day": 0.4}, "total": {"cost_per_day": 10}}
        async with opened(tmp_path, rules, Clock()) as limits:
            assert (await refused(spend(limits))).details["used"] == 0.4
            assert (await refused(spend(limits, "other"))).details["used"] == 0.4
            await spend(limits, "third", cost=0.1)
            known = read_rules(rules, "config.toml")
            shown = uses(tmp_path / "limits.db", SpentInLedger(Settings(home=tmp_path)), "", known.total, NOON)
            assert [use.used for use in shown] == [900_000_000]

    run(work)


def test_money_set_aside_for_calls_under_way_cannot_be_spent_twice(tmp_path: Path) -> None:
    async def work() -> None:
        rules = {"default": {"cost_per_day": 1.0, "max_cost": 0.4}}
        async with opened(tmp_path, rules, Clock()) as limits:
            first = await limits.admit("cursor", "toy", "ask", paid=True)
            second = await limits.admit("cursor", "toy", "ask", paid=True)
            assert first is not None
            assert second is not None
            error = await refused(spend(limits))
            assert (error.code, error.retry_after) == ("budget_exceeded", 1.0)
            assert "set aside for calls under way" in error.message
            await first.close(0, 0.1)
            await second.close(0, 0.1)
            await spend(limits, cost=0.4)
            await spend(limits, cost=0.1)
            assert "the rest may not be enough" in (await refused(spend(limits))).message

    run(work)


def test_a_utility_that_cost_too_much_once_is_not_called_again_that_day(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with opened(tmp_path, {"default": {"max_cost": 0.5}}, clock) as limits:
            await spend(limits, cost=0.5)
            await spend(limits, cost=0.75)
            error = await refused(spend(limits))
            assert (error.code, error.retry_after) == ("budget_exceeded", 12 * HOUR)
            assert "paid $0.75 for one call of toy/ask today, more than max_cost ($0.5) allows" in error.message
            await spend(limits, utility="fetch")
        async with opened(tmp_path, {"default": {"max_cost": 0.75}}, clock) as limits:
            await spend(limits)
        async with opened(tmp_path, {"default": {"max_cost": 0.5}}, clock) as limits:
            clock.now += 12 * HOUR
            await spend(limits)

    run(work)


def test_a_caller_who_leaves_while_waiting_for_the_file_leaves_no_place_taken(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"default": {"concurrent": 1, "calls_per_minute": 9}}, Clock()) as limits:
            await spend(limits)
            other = sqlite3.connect(tmp_path / "limits.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            entering = asyncio.create_task(limits.admit("cursor", "toy", "ask", paid=True))
            await asyncio.sleep(0)
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
            other.execute("COMMIT")
        assert other.execute("SELECT count(*) FROM slot").fetchone() == (0,)
        assert other.execute("SELECT max(number) FROM tick").fetchone() == (2,)
        other.close()

    run(work)


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells what a process has open")
def test_a_file_that_is_closed_while_a_call_waits_for_it_is_not_opened_again(tmp_path: Path) -> None:
    def still_open() -> list[str]:
        links = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
        return [os.readlink(link) for link in links if link.is_symlink() and "limits.db" in os.readlink(link)]

    async def work() -> None:
        async with opened(tmp_path, {"default": {"concurrent": 1, "calls_per_minute": 9}}, Clock()) as limits:
            await spend(limits)
            with contextlib.closing(sqlite3.connect(tmp_path / "limits.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                entering = asyncio.create_task(limits.admit("cursor", "toy", "ask", paid=True))
                await asyncio.sleep(0)
                entering.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await entering
                other.execute("COMMIT")
        for _ in range(9):  # what ended in the thread is told in the next turns of the loop
            await asyncio.sleep(0)
        assert still_open() == []

    run(work)


def test_calls_that_cannot_be_counted_are_not_made_and_what_ended_meanwhile_is_charged_later(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"default": {"tokens_per_day": 100}}, Clock()) as limits:
            admission = await limits.admit("cursor", "toy", "ask", paid=True)
            assert admission is not None
            file = sqlite3.connect(tmp_path / "limits.db", isolation_level=None)
            file.execute("ALTER TABLE counter RENAME TO away")
            await admission.close(60, 0.0)
            assert isinstance(await refused(spend(limits)), Overloaded)
            assert "limits cannot be counted" in (limits.problem or "")
            file.execute("ALTER TABLE away RENAME TO counter")
            await spend(limits, tokens=60)
            assert limits.problem is None
            assert (await refused(spend(limits))).details["used"] == 120
            file.close()

    run(work)


def test_what_is_over_is_dropped(tmp_path: Path) -> None:
    """Also by processes that come and go, none of which calls often."""
    clock = Clock()
    rules = {"default": {"calls_per_minute": 3, "cost_per_day": 1.0, "cost_per_week": 9.0, "max_cost": 0.1}}

    async def work() -> None:
        for day in range(30):
            clock.now = NOON + day * DAY
            async with opened(tmp_path, rules, clock) as limits:
                await spend(limits, f"agent{day}", cost=0.2)

    run(work)
    with contextlib.closing(sqlite3.connect(tmp_path / "limits.db")) as file:
        assert file.execute("SELECT count(*) FROM tick").fetchone() == (1,)
        kept = file.execute("SELECT DISTINCT subject FROM counter ORDER BY begins").fetchall()
        assert {f"agent{day}" for day in range(23, 30)} <= {name for (name,) in kept}, "a week that goes on is kept"
        assert not {f"agent{day}" for day in range(14)} & {name for (name,) in kept}


def test_what_is_over_is_dropped_while_a_process_goes_on(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with opened(tmp_path, {"default": {"tokens_per_day": 10**9}}, clock) as limits:
            await spend(limits, "old")
            clock.now = NOON + 30 * DAY
            for _ in range(UPKEEP_EVERY):
                await spend(limits, "new")

    run(work)
    with contextlib.closing(sqlite3.connect(tmp_path / "limits.db")) as file:
        assert file.execute("SELECT DISTINCT subject FROM counter").fetchall() == [("new",)]


@pytest.mark.parametrize("closed", [True, False], ids=["told the ledger", "did not"])
def test_a_call_whose_process_died_before_it_was_charged_is_charged_from_the_ledger_once(
    tmp_path: Path, closed: bool
) -> None:
    rules = {"default": {"tokens_per_day": 10**6, "cost_per_week": 10.0}}

    async def work() -> None:
        with Ledger(tmp_path / "activity.db", clock=Clock()) as ledger:
            async with opened(tmp_path, rules, Clock()) as dying:
                entry = await ledger.start(request_id="r", agent="cursor", skill="toy", utility="ask")
                await dying.admit("cursor", "toy", "ask", paid=True, row=entry.id)
                if closed:
                    await ledger.finish(entry, Closing(outcome="ok", input_tokens=40, cost=0.25))
        for _ in range(3):
            async with opened(tmp_path, rules, Clock()) as limits:
                await spend(limits)

    run(work)
    with contextlib.closing(sqlite3.connect(tmp_path / "limits.db")) as file:
        counted = dict(file.execute("SELECT name, amount FROM counter"))
        assert file.execute("SELECT count(*) FROM slot").fetchone() == (0,)
    used = (40, 250_000_000) if closed else (0, 0)
    assert (counted["tokens_per_day"], counted["cost_per_week"]) == used


def test_a_window_that_begins_counts_no_call_twice_that_is_yet_to_be_charged(tmp_path: Path) -> None:
    """The ledger has the call already, and its charge comes after the window began with what the ledger has."""

    async def work() -> None:
        with Ledger(tmp_path / "activity.db", clock=Clock()) as ledger:
            async with opened(tmp_path, {"default": {"calls_per_minute": 9}}, Clock()) as before:
                entry = await ledger.start(request_id="r", agent="cursor", skill="toy", utility="ask")
                admission = await before.admit("cursor", "toy", "ask", paid=True, row=entry.id)
                assert admission is not None
                await ledger.finish(entry, Closing(outcome="ok", input_tokens=40))
                async with opened(tmp_path, {"default": {"tokens_per_day": 100}}, Clock()) as limits:
                    await spend(limits)
                    admission.limits = limits
                    await admission.close(40, 0.0)
                    await spend(limits, tokens=60)
                    assert (await refused(spend(limits))).details["used"] == 100

    run(work)


def test_no_file_is_made_where_nothing_is_limited(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"default": {"allow": ["toy"]}}, Clock()) as limits:
            assert await limits.admit("cursor", "toy", "ask", paid=True) is None

    run(work)
    assert [*tmp_path.iterdir()] == []


def test_the_file_is_private(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, {"default": {"concurrent": 1}}, Clock()) as limits:
            await spend(limits)
            modes.extend(map(mode_of, os.listdir(tmp_path)))

    def mode_of(name: str) -> int:
        return os.lstat(tmp_path / name).st_mode & 0o777

    modes: list[int] = []
    run(work)
    assert set(modes) == {0o600}
