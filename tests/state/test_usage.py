"""Sums by day and zone, durations, and what is kept added up: always what the rows say."""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from agentos_runtime.errors import InvalidParams
from agentos_runtime.storage.activity import quarters, tallies
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.pruning import drop_surplus, prune
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.activity.zones import day_sql, day_text
from agentos_runtime.storage.sqlite.files import PrivateDatabase, Schema, transaction

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
YEAR = 365 * 86_400
ZONES = ["UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def write(file: Path, rows: Sequence[tuple[int, str, str | None, str, float | None, float]]) -> None:
    """Rows of started_at, agent, model, outcome, cost, duration."""
    with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection, transaction(connection):
        connection.executemany(
            "INSERT INTO activity (request_id, started_at, agent, model, skill, utility, owner, outcome, cost,"
            " duration_ms, input_tokens) VALUES ('r', ?, ?, ?, 's', 'u', '', ?, ?, ?, 1)",
            rows,
        )


def usage(file: Path, /, seen: Sight = EVERYTHING, **filters: Any) -> list[Any]:
    found: Any = asyncio.run(ActivityReader(file, clock=lambda: NOW).usage(filters, seen))["rows"]
    return list(found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "activity.db"


# ------------------------------------------------------------------ days


def test_a_day_begins_at_midnight_of_its_zone_also_when_the_clock_is_set(file: Path) -> None:
    moments = ["2026-10-24T22:00:00+00:00", "2026-10-25T22:59:59+00:00", "2026-10-25T23:00:00+00:00"]
    write(file, [(ms(each), "a", "m", "ok", 0.25, 1.0) for each in moments])
    days = {row["day"]: row["calls"] for row in usage(file, by="day", zone="Europe/Vienna")}
    assert days == {"2026-10-25": 2, "2026-10-26": 1}, "25 hours: from 22:00 to 23:00 of UTC"
    assert [row["day"] for row in usage(file, by="day")] == ["2026-10-24", "2026-10-25"]


@given(st.integers(0, 2**32), st.sampled_from(ZONES))
@tried(deadline=None, max_examples=25)
def test_days_are_those_that_the_zones_clock_shows(seed: int, name: str) -> None:
    random_, zone = random.Random(seed), ZoneInfo(name)
    days_of_changes = ["2026-03-29", "2026-10-25", "2026-11-01", "2026-04-04"]
    base = ms(f"{random_.choice(days_of_changes)}T12:00:00Z")
    moments = [base + random_.randrange(-3 * 86_400_000, 3 * 86_400_000) for _ in range(60)]
    expected = Counter(datetime.fromtimestamp(each / 1000, zone).date().isoformat() for each in moments)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for step in SCHEMA.steps:
            connection.executescript(step)
        days: Counter[str] = Counter()
        for each in moments:
            sql = day_sql(zone, min(moments), max(moments)).replace("started_at", str(each))
            days[day_text(connection.execute(f"SELECT {sql}").fetchone()[0])] += 1
    assert days == expected


def test_a_clock_that_is_far_off_makes_no_day_of_other_rows_wrong_and_no_long_search(tmp_path: Path) -> None:
    file, far = tmp_path / "activity.db", ms("9999-12-30T12:00:00Z")
    begins = [ms("2026-07-01T22:30:00Z"), ms("2026-12-01T23:30:00Z"), far]
    write(file, [(at, "a", "m", "ok", 0.0, 1.0) for at in begins])
    days = [row["day"] for row in usage(file, by="day", zone="Europe/Vienna")]
    assert days == ["2026-07-02", "2026-12-02", "9999-12-30"]
    zone = ZoneInfo("Europe/Vienna")
    assert day_sql(zone, begins[0], far).count("WHEN") == day_sql(zone, begins[0], ms("2100-01-01")).count("WHEN")


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ({"by": "day", "zone": "Europe/Wien"}, "zone"),
        ({"by": "day", "zone": "../../etc/passwd"}, "zone"),
        ({"by": "day", "zone": ""}, "zone"),
        ({"zone": "Europe/Vienna"}, "zone"),
        ({"by": "hour"}, "by"),
        ({"latency": "1"}, "latency"),
        ({"until": "soon"}, "until"),
    ],
)
def test_what_cannot_be_read_is_named(file: Path, filters: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParams) as raised:
        usage(file, **filters)
    assert [problem.path for problem in raised.value.problems] == [path]


def test_durations_are_those_that_half_and_19_of_20_did_not_exceed(file: Path) -> None:
    at = ms("2026-11-19T12:00:00Z")
    write(file, [(at, "a", "m", "ok", 0.0, float(each)) for each in range(1, 101)])
    write(file, [(at, "b", "m", "ok", 0.0, 7.0)])
    found = {row["agent"]: (row["p50_ms"], row["p95_ms"]) for row in usage(file, by="agent", latency="true")}
    assert found == {"a": (50.0, 95.0), "b": (7.0, 7.0)}
    (day,) = usage(file, by="day", latency="true", agent="b")
    assert (day["day"], day["p50_ms"]) == ("2026-11-19", 7.0)


# ------------------------------------------------------------------ kept added up


def kept_up(file: Path) -> int:
    """Adds up all it can; the mark."""
    with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection:
        while True:
            with transaction(connection):
                if not quarters.add_up(connection, long=10, at_once=40):
                    return quarters.mark_of(connection)


def some_rows(count: int, seed: int = 7) -> list[tuple[int, str, str | None, str, float | None, float]]:
    found, at, pick = [], ms("2026-10-20T00:00:00Z"), random.Random(seed)
    for _ in range(count):
        at += pick.randrange(0, 7_200_000)
        cost = pick.choice([None, 0.25, 0.125, 3.0])
        outcome = pick.choice(["ok", "ok", "error", "cancelled", "interrupted"])
        found.append((at, pick.choice("abc"), pick.choice([None, "m", ""]), outcome, cost, 1.0))
    return found


QUESTIONS: list[dict[str, Any]] = [
    {},
    {"by": "day", "zone": "Europe/Vienna"},
    {"by": "day,agent", "zone": "Australia/Lord_Howe"},
    {"by": "model", "agent": "a"},
    {"by": "agent", "since": "2026-10-25T00:07:01Z", "until": "2026-11-01T13:44:59Z"},
    {"by": "agent", "since": "2026-10-25T00:15:00Z", "until": "2026-10-25T00:30:00Z"},
    {"by": "agent", "since": "2026-10-25T00:16:00Z", "until": "2026-10-25T00:29:00Z"},
    {"by": "agent", "until": "2026-10-21T00:00:00Z"},
    {"by": "agent", "outcome": "error"},
]


def test_sums_that_are_kept_are_what_the_rows_say_whatever_is_asked(file: Path) -> None:
    write(file, some_rows(300))
    plain = [usage(file, **question) for question in QUESTIONS]
    cut = usage(file, Sight(without=("b",)), by="agent")
    assert kept_up(file) == 300
    write(file, [(ms("2026-10-25T00:20:00Z"), "a", "m", "ok", 1.0, 1.0)])  # the clock was set back
    late = [usage(file, **question) for question in QUESTIONS]
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM activity WHERE id = 301")
        connection.execute("DELETE FROM activity WHERE id = 301")
        connection.commit()
    assert [usage(file, **question) for question in QUESTIONS] == plain
    assert usage(file, Sight(without=("b",)), by="agent") == cut
    assert sum(row["calls"] for row in late[0]) == sum(row["calls"] for row in plain[0]) + 1
    assert late[5] != plain[5]
    assert late[6] != plain[6]


def test_rows_that_go_leave_the_sums_too(file: Path) -> None:
    rows = some_rows(200)
    write(file, rows)
    assert kept_up(file) == 200
    with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection, transaction(connection):
        drop_surplus(connection, 150)
    assert sum(row["calls"] for row in usage(file)) == 150
    prune(file, rows[120][0], pause=lambda _: None)
    left = [row for row in rows[50:] if row[0] >= rows[120][0]]
    costs: dict[str, float] = defaultdict(float)
    for row in left:
        costs[row[1]] += row[4] or 0.0
    assert {row["agent"]: row["cost"] for row in usage(file, by="agent")} == costs
    prune(file, ms("2030-01-01T00:00:00Z"), pause=lambda _: None)
    assert usage(file) == []
    write(file, some_rows(12, seed=8))
    assert sum(row["calls"] for row in usage(file)) == 12
    assert kept_up(file) == 12
    assert sum(row["calls"] for row in usage(file)) == 12


def test_a_call_under_way_is_not_added_up_before_it_ends(file: Path) -> None:
    rows = some_rows(100)
    rows[60] = (*rows[60][:3], "started", None, 1.0)
    write(file, rows)
    assert kept_up(file) == 60
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE activity SET outcome = 'ok', cost = 64.0 WHERE id = 61")
        connection.commit()
    before = usage(file, by="agent")
    assert kept_up(file) == 100
    assert usage(file, by="agent") == before


def test_a_cost_that_nobody_said_is_not_one_of_nothing(file: Path) -> None:
    at = ms("2026-11-19T12:00:00Z")
    told: dict[str, list[float | None]] = {
        "silent": [None, None],
        "free": [0.0],
        "some": [None, 0.25],
        "dear": [3.0, 0.5],
    }
    write(file, [(at, agent, "m", "ok", cost, 1.0) for agent, costs in told.items() for cost in costs])
    expected = {"dear": 3.5, "some": 0.25, "free": 0.0, "silent": None}
    for _ in range(2):
        assert {row["agent"]: row["cost"] for row in usage(file, by="agent")} == expected
        assert [row["agent"] for row in usage(file, by="agent,skill")] == [*expected], "the dearest first"
        kept_up(file)
    assert usage(file, by="model")[0]["cost"] == 3.75


# ------------------------------------------------------------------ found without a look at most rows


FOUND: list[dict[str, Any]] = [
    {"agent": "rare"},
    {"agent": "nobody"},
    {"agent": "a", "model": ""},
    {"outcome": "cancelled"},
    {"outcome": "error", "since": "2026-10-25T00:07:01Z", "until": "2026-11-01T13:44:59Z"},
    {"since": "2026-11-05T00:00:00Z"},
    {"until": "2026-10-22T00:00:00Z"},
    {"cursor": "150"},
    {"agent": "b", "cursor": "150"},
    {"request_id": "r", "agent": "rare"},
]


def numbers(file: Path, seen: Sight = EVERYTHING, **filters: Any) -> list[int]:
    """Of all pages of ten."""
    reader, found = ActivityReader(file, clock=lambda: NOW), list[int]()
    while True:
        page: Any = asyncio.run(reader.rows(filters | {"limit": "10"}, seen))
        found += [row["id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            return found
        filters["cursor"] = page["next_cursor"]


def test_rows_of_a_long_ledger_are_found_as_in_a_short_one(file: Path) -> None:
    rows = some_rows(300)
    for place in (3, 117, 118, 260):
        rows[place] = (rows[place][0], "rare", "m", "ok", None, 1.0)
    write(file, rows)
    plain = [numbers(file, **asked) for asked in FOUND]
    own = numbers(file, Sight(only="rare"))
    assert (plain[0], own, len(plain[2]) > 10) == ([261, 119, 118, 4], [261, 119, 118, 4], True)
    spent = ActivityReader(file).spent("a", rows[100][0] / 1000)
    kept_up(file)
    assert [numbers(file, **asked) for asked in FOUND] == plain
    assert numbers(file, Sight(only="rare")) == own
    assert ActivityReader(file).spent("a", rows[100][0] / 1000) == spent
    write(file, [(rows[50][0], "rare", "m", "ok", None, 1.0)] * 25)  # the clock was set back
    assert numbers(file, agent="rare") == [*range(325, 300, -1), *plain[0]]
    kept_up(file)
    assert numbers(file, agent="rare") == [*range(325, 300, -1), *plain[0]]
    assert numbers(file, agent="rare", since="2026-11-19T00:00:00Z") == []


def test_only_the_quarters_that_have_such_a_row_are_looked_at(file: Path) -> None:
    rows = some_rows(300)
    rows[7] = (rows[7][0], "rare", "m", "ok", None, 1.0)
    write(file, rows)
    kept_up(file)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        found = tallies.ranges(connection, {"agent": "rare"}, None, None, 300)
        assert sum(last - first + 1 for first, last in found) < 5
        assert tallies.ranges(connection, {"agent": "rare", "outcome": "error"}, None, None, 300) == []


def test_durations_of_a_long_ledger_are_right_to_one_in_a_hundred(file: Path) -> None:
    pick = random.Random(5)
    rows = [(*row[:5], pick.choice([0.0, 0.4, 37.2, 99.0, 480.0, 12_345.0, 5e6])) for row in some_rows(300)]
    rows[:40] = [(*row[:5], 250.0) for row in rows[:40]]
    write(file, rows)
    asked: list[dict[str, Any]] = [
        {"by": "agent"},
        {"by": "model", "since": "2026-10-21T07:30:00Z"},
        {"by": "agent", "since": "2026-10-22T07:30:00Z", "until": "2026-11-03T05:00:00Z"},
        {"by": "skill", "since": "2026-10-22T01:00:00Z", "until": "2026-10-22T09:00:00Z"},
        {"by": "day,agent"},
    ]
    plain = [usage(file, latency="true", **question) for question in asked]
    kept_up(file)
    for question, rows_of in zip(asked, plain, strict=True):
        told = usage(file, latency="true", **question)
        for before, after in zip(rows_of, told, strict=True):
            for part in ("p50_ms", "p95_ms"):
                expected = min(max(before[part], 0.1), tallies.duration_of(tallies.LANES - 1))
                assert after[part] == pytest.approx(expected, rel=0.011, abs=0.051), question
    with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection, transaction(connection):
        drop_surplus(connection, 260)
    assert {row["p50_ms"] for row in usage(file, by="skill", until="2026-10-20T12:00:00Z", latency="true")} == set()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        kept = tallies.durations(connection, "skill", None, None)
        assert sum(kept["s"].values()) == 260
        assert connection.execute("SELECT count(*) FROM tally WHERE calls <= 0").fetchone() == (0,)


def test_sums_of_a_file_that_did_not_know_who_said_a_cost_are_made_anew(file: Path) -> None:
    before = Schema(SCHEMA.steps[:2], SCHEMA.page_size)
    with contextlib.closing(PrivateDatabase(file, before).open()) as connection, transaction(connection):
        connection.execute("INSERT INTO quarter VALUES (1, 'a', 's', 'u', 'm', 7, 0, 0, 0, 0.0)")
        connection.execute("UPDATE mark SET last = 7")
    write(file, some_rows(30))
    assert sum(row["calls"] for row in usage(file)) == 30
    assert kept_up(file) == 30
    assert sum(row["calls"] for row in usage(file, by="agent")) == 30


def test_keeping_sums_costs_as_much_in_a_long_ledger_as_in_a_short_one(tmp_path: Path) -> None:
    file, steps = tmp_path / "activity.db", list[int]()
    for count in (2_000, 8_000):
        write(file, [(ms("2026-11-19T12:00+00:00") + at, "bot", "m", "ok", 0.5, 1.0) for at in range(count)])
        kept_up(file)
        write(file, [(ms("2026-11-19T13:00+00:00"), "bot", "m", "ok", 0.5, 1.0)] * 50)
        with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection:
            done: list[None] = []
            connection.set_progress_handler(lambda done=done: done.append(None), 1)  # type: ignore[misc]
            with transaction(connection):
                drop_surplus(connection, 1_000_000)
                quarters.add_up(connection, long=10)
            steps.append(len(done))
    assert steps[1] < 1.2 * steps[0], steps
