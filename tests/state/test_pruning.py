"""Old calls are dropped, a few at a time, and their space is given back; calls under way stay."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.pruning import AT_ONCE, prune
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.rows import Closing
from tests.cli.console import Console
from tests.security.support import until
from tests.state.old_home import make_old_home

NOON = 1_795_176_000.0
DAY = 86_400.0
OK = Closing(outcome="ok", input_tokens=5, cost=0.5)


def fill(file: Path, calls: int, *, began: float = NOON, name: str = "r", leave: int = 0) -> None:
    """So many closed calls, and `leave` ones whose process dies."""

    async def work() -> None:
        with Ledger(file, clock=lambda: began) as ledger:
            for number in range(calls):
                entry = await ledger.start(request_id=f"{name}{number}", agent="a", skill="s", utility="u")
                await ledger.finish(entry, OK)
            for number in range(leave):
                await ledger.start(request_id=f"{name}-open{number}", agent="a", skill="s", utility="u")

    asyncio.run(work())


def names(file: Path) -> list[str]:
    found: Any = asyncio.run(ActivityReader(file).rows({"limit": "1000"}))["rows"]
    return [row["request_id"] for row in found]


def before(moment: float) -> int:
    return int(moment * 1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "activity.db"


def test_only_calls_that_began_before_go(file: Path) -> None:
    fill(file, 3, began=NOON, name="old", leave=1)
    fill(file, 2, began=NOON + 5, name="new")
    pauses: list[float] = []
    assert prune(file, before(NOON + 5), pause=pauses.append).rows == 4, (
        "what a dead process left open is over, too"
    )
    assert names(file) == ["new1", "new0"]
    assert prune(file, before(NOON + 5)).rows == 0
    assert pauses


def test_calls_under_way_stay_however_long_ago_they_began(file: Path) -> None:
    async def work() -> None:
        with Ledger(file, clock=lambda: NOON) as ledger:
            entry = await ledger.start(request_id="running", agent="a", skill="s", utility="u")
            other = await ledger.start(request_id="ended", agent="a", skill="s", utility="u")
            await ledger.finish(other, OK)
            assert prune(file, before(NOON + DAY)).rows == 1
            await ledger.finish(entry, OK)

    asyncio.run(work())
    assert names(file) == ["running"]


def test_what_dies_after_all_calls_before_it_were_dropped_is_still_interrupted(file: Path) -> None:
    """Numbers begin anew then, and with them what is known of whose rows are whose."""

    async def work() -> None:
        with Ledger(file, clock=lambda: NOON) as ledger:
            for _ in range(5):
                await ledger.finish(await ledger.start(request_id="r", agent="a", skill="s", utility="u"), OK)
            with Ledger(file, clock=lambda: NOON) as dying:
                assert prune(file, before(NOON + DAY)).rows == 5
                await dying.start(request_id="lost", agent="a", skill="s", utility="u")
            with Ledger(file) as next_one:
                found: Any = (await next_one.reader.rows({}))["rows"]
                assert [(row["id"], row["outcome"]) for row in found] == [(1, "interrupted")]

    asyncio.run(work())


def test_a_server_goes_on_while_thousands_of_calls_are_dropped(file: Path) -> None:
    fill(file, 4 * AT_ONCE, began=NOON - DAY, name="old")
    size = file.stat().st_size
    done: list[int] = []
    pruning = threading.Thread(target=lambda: done.append(prune(file, before(NOON)).rows))

    async def work() -> int:
        calls = 0
        with Ledger(file, clock=lambda: NOON) as ledger:
            pruning.start()
            while pruning.is_alive():
                entry = await ledger.start(request_id=f"new{calls}", agent="a", skill="s", utility="u")
                await ledger.finish(entry, OK)
                assert ledger.degraded is None
                calls += 1
        return calls

    calls = asyncio.run(work())
    assert done == [4 * AT_ONCE]
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert (
            connection.execute("SELECT count(*), count(DISTINCT request_id) FROM activity").fetchone()
            == (calls,) * 2
        )
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] < 100
    assert file.stat().st_size < size or calls > AT_ONCE


def test_a_ledger_of_the_first_version_shrinks_when_no_server_runs(tmp_path: Path) -> None:
    make_old_home(tmp_path)
    file = tmp_path / "activity.db"
    fill(file, 2 * AT_ONCE, began=NOON - DAY)
    size = file.stat().st_size
    with Ledger(file):
        pruned = prune(file, before(NOON - DAY / 2))
        assert (pruned.rows, pruned.freed) == (2 * AT_ONCE, 0)
        assert pruned.reusable > size / 2
    again = prune(file, before(NOON - DAY / 2))
    assert (again.rows, again.reusable) == (0, 0)
    assert again.freed > size / 2


def test_the_command_says_what_it_did(file: Path) -> None:
    fill(file, 3, began=NOON - 400 * DAY)
    console = Console(file.parent, file.parent / "skills")
    assert console.run("activity", "prune", "--older-than", "30d", "--json").json["pruned"] == 3
    done = console.run("activity", "prune", "--older-than", "2020-01-01")
    assert (done.code, done.out) == (0, "No call began before 2020-01-01T00:00:00.000Z.\n")
    fill(file, 1, began=NOON - 400 * DAY)
    assert console.run("activity", "prune", "--older-than", "2w").out.startswith(
        "Dropped 1 call that began before 2"
    )
    assert "No calls yet." in console.run("activity").out


@pytest.mark.parametrize("when", ["", "yesterday", "-1d", "30", "2999-01-01"])
def test_a_time_that_means_nothing_or_lies_ahead_is_wrong_usage(file: Path, when: str) -> None:
    fill(file, 1)
    done = Console(file.parent, file.parent / "skills").run("activity", "prune", "--older-than", when)
    assert (done.code, "must be a duration (24h, 30d) or a time that is past" in done.err) == (2, True)
    assert len(names(file)) == 1


def test_without_a_ledger_there_is_nothing_to_drop_and_none_is_made(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    assert console.run("activity", "prune", "--older-than", "1d", "--json").json["pruned"] == 0
    assert not (tmp_path / "home").exists()
    (tmp_path / "home" / "activity.db").mkdir(parents=True)
    done = console.run("activity", "prune", "--older-than", "1d")
    assert (done.code, "activity.db is not a regular file but a folder: move it away" in done.err) == (1, True)


def test_a_server_drops_by_itself_what_is_older_than_is_to_be_kept(file: Path) -> None:
    now = time.time()
    for name, days in (("old", 40), ("kept", 20)):
        fill(file, 3, began=now - days * DAY, name=name)
    home = file.parent

    async def work() -> None:
        async with open_runtime(Settings(home=home, skills=(), activity={"keep": "30d"}), {}):
            assert await asyncio.to_thread(until, lambda: "old0" not in names(file))

    asyncio.run(work())
    assert sorted(names(file)) == ["kept0", "kept1", "kept2"]


@pytest.mark.parametrize("keep", ["7d", "90", 90, "for ever"])
def test_what_is_no_time_to_keep_activity_for_is_refused_at_the_start(file: Path, keep: Any) -> None:
    async def work() -> None:
        async with open_runtime(Settings(home=file.parent, skills=(), activity={"keep": keep}), {}):
            pass

    with pytest.raises(SettingsError, match=r'activity.keep must be a duration of 8 days or more, such as "90d"'):
        asyncio.run(work())
