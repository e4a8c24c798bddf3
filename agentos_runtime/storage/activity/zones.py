"""Days of a time zone, which begin at its midnight: some have 23 hours, some 25. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DAY = 86_400_000
"""Milliseconds of most days."""
FORESEEN = 4_102_444_800_000
"""2100 in milliseconds: nobody knows how clocks are set later, and only clocks that are wrong are there already."""
_ZONES = "zoneinfo"
"""Loaded where days are asked for."""


def zone_named(name: str) -> "ZoneInfo | None":
    """None for a name that this system does not know."""
    try:
        found: ZoneInfo = import_module(_ZONES).ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # a path out of the database, no file, no such zone
        return None
    return found


def day_sql(zone: "ZoneInfo", first: int, last: int) -> str:
    """SQL for the local day of `started_at`, as days since 1970; exact between two moments (milliseconds).

    After `FORESEEN` clocks are set no more.
    """
    *changes, (_, final) = _offsets(zone, first, min(last, FORESEEN))
    cases = "".join(f" WHEN started_at < {until} THEN {offset}" for until, offset in changes)
    offset = f"CASE{cases} ELSE {final} END" if cases else str(final)
    return f"(started_at + {offset}) / {DAY}"


def day_text(day: int) -> str:
    """`2026-11-28` of days since 1970."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _offsets(zone: "ZoneInfo", first: int, last: int) -> Iterator[tuple[int, int]]:
    """Until when the clock is how far ahead of UTC, in milliseconds; the last holds for ever."""
    at = first // DAY * DAY - DAY
    while at < last:
        before, after = _offset(zone, at), _offset(zone, at + DAY)
        if before != after:
            yield _change(zone, at, at + DAY, before), before
        at += DAY
    yield at, _offset(zone, at)


def _change(zone: "ZoneInfo", low: int, high: int, before: int) -> int:
    """The millisecond at which the clock is set."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: "ZoneInfo", moment: int) -> int:
    offset = datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() * 1000)
