"""Every call leaves one row, whatever happens to the process, the disk or the neighbours."""

import asyncio
import contextlib
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agentos_runtime.errors import InternalError, InvalidParams
from agentos_runtime.storage.activity.ledger import UPKEEP_EVERY, Ledger
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.rows import Closing, Entry
from agentos_runtime.storage.sqlite.files import NewerFile
from tests.programs import Program
from tests.security.support import until
from tests.state.test_private_files import KILLS, largest_file, umask

T = TypeVar("T")
NOON = 1_795_176_000.0
"""2026-11-20T12:00:00Z"""

FULL = Closing(
    outcome="ok",
    status=200,
    upstream_status=200,
    duration_ms=812.5,
    upstream_ms=800.25,
    model="openai/gpt-5",
    provider="OpenAI",
    generation_id="gen-1",
    input_tokens=12,
    output_tokens=30,
    cost=0.1,
)


class Clock:
    """Time as a test wants it, in seconds."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


async def begin(ledger: Ledger, number: int = 1, *, agent: str = "cursor", skill: str = "openrouter") -> Entry:
    return await ledger.start(request_id=f"r{number}", agent=agent, skill=skill, utility="chat")


async def one_call(ledger: Ledger, end: Closing = FULL, **names: Any) -> None:
    await ledger.finish(await begin(ledger, **names), end)


def rows(file: Path, **filters: str) -> list[Any]:
    found = run(ActivityReader(file, clock=lambda: NOON).rows(filters))["rows"]
    assert isinstance(found, list)
    return found


def rows_now(file: Path) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM activity")]


def size(file: Path) -> int:
    return file.stat().st_size


def usage_rows(file: Path, **filters: str) -> list[Any]:
    found = run(ActivityReader(file, clock=lambda: NOON).usage(filters))["rows"]
    assert isinstance(found, list)
    return found


def outcomes(file: Path) -> list[str]:
    return [row["outcome"] for row in rows(file, limit="1000")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "activity.db"


@contextlib.contextmanager
def writing_neighbour(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process in the middle of a write."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


# ------------------------------------------------------------------ rows


def test_a_call_is_one_row_with_all_that_the_contract_shows(file: Path) -> None:
    async def call() -> None:
        with Ledger(file, clock=Clock()) as ledger:
            entry = await begin(ledger)
            assert rows_now(file)[0]["outcome"] == "started", "the row is there before the upstream is called"
            await ledger.finish(entry, FULL)
            assert ledger.degraded is None

    run(call())
    assert rows(file) == [
        {
            "id": 1,
            "request_id": "r1",
            "started_at": "2026-11-20T12:00:00.000Z",
            "agent": "cursor",
            "skill": "openrouter",
            "utility": "chat",
            "outcome": "ok",
            "code": None,
            "status": 200,
            "upstream_status": 200,
            "duration_ms": 812.5,
            "upstream_ms": 800.25,
            "model": "openai/gpt-5",
            "provider": "OpenAI",
            "generation_id": "gen-1",
            "input_tokens": 12,
            "output_tokens": 30,
            "cost": 0.1,
            "decision": None,
        }
    ]


def test_what_an_upstream_says_beyond_measure_is_left_out(file: Path) -> None:
    async def call() -> None:
        with Ledger(file) as ledger:
            wild = Closing(
                outcome="ok",
                model="m" * 10_000,
                provider="\ud800",
                input_tokens=10**30,
                output_tokens=-1,
                cost=float("nan"),
                upstream_ms=float("inf"),
            )
            await one_call(ledger, wild)
            assert ledger.degraded is None

    run(call())
    (row,) = rows(file)
    assert (len(row["model"]), row["provider"]) == (200, "?")
    assert {row[name] for name in ("input_tokens", "output_tokens", "cost", "upstream_ms")} == {None}


def test_the_ledger_is_private_from_creation_whatever_the_umask(file: Path) -> None:
    async def call() -> None:
        with umask(0), Ledger(file) as ledger:
            await one_call(ledger)
            names = {path.name for path in file.parent.iterdir()}
            assert {"activity.db", "activity.db-wal", "activity.db-shm"} < names
            assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}
        assert [path.name for path in file.parent.iterdir()] == ["activity.db"]

    run(call())
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_pages_are_stable_while_rows_are_added(file: Path) -> None:
    async def call() -> list[str]:
        seen: list[str] = []
        with Ledger(file) as ledger:
            for number in range(25):
                await one_call(ledger, number=number)
            cursor: dict[str, str] = {}
            while True:
                page = await ledger.reader.rows({"limit": "10", **cursor})
                assert isinstance(page["rows"], list)
                seen += [row["request_id"] for row in page["rows"]]  # type: ignore[call-overload, index, misc]
                await one_call(ledger, number=99)
                if page["next_cursor"] is None:
                    return seen
                cursor = {"cursor": str(page["next_cursor"])}

    assert run(call()) == [f"r{number}" for number in reversed(range(25))]


@pytest.mark.parametrize(
    ("clock", "shown"), [(3e11, "9999-12-30T00:00:00.000Z"), (-7e10, "1970-01-01T00:00:00.000Z")]
)
def test_a_row_of_a_clock_that_is_far_off_spoils_no_reading(file: Path, clock: float, shown: str) -> None:
    async def calls() -> None:
        for at in (NOON, clock, NOON):
            with Ledger(file, clock=lambda at=at: at) as ledger:  # type: ignore[misc]
                await one_call(ledger)

    run(calls())
    assert [row["started_at"] for row in rows(file)][1] == shown
    days = run(ActivityReader(file, clock=lambda: NOON).usage({"by": "day"}))["rows"]
    assert isinstance(days, list)
    assert sorted((row["day"], row["calls"]) for row in days if isinstance(row, dict)) == sorted(
        [(shown[:10], 1), ("2026-11-20", 2)]
    )


@pytest.fixture
def mixed(file: Path) -> Path:
    """Six calls of two agents, an hour apart, the newest now."""
    clock = Clock(NOON - 6 * 3600)
    failed = Closing(outcome="error", code="upstream_timeout", status=504)

    async def calls() -> None:
        with Ledger(file, clock=clock) as ledger:
            for number in range(6):
                clock.now += 3600
                end = failed if number == 2 else Closing(outcome="cancelled") if number == 3 else FULL
                await one_call(ledger, end, number=number, agent="ab"[number % 2], skill="xy"[number // 3])

    run(calls())
    return file


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, "543210"),
        ({"agent": "a"}, "420"),
        ({"skill": "y", "agent": "b"}, "53"),
        ({"utility": "other"}, ""),
        ({"outcome": "error"}, "2"),
        ({"since": "150m"}, "543"),
        ({"since": "1h"}, "54"),
        ({"since": "2026-11-20T11:00:00Z"}, "54"),
        ({"since": "2026-11-20T12:00:00 01:00"}, "54"),
        ({"since": "2026-11-20T11:00:00"}, "54"),
        ({"since": "2026-11-20"}, "543210"),
        ({"limit": "2"}, "54"),
        ({"agent": "\udcff"}, ""),
    ],
)
def test_rows_are_filtered(mixed: Path, filters: dict[str, str], numbers: str) -> None:
    assert "".join(row["request_id"][1:] for row in rows(mixed, **filters)) == numbers


@pytest.mark.parametrize(
    "filters",
    [
        {"since": "yesterday"},
        {"since": "9999999999d"},
        {"outcome": "fine"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "ten"},
        {"cursor": "-1"},
        {"cursor": "9999999999999999999"},
    ],
)
def test_a_filter_that_means_nothing_is_refused_by_name(mixed: Path, filters: dict[str, str]) -> None:
    with pytest.raises(InvalidParams) as refused:
        rows(mixed, **filters)
    assert [problem.path for problem in refused.value.problems] == list(filters)


def test_usage_adds_up_by_what_is_asked(mixed: Path) -> None:
    assert usage_rows(mixed, by="agent") == [
        {"agent": "a", "calls": 3, "errors": 1, "input_tokens": 24, "output_tokens": 60, "cost": 0.2},
        {"agent": "b", "calls": 3, "errors": 0, "input_tokens": 24, "output_tokens": 60, "cost": 0.2},
    ]
    recent = usage_rows(mixed, by="skill, agent", since="90m")
    assert [(row["skill"], row["agent"], row["calls"]) for row in recent] == [("y", "a", 1), ("y", "b", 1)]
    assert {"agent", "skill", "utility", "model"} < usage_rows(mixed)[0].keys()
    with pytest.raises(InvalidParams, match="by must be of day, agent, skill, utility, model"):
        usage_rows(mixed, by="agent,secret")


def test_cost_is_added_up_without_binary_dust(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            for _ in range(3):
                await one_call(ledger)
            assert (await ledger.reader.usage({"by": "skill"}))["rows"] == [
                {
                    "skill": "openrouter",
                    "calls": 3,
                    "errors": 0,
                    "input_tokens": 36,
                    "output_tokens": 90,
                    "cost": 0.3,
                }
            ]

    run(calls())


def test_without_a_ledger_there_is_nothing_to_tell(file: Path) -> None:
    assert rows(file) == []
    file.parent.mkdir()
    file.write_bytes(b"this is no database, it only stands where one should be")
    with pytest.raises(InternalError, match="cannot be read"):
        rows(file)


# ------------------------------------------------------------------ neighbours


def test_a_neighbour_that_is_writing_delays_only_the_row(file: Path) -> None:
    async def call() -> None:
        with Ledger(file) as ledger:
            with writing_neighbour(file) as neighbour:
                starting = asyncio.create_task(begin(ledger))
                for _ in range(20):
                    await asyncio.sleep(0)  # the loop runs on meanwhile
                assert not starting.done()
                neighbour.execute("ROLLBACK")
                entry = await starting
            await ledger.finish(entry, FULL)
            assert ledger.degraded is None

    run(call())
    assert outcomes(file) == ["ok"]


def test_a_caller_that_leaves_while_its_row_waits_leaves_a_closed_row(file: Path) -> None:
    async def call() -> None:
        with Ledger(file) as ledger, writing_neighbour(file) as neighbour:
            starting = asyncio.create_task(begin(ledger))
            await asyncio.sleep(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            neighbour.execute("ROLLBACK")

    run(call())
    assert outcomes(file) == ["cancelled"]


def test_rows_that_are_closed_while_a_neighbour_writes_are_closed_also_when_their_callers_leave(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            entries = [await begin(ledger), await begin(ledger), await begin(ledger)]
            with writing_neighbour(file) as neighbour:
                finishing = [asyncio.create_task(ledger.finish(entry, FULL)) for entry in entries]
                await asyncio.sleep(0)
                for task in finishing:
                    task.cancel()
                ends = await asyncio.gather(*finishing, return_exceptions=True)
                assert [type(end) for end in ends] == [asyncio.CancelledError] * 3
                neighbour.execute("ROLLBACK")

    run(calls())
    assert outcomes(file) == ["ok", "ok", "ok"]


def test_rows_of_one_turn_of_the_loop_are_written_together(file: Path) -> None:
    wal = file.with_name(f"{file.name}-wal")

    async def calls() -> None:
        with Ledger(file) as ledger:
            await one_call(ledger)
            before = size(wal)
            for number in range(32):
                await one_call(ledger, number=number)
            alone, before = size(wal) - before, size(wal)
            await asyncio.gather(*(one_call(ledger, number=number) for number in range(32)))
            assert size(wal) - before < alone / 4

    run(calls())
    assert outcomes(file) == ["ok"] * 65


def test_a_name_that_is_no_text_spoils_no_row_of_others(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            odd = ledger.start(request_id="odd", agent="a", skill="half \ud800", utility="u")
            entries = await asyncio.gather(begin(ledger, 1), odd, begin(ledger, 2))
            await asyncio.gather(*(ledger.finish(entry, FULL) for entry in entries))

    run(calls())
    assert outcomes(file) == ["ok"] * 3
    assert rows(file)[1]["skill"] == "half ?"


def test_what_was_asked_for_in_the_last_turn_is_written_before_the_file_is_closed(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            entry = await begin(ledger)
            finishing = asyncio.create_task(ledger.finish(entry, FULL))
            await asyncio.sleep(0)
        finishing.cancel()

    run(calls())
    assert outcomes(file) == ["ok"]


CALLER = """
import asyncio, sys
from pathlib import Path
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing
async def main():
    with Ledger(Path(sys.argv[1])) as ledger:
        print("ready", flush=True)
        for number in range(int(sys.argv[3])):
            name = f"{sys.argv[2]}{number}"
            entry = await ledger.start(request_id=name, agent="a", skill="s", utility="u")
            print("started", name, flush=True)
            await ledger.finish(entry, Closing(outcome="ok", cost=0.5))
            print("finished", name, flush=True)
        if ledger.degraded:
            print(ledger.degraded, file=sys.stderr)
asyncio.run(main())
"""


def caller(file: Path, name: str, calls: int) -> "subprocess.Popen[str]":
    return Program(
        [sys.executable, "-c", CALLER, str(file), name, str(calls)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_several_servers_share_one_ledger_and_lose_nothing(file: Path) -> None:
    processes = [caller(file, name, 200) for name in "abcd"]
    for process in processes:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    (usage,) = usage_rows(file, by="agent")
    assert (usage["calls"], usage["cost"]) == (800, 400.0)


def test_a_second_server_leaves_the_open_rows_of_a_living_one_alone(file: Path) -> None:
    async def call() -> None:
        with Ledger(file) as first:
            entry = await begin(first, 1)
            with Ledger(file) as second:
                await one_call(second, number=2)
            assert outcomes_of(await first.reader.rows({})) == ["ok", "started"]
            await first.finish(entry, FULL)

    def outcomes_of(page: dict[str, Any]) -> list[str]:
        return [row["outcome"] for row in page["rows"]]

    run(call())
    assert outcomes(file) == ["ok", "ok"]


def test_rows_left_open_become_interrupted_at_the_next_start(file: Path) -> None:
    async def leave() -> None:
        with Ledger(file) as ledger:
            await one_call(ledger)
            await begin(ledger)

    run(leave())
    assert outcomes(file) == ["started", "ok"]
    with Ledger(file):
        pass
    assert outcomes(file) == ["interrupted", "ok"]


@pytest.mark.slow
def test_kill_9_at_any_point_loses_no_acknowledged_row(file: Path) -> None:
    dice = random.Random(18)
    started: set[str] = set()
    finished: set[str] = set()
    for round_ in range(KILLS):
        process = caller(file, f"k{round_}-", 100_000)
        assert process.stdout is not None
        process.stdout.readline()
        lines = [process.stdout.readline() for _ in range(dice.randrange(1, 40))]
        for _ in range(dice.randrange(0, 60_000)):
            pass
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        started |= {line.split()[1] for line in lines if line.startswith("started")}
        finished |= {line.split()[1] for line in lines if line.startswith("finished")}
    with Ledger(file) as ledger:
        assert ledger.degraded is None
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = dict(connection.execute("SELECT request_id, outcome FROM activity"))
        assert connection.execute("SELECT count(*) FROM owner").fetchone() == (0,)
    assert started <= kept.keys()
    assert {kept[name] for name in finished} == {"ok"}
    assert set(kept.values()) <= {"ok", "interrupted"}
    assert not list(file.parent.glob("*-owner-*")), "the marks of the dead are swept"


# ------------------------------------------------------------------ faults


async def recovered(ledger: Ledger) -> None:
    """Until it says that nothing is wrong: then all that was missed is in the file."""
    for _ in iter(lambda: ledger.degraded, None):
        await asyncio.sleep(0)


def test_a_full_disk_degrades_the_ledger_and_what_was_missed_is_written_when_there_is_room(file: Path) -> None:
    clock = Clock()

    async def calls() -> None:
        with Ledger(file, monotonic=clock) as ledger:
            before = await begin(ledger, 1)
            with largest_file(0):
                await ledger.finish(before, FULL)
                for number in range(1000):
                    await one_call(ledger, number=1000 + number)
                during = await begin(ledger, 3)
                assert during.id is None
                assert ledger.degraded is not None
                assert str(file) in ledger.degraded
            await ledger.finish(during, FULL)
            assert ledger.degraded is not None, "not tried again within the second"
            clock.now += 1
            entry = await begin(ledger, 4)
            await recovered(ledger)
            kept = {row["request_id"]: row["outcome"] for row in rows_now(file)}
            missed = {f"r{number}": "ok" for number in (1, 3, *range(1000, 2000))}
            assert kept == {**missed, "r4": "started"}
            await ledger.finish(entry, FULL)

    run(calls())


def test_a_file_that_is_replaced_by_a_newer_one_while_the_disk_is_full_is_left_alone(file: Path) -> None:
    clock = Clock()

    async def calls() -> None:
        with Ledger(file, monotonic=clock) as ledger:
            with largest_file(0):
                await one_call(ledger)
            with contextlib.closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA user_version = 99")
            clock.now += 1
            await one_call(ledger)
            assert "newer agentos-runtime" in str(ledger.degraded)

    run(calls())


def test_what_was_missed_is_written_at_the_end_at_the_latest(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            with largest_file(0):
                await one_call(ledger)
            assert ledger.degraded is not None

    run(calls())
    assert outcomes(file) == ["ok"]


def test_a_folder_that_cannot_be_used_degrades_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    clock = Clock()

    async def calls() -> None:
        with Ledger(tmp_path / "home" / "activity.db", monotonic=clock) as ledger:
            assert ledger.degraded is not None
            await one_call(ledger)
            (tmp_path / "home").unlink()
            clock.now += 1
            await one_call(ledger, number=2)
            await recovered(ledger)
            assert len(rows_now(tmp_path / "home" / "activity.db")) == 2

    run(calls())


def test_a_file_that_is_no_database_degrades_the_ledger_and_stays_as_it_is(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.write_bytes(b"somebody's notes, which are no database at all" * 40)
    before = file.read_bytes()

    async def calls() -> None:
        with Ledger(file) as ledger:
            await one_call(ledger)
            assert "not a database" in str(ledger.degraded)

    run(calls())
    assert file.read_bytes() == before


def test_a_file_of_a_newer_version_is_refused_with_what_to_do(file: Path) -> None:
    with Ledger(file):
        pass
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(
        NewerFile, match=r"version 99 of the file, this one knows \d+\): update .*, or move the file away"
    ):
        Ledger(file).__enter__()


def test_the_oldest_rows_go_and_numbers_are_not_used_again(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file, kept_rows=100) as ledger:
            for number in range(UPKEEP_EVERY + 1):
                await one_call(ledger, number=number)

    run(calls())
    kept = rows(file, limit="1000")
    assert len(kept) <= 103
    assert kept[0]["id"] == UPKEEP_EVERY + 1


def test_no_call_waits_for_a_checkpoint(file: Path) -> None:
    async def calls() -> None:
        with Ledger(file) as ledger:
            before = size(file)
            for number in range(UPKEEP_EVERY - 1):
                await one_call(ledger, number=number)
            assert size(file) == before, "pages were moved into the main file, which syncs, during a call"

    run(calls())


def has_grown(file: Path, before: int) -> bool:
    return size(file) != before


@pytest.mark.slow
def test_the_wal_file_stays_bounded_under_load(file: Path) -> None:
    wal = file.with_name(f"{file.name}-wal")

    async def calls() -> None:
        with Ledger(file) as ledger:
            for burst in range(16):
                before = size(file)
                for number in range(UPKEEP_EVERY):
                    await one_call(ledger, number=burst * UPKEEP_EVERY + number)
                assert await asyncio.to_thread(until, partial(has_grown, file, before)), "rows were moved over"
            assert size(wal) < 24_000_000, "without a new beginning it would be 40 MB"
            assert ledger.degraded is None

    run(calls())
    assert not wal.exists()
    assert [row["calls"] for row in usage_rows(file, by="skill")] == [16 * UPKEEP_EVERY]
