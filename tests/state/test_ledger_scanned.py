"""Whatever was done to a ledger, its sums and its lists are what a look at each row gives."""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from agentos_runtime.storage.activity import quarters, rows
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.pruning import drop_surplus, prune
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.sqlite.files import PrivateDatabase, transaction
from tests.sizes import examples

NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
BASES = [int(datetime.fromisoformat(at).timestamp() * 1000) for at in ("2026-10-24T22:30Z", "2026-11-01T04:30Z")]
ZONES = ["UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]
NAMES = ("agent", "skill", "utility", "model")
PARTS = (50, 95)

CLOSINGS = st.builds(
    rows.Closing,
    outcome=st.sampled_from(["ok", "ok", "error", "cancelled"]),
    code=st.sampled_from([None, "upstream_timeout"]),
    duration_ms=st.sampled_from([None, 0.0, 0.4, 37.2, 99.0, 480.0, 12_345.0]),
    model=st.sampled_from([None, "", "m", "m\0n", "=m", "é"]),
    input_tokens=st.sampled_from([None, 0, 7, 2**40 - 1]),
    output_tokens=st.sampled_from([None, 3]),
    cost=st.sampled_from([None, 0.0, 0.1, 0.2, 0.7, 1e-7]),
)
MOMENTS = st.builds(
    lambda base, quarter, rest: base + quarter * 900_000 + rest,
    st.sampled_from(BASES),
    st.integers(-20, 20) | st.integers(-200, 3_000),
    st.sampled_from([0, 1, 899_999, 450_001]),
)
CALLS = st.tuples(MOMENTS, st.sampled_from(["a", "b", "local"]), st.sampled_from("st"), st.sampled_from("uv"))
STEPS = st.one_of(
    st.tuples(st.just("call"), CALLS, CLOSINGS),
    st.tuples(st.just("call"), CALLS, CLOSINGS),
    st.tuples(st.just("begin"), CALLS, CLOSINGS),
    st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("interrupt")),
    st.tuples(st.just("sum"), st.integers(1, 9)),
    st.tuples(st.just("sum"), st.just(1000)),
    st.tuples(st.just("surplus"), st.integers(1, 20)),
    st.tuples(st.just("prune"), MOMENTS),
)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "by": st.lists(st.sampled_from(("day", *NAMES)), min_size=1, max_size=3, unique=True),
        "since": MOMENTS,
        "until": MOMENTS | st.just(int(datetime(9999, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)),
        "agent": st.sampled_from(["a", "b", "nobody"]),
        "model": st.sampled_from(["", "m", "m\0n"]),
        "outcome": st.sampled_from(["ok", "error", "interrupted", "cancelled"]),
        "zone": st.sampled_from(ZONES),
    },
)
SIGHTS = st.sampled_from([EVERYTHING, EVERYTHING, Sight(only="a"), Sight(without=("b",))])


def work(connection: sqlite3.Connection, steps: list[Any], file: Path) -> None:
    """Do to the ledger what processes do."""
    opened: list[tuple[rows.Entry, rows.Closing]] = []
    for number, (name, *what) in enumerate(steps):
        if name == "prune":
            prune(file, what[0], pause=lambda _: None)
            continue
        with transaction(connection):
            match name, what:
                case "call" | "begin", [call, closing]:
                    begun = rows.begun(f"r{number}", *call, "")
                    entry = rows.Entry(rows.begin(connection, begun), begun)
                    if name == "call":
                        rows.close(connection, entry, closing)
                    else:
                        opened.append((entry, closing))
                case "end", [which] if opened:
                    rows.close(connection, *opened.pop(which % len(opened)))
                case "interrupt", []:
                    connection.execute("UPDATE activity SET outcome = 'interrupted' WHERE outcome = 'started'")
                case "sum", [at_once]:
                    quarters.add_up(connection, long=1, at_once=at_once)
                case "surplus", [kept]:
                    drop_surplus(connection, kept)


def seen(file: Path, sight: Sight, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that are asked about, each looked at."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        every = [dict(row) for row in connection.execute("SELECT * FROM activity ORDER BY id DESC")]
    return [
        row
        for row in every
        if sight.only in (None, row["agent"])
        and row["agent"] not in sight.without
        and all(row[name] == asked[name] for name in ("agent", "model", "outcome") if name in asked)
        and asked.get("since", 0) <= row["started_at"] < asked.get("until", 2**62)
    ]


def scanned(found: list[dict[str, Any]], by: list[str], zone: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        day = datetime.fromtimestamp(row["started_at"] / 1000, ZoneInfo(zone)).date().isoformat()
        groups.setdefault(tuple((row | {"day": day})[name] for name in by), []).append(row)
    return {key: _sums(each) for key, each in groups.items()}


def _sums(found: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in found if row["cost"] is not None]
    took = sorted(row["duration_ms"] for row in found if row["duration_ms"] is not None)
    return {
        "calls": len(found),
        "errors": sum(row["outcome"] == "error" for row in found),
        "input_tokens": sum(row["input_tokens"] or 0 for row in found),
        "output_tokens": sum(row["output_tokens"] or 0 for row in found),
        "cost": pytest.approx(sum(costs), abs=1e-9) if costs else None,
        **{f"p{part}_ms": took[-(-len(took) * part // 100) - 1] if took else None for part in PARTS},
    }


def iso(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1000:03}Z"


def texts(asked: dict[str, Any]) -> dict[str, str]:
    """As a query says them."""
    times = {name: iso(asked[name]) for name in ("since", "until") if name in asked}
    return {name: ",".join(value) if name == "by" else value for name, value in asked.items()} | times


@contextlib.contextmanager
def ledger(steps: list[Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "home" / "activity.db"
        with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            work(connection, steps, file)
            yield file


@pytest.mark.slow
@given(st.lists(STEPS, min_size=8, max_size=40), st.lists(st.tuples(QUESTIONS, SIGHTS), min_size=4, max_size=4))
@tried(deadline=None, max_examples=examples(160))
def test_sums_and_lists_are_what_each_row_says(steps: list[Any], questions: list[Any]) -> None:
    with ledger(steps) as file:
        reader = ActivityReader(file, clock=lambda: NOW / 1000)
        for asked, sight in questions:
            by = asked.get("by", list(NAMES))
            filters = {name: value for name, value in asked.items() if name != "zone" or "day" in by}
            found = seen(file, sight, asked)
            answer: Any = asyncio.run(reader.usage(texts(filters) | {"latency": "true"}, sight))
            told = {tuple(row[name] for name in by): row for row in answer["rows"]}
            assert len(told) == len(answer["rows"])
            expected = scanned(found, by, filters.get("zone", "UTC"))
            assert told.keys() == expected.keys()
            for key, sums in expected.items():
                for name, value in sums.items():
                    close = name.endswith("_ms") and value is not None
                    assert told[key][name] == (pytest.approx(value, rel=0.0101, abs=0.101) if close else value), (
                        name
                    )
            lists = {name: value for name, value in texts(asked).items() if name not in ("by", "zone")}
            page: Any = asyncio.run(reader.rows(lists, sight))
            assert [row["id"] for row in page["rows"]] == [row["id"] for row in found]


# ------------------------------------------------------------------ what such a ledger once told wrongly

AT = BASES[0]


def call(closing: rows.Closing, at: int = AT) -> tuple[str, Any, rows.Closing]:
    return ("call", (at, "a", "s", "u"), closing)


def asked_of(steps: list[Any], **filters: str) -> list[Any]:
    with ledger(steps) as file:
        answer: Any = asyncio.run(ActivityReader(file, clock=lambda: NOW / 1000).usage(filters))
        return list(answer["rows"])


def test_a_call_taken_for_interrupted_that_ends_after_all_changes_the_sums_too() -> None:
    end = rows.Closing(outcome="ok", cost=0.5, model="m", duration_ms=480.0)
    steps = [("begin", (AT, "a", "s", "u"), end), ("interrupt",), call(rows.Closing(outcome="error")), ("sum", 9)]
    steps.append(("end", 0))
    told, other = asked_of(steps, by="model", latency="true")
    assert (told["model"], told["calls"], told["cost"]) == ("m", 1, 0.5)
    assert (other["model"], other["calls"], other["cost"]) == (None, 1, None)
    assert told["p50_ms"] == pytest.approx(480.0, rel=0.01)
    with ledger(steps) as file:
        found: Any = asyncio.run(ActivityReader(file).rows({"outcome": "ok", "model": "m"}))
        assert [row["id"] for row in found["rows"]] == [1]


def test_days_of_a_zone_are_right_up_to_any_year() -> None:
    late = call(rows.Closing(outcome="ok"), AT)  # 00:30 of the next day in Vienna, whose clock is still two ahead
    for until in ("9600-01-01", "9999-12-31T23:00:00Z"):
        told = asked_of([late], by="day", zone="Europe/Vienna", until=until)
        assert [row["day"] for row in told] == ["2026-10-25"]
    assert asked_of([], by="day", until="9999-12-31T23:00:00Z", since="0001-01-01") == []


def test_names_of_models_are_told_to_the_last_character() -> None:
    closings = [rows.Closing(outcome="ok", model=name, input_tokens=1) for name in ("m\0n", "m", "m\0")]
    told = asked_of([*map(call, closings), ("sum", 9)], by="model")
    assert {row["model"]: row["calls"] for row in told} == {"m\0n": 1, "m": 1, "m\0": 1}


def test_what_was_free_stays_so_when_the_rest_was_dropped() -> None:
    steps = [call(rows.Closing(outcome="ok", cost=cost)) for cost in (0.1, 0.3, 0.7, 0.2, 0.0)]
    dropped = [("surplus", kept) for kept in (4, 3, 2, 1)]
    (told,) = asked_of([*steps, ("sum", 9), *dropped], by="agent")
    assert (told["calls"], str(told["cost"])) == (1, "0.0")
