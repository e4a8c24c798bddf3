"""The days and weeks that budgets are counted in: of UTC, weeks from Monday. Moments are epoch seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

Period: TypeAlias = Literal["day", "week"]

DAY = 86_400
WEEK = 7 * DAY
_FIRST_MONDAY = 4 * DAY
"""1970-01-05; the epoch was a Thursday."""
_LENGTHS: Mapping[Period, tuple[int, int]] = {"day": (DAY, 0), "week": (WEEK, _FIRST_MONDAY)}


def begin_of(period: Period, now: float) -> int:
    """When the day or week that `now` is in began."""
    length, offset = _LENGTHS[period]
    return int(now - offset) // length * length + offset


def end_of(period: Period, now: float) -> int:
    """When the next one begins."""
    return begin_of(period, now) + _LENGTHS[period][0]


def iso(moment: float) -> str:
    """`2026-11-21T00:00:00Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
