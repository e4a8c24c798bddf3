"""Days of the visitor's zone where clocks change: bars, tables, the API and a count by hand say the same."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.console.pages.usage import usage
from agentos_runtime.console.visits import Visit
from agentos_runtime.security.agents import Caller
from agentos_runtime.storage.activity.ledger import Ledger

OPERATOR = Caller("console", operator=True)
EVERY = 600
"""Seconds between two calls."""
CHANGES = [
    ("Europe/Vienna", "2026-03-29", 23),
    ("Europe/Vienna", "2026-10-25", 25),
    ("America/New_York", "2026-03-08", 23),
    ("America/New_York", "2026-11-01", 25),
    ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ("Australia/Lord_Howe", "2026-10-04", 23.5),
    ("Asia/Kolkata", "2026-03-29", 24),
]


def fill(home: Path, now: float) -> list[float]:
    """A call every ten minutes, from before the first of seven days until two days after now."""
    moments = [now + EVERY * number + 7 for number in range(-9 * 144, 2 * 144)]
    rows = [(f"r{at}", int(at * 1000), "a", "s", "u", "x", "ok", 1.0, 1, 2, 0.001) for at in moments]
    columns = "request_id, started_at, agent, skill, utility, owner, outcome, duration_ms"
    with Ledger(home / "activity.db"):
        pass
    with closing(sqlite3.connect(home / "activity.db")) as database, database:
        database.executemany(
            f"INSERT INTO activity ({columns}, input_tokens, output_tokens, cost) VALUES ({', '.join('?' * 11)})",
            rows,
        )
    return moments


async def looked(home: Path, zone: ZoneInfo, now: float) -> tuple[Mapping[str, Any], Any]:
    """What the page shows, and what the API says of the same days."""
    settings = Settings(home=home, skills=(home,), only_skills=True)
    async with open_runtime(settings, {}) as runtime:
        asked = MappingProxyType({"metric": "calls", "by": "agent", "days": "7"})
        page = await usage(Visit(runtime, OPERATOR, ("usage",), asked, zone, "./", now))
        today = datetime.fromtimestamp(now, zone).date()
        first, end = (datetime.combine(today + timedelta(days=off), datetime.min.time(), zone) for off in (-6, 1))
        query = {"by": "day", "zone": str(zone), "since": first.isoformat(), "until": end.isoformat()}
        return page.values, await runtime.usage(query, OPERATOR)


@pytest.mark.parametrize(("name", "changed", "hours"), CHANGES)
def test_a_day_has_as_many_hours_as_its_clocks_say(tmp_path: Path, name: str, changed: str, hours: float) -> None:
    zone, home = ZoneInfo(name), tmp_path / "home"
    home.mkdir(mode=0o700)
    now = (datetime.fromisoformat(changed).replace(hour=15, tzinfo=zone) + timedelta(days=2)).timestamp()
    moments = fill(home, now)
    shown, told = asyncio.run(looked(home, zone, now))
    by_hand = Counter(datetime.fromtimestamp(at, UTC).astimezone(zone).date().isoformat() for at in moments)
    days = [row["day"] for row in shown["per_day"]]
    assert len(days) == 7
    assert changed in days
    assert by_hand[changed] == hours * 3600 / EVERY
    expected = {day: by_hand[day] for day in days}
    assert {row["day"]: row["calls"] for row in shown["per_day"]} == expected
    assert {row["day"]: row["calls"] for row in told["rows"]} == expected
    bars = [int(part.title.rpartition(": ")[2]) for part in shown["chart"].parts]
    assert bars == [*reversed(expected.values())]
    assert shown["total"]["calls"] == sum(expected.values()), "what comes after today is no part of it"
