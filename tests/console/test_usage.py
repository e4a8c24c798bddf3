"""Usage: bars, tables, the API and SQL say the same, in every zone and where clocks change."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.console.shown.charts import HEIGHT, OTHER, SERIES, TICKS, nice_step, stacked
from agentos_runtime.console.shown.figures import count, money
from tests.console.conftest import Opened, opened
from tests.server.client import ask

ZONES = ("Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
COLUMNS = (
    "request_id, started_at, agent, skill, utility, owner, outcome, duration_ms, model, input_tokens,"
    " output_tokens, cost"
)
MODELS = tuple(f"maker/model-{number}" for number in range(10))


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A ledger with a call in every half hour of a hundred days."""
    with opened(tmp_path_factory.mktemp("usage")) as it:
        ask(it, "POST", "/api/skills/forms/look", {})
        now = datetime.now(UTC)
        rows = [
            (
                f"r{n}",
                int((now - timedelta(minutes=30 * n + 1)).timestamp() * 1000),
                "agent",
                "forms",
                "look",
                "x",
                "ok",
                10.0 + n % 7,
                MODELS[n % 10],
                n % 50,
                3,
                0.000001 * (n % 1000),
            )
            for n in range(4800)
        ]
        with closing(sqlite3.connect(it.home / "activity.db")) as database, database:
            database.executemany(f"INSERT INTO activity ({COLUMNS}) VALUES ({', '.join('?' * 12)})", rows)
        yield it


@pytest.mark.parametrize("zone", ZONES)
def test_bars_tables_and_api_have_the_same_sums(spent: Opened, zone: str) -> None:
    key = spent.let_in()
    headers = {"X-Console-Key": key, "X-Console-Zone": zone, "Accept": "text/x-fragment"}
    html = ask(spent, "GET", "/console/usage?metric=calls&by=model&days=90", headers=headers).body.decode()
    bars = sum(int(found.replace(",", "")) for found in re.findall(r"<title>[^<]*: ([\d,]+)</title>", html))
    first = datetime.now(ZoneInfo(zone)).date() - timedelta(days=89)
    since = datetime.combine(first, datetime.min.time(), ZoneInfo(zone))
    rows: Any = ask(spent, "GET", f"/api/usage?by=model&since={since.isoformat().replace('+', '%2B')}").json["rows"]
    with closing(sqlite3.connect(spent.home / "activity.db")) as database, database:
        (counted,) = database.execute(
            "SELECT count(*) FROM activity WHERE started_at >= ?", (since.timestamp() * 1000,)
        ).fetchone()
    (foot,) = re.findall(r'<tfoot><tr><th scope="row">All</th><td class="num">(?:<span[^>]*>)?([\d,]+)', html)[:1]
    assert bars == sum(row["calls"] for row in rows) == counted == int(foot.replace(",", ""))
    days = re.findall(r"<tr><td>(\d{4}-\d\d-\d\d)</td>", html)
    assert days == [(first + timedelta(days=89 - back)).isoformat() for back in range(90)]


def test_what_the_address_says_wrong_is_as_if_it_said_nothing(spent: Opened) -> None:
    key = spent.let_in()
    odd = spent.page("usage?metric=x&by=day&days=-1", key)
    assert (odd.status, 'aria-current="true">Cost' in odd.body.decode()) == (200, True)


def test_a_page_of_usage_stays_small(spent: Opened) -> None:
    page = spent.page("usage?metric=cost&by=model&days=90", spent.let_in())
    assert len(page.body) < 150 * 1024


amounts = st.decimals(min_value=0, max_value=10**7, places=6)
days_of = st.dictionaries(st.sampled_from(["a", "b", "c"]), amounts, max_size=3)


@given(
    st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda name: name != OTHER), days_of, max_size=12),
    st.booleans(),
)
def test_every_bar_is_as_high_as_its_amounts_and_none_leaves_the_chart(
    values: dict[str, dict[str, Decimal]], whole: bool
) -> None:
    chart = stacked(["a", "b", "c"], values, money, whole=whole)
    assert len(chart.names) <= SERIES + 1
    assert all(
        part.y >= 0 and part.y + part.height <= HEIGHT + 0.01 and 0 <= part.colour <= SERIES for part in chart.parts
    )
    top = max((sum(each.get(day, Decimal(0)) for each in values.values()) for day in "abc"), default=Decimal(0))
    scale = nice_step(Decimal(top), whole=whole) * TICKS
    for place, day in enumerate("abc"):
        total = sum(each.get(day, Decimal(0)) for each in values.values())
        high = sum(part.height for part in chart.parts if int(part.x // 10) == place)
        assert high == pytest.approx(float(total / scale) * HEIGHT, abs=0.05)


@pytest.mark.parametrize(
    ("top", "whole", "step"),
    [
        ("8.3", False, "2.5"),
        ("0", True, "1"),
        ("3", True, "1"),
        ("9", True, "3"),
        ("1.16", False, "0.3"),
        ("13", False, "4"),
        ("0.00004", False, "0.00001"),
        ("465", True, "200"),
    ],
)
def test_the_axis_has_round_steps(top: str, whole: bool, step: str) -> None:
    assert nice_step(Decimal(top), whole=whole) == Decimal(step)


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        ("1.16", "$1.20 $0.90 $0.60 $0.30 $0"),
        ("7.6", "$8 $6 $4 $2 $0"),
        ("1.9", "$2.00 $1.50 $1.00 $0.50 $0"),
        ("0.0011", "$0.0012 $0.0009 $0.0006 $0.0003 $0"),
        ("4.1", "$8 $6 $4 $2 $0"),
    ],
)
def test_what_stands_at_the_axis_is_written_alike(top: str, ticks: str) -> None:
    chart = stacked(["a"], {"x": {"a": Decimal(top)}}, money, whole=False)
    assert " ".join(chart.ticks) == ticks
    many = stacked(["a"], {"x": {"a": Decimal(700_000)}}, lambda amount: count(int(amount)), whole=True)
    assert many.ticks == ("800k", "600k", "400k", "200k", "0")
