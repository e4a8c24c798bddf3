"""Usage: stacked bars per day in the visitor's zone, and the same figures as tables."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from agentos_runtime.console.page import Page
from agentos_runtime.console.shown.charts import OTHER, SERIES, ranked, stacked
from agentos_runtime.console.shown.figures import added_cost, count, exact, money
from agentos_runtime.console.visits import Visit
from agentos_runtime.frozen import dataclass

GROUPS: Mapping[str, str] = {"model": "model", "agent": "agent", "skill": "skill"}
SPANS = (7, 30, 90)
USUAL_SPAN = 30
NAMELESS: Mapping[str, str] = {"model": "no model"}
MOST = 100
"""Rows of the table; the others are one row together, and stand in the CSV."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a row of usage: its label, how it is read and shown."""

    label: str
    read: Callable[[Mapping[str, Any]], Decimal]
    show: Callable[[Decimal], str]
    whole: bool = True


def _shown_count(amount: Decimal) -> str:
    return count(int(amount))


METRICS: Mapping[str, Metric] = {
    "cost": Metric("Cost", lambda row: exact(row["cost"] or 0), money, whole=False),
    "tokens": Metric("Tokens", lambda row: Decimal(row["input_tokens"] + row["output_tokens"]), _shown_count),
    "calls": Metric("Calls", lambda row: Decimal(row["calls"]), _shown_count),
    "errors": Metric("Errors", lambda row: Decimal(row["errors"]), _shown_count),
}


async def usage(visit: Visit) -> Page:
    """What the address asks for; what it says wrong is as if it said nothing. Raises InternalError."""
    name = _chosen(visit, "metric", METRICS)
    by = _chosen(visit, "by", GROUPS)
    span = next((each for each in SPANS if str(each) == visit.query.get("days")), USUAL_SPAN)
    days = _days(visit, span)
    since, until = (_midnight(day, visit) for day in (days[0], days[-1] + timedelta(days=1)))
    query = {"by": f"day,{by}", "since": since, "until": until, "zone": visit.zone_name}
    daily: Any = await visit.runtime.usage(query, visit.caller)
    wanted = {"by": by, "since": since, "until": until, "latency": "true"}
    groups: Any = await visit.runtime.usage(wanted, visit.caller)
    metric = METRICS[name]
    texts = [day.isoformat() for day in days]
    values = _by_name(daily["rows"], by, metric)
    colours = _colours(values)
    rows = [row | {"name": _name(row, by), "colour": colours.get(_name(row, by))} for row in groups["rows"]]
    rows.sort(key=metric.read, reverse=True)
    shown = {
        "metric": name,
        "metrics": METRICS,
        "by": by,
        "groups": GROUPS,
        "days": span,
        "spans": SPANS,
        "chart": stacked(texts, values, metric.show, whole=metric.whole),
        "first": _label(days[0]),
        "middle": _label(days[len(days) // 2]),
        "last": _label(days[-1]),
        "rows": rows[:MOST],
        "others": len(rows) - MOST,
        "rest": _added(rows[MOST:]),
        "total": _added(groups["rows"]),
        "per_day": _per_day(daily["rows"], texts),
        "csv": f"api/usage?{urlencode(query)}",
    }
    return Page("usage.html", "Usage", shown)


def _chosen(visit: Visit, name: str, known: Mapping[str, Any]) -> str:
    asked = visit.query.get(name, "")
    return asked if asked in known else next(iter(known))


def _days(visit: Visit, span: int) -> list[date]:
    """By the calendar: days have 23 or 25 hours where clocks change."""
    today = visit.today.date()
    return [today - timedelta(days=back) for back in range(span - 1, -1, -1)]


def _midnight(day: date, visit: Visit) -> str:
    return datetime.combine(day, time(), visit.zone).isoformat()


def _label(day: date) -> str:
    return f"{day.day} {day:%b}"


def _name(row: Mapping[str, Any], by: str) -> str:
    """Quoted where somebody is called as those are that have no name, or that stand together."""
    none = NAMELESS.get(by, "unnamed")
    name = str(row[by] or none)
    return f"“{name}”" if row[by] in (OTHER, none) else name


def _by_name(rows: Sequence[Mapping[str, Any]], by: str, metric: Metric) -> dict[str, dict[str, Decimal]]:
    values: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        values.setdefault(_name(row, by), {})[row["day"]] = metric.read(row)
    return values


def _colours(values: Mapping[str, Mapping[str, Decimal]]) -> dict[str, int]:
    """The colour of each name in the chart; those of `other` share the last one."""
    return {name: min(place, SERIES) for place, name in enumerate(ranked(values))}


def _added(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of exact values."""
    return {
        "calls": sum(row["calls"] for row in rows),
        "errors": sum(row["errors"] for row in rows),
        "tokens": sum(row["input_tokens"] + row["output_tokens"] for row in rows),
        "cost": added_cost(row["cost"] for row in rows),
    }


def _per_day(rows: Sequence[Mapping[str, Any]], days: Sequence[str]) -> list[dict[str, Any]]:
    """The newest first."""
    found: dict[str, list[Mapping[str, Any]]] = {day: [] for day in days}
    for row in rows:
        found.get(row["day"], []).append(row)
    return [{"day": day} | _added(found[day]) for day in reversed(days)]
