"""Rows added up: by agent, skill, utility, model, and by days of a time zone; how long calls took."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from agentos_runtime.errors import ParamProblem
from agentos_runtime.storage.activity.conditions import OF_SUMS, Conditions
from agentos_runtime.storage.activity.quarters import QUARTER, edges, mark_of
from agentos_runtime.storage.activity.zones import day_sql, day_text, zone_named

GROUPS = ("day", *OF_SUMS)
UTC_ZONE = "UTC"
_SUMMED = "calls, errors, input_tokens, output_tokens, cost"
_KEPT = f"agent, skill, utility, model, {_SUMMED}"
_RAW = (
    "started_at, agent, skill, utility, model, 1 AS calls, outcome = 'error' AS errors,"
    " input_tokens, output_tokens, cost"
)
_SUMS = (
    "SUM(calls) AS calls, SUM(errors) AS errors, COALESCE(SUM(input_tokens), 0) AS input_tokens,"
    " COALESCE(SUM(output_tokens), 0) AS output_tokens, COALESCE(SUM(cost), 0.0) AS cost"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept apart, whose days, and whether durations are wanted."""

    groups: tuple[str, ...]
    zone: ZoneInfo
    latency: bool

    @classmethod
    def of(cls, filters: Mapping[str, str], problems: list[ParamProblem]) -> "Wanted":
        """From `by`, `zone`, `latency`; what is wrong goes to `problems`."""
        names = [name.strip() for name in filters.get("by", ",".join(OF_SUMS)).split(",")]
        if not set(names) <= set(GROUPS):
            problems.append(ParamProblem("by", f"must be of {', '.join(GROUPS)}, separated by commas"))
        zone = zone_named(filters.get("zone", UTC_ZONE))
        if zone is None:
            problems.append(ParamProblem("zone", "must be a time zone such as Europe/Vienna"))
        elif "zone" in filters and "day" not in names:
            problems.append(ParamProblem("zone", "goes with by=day"))
        if filters.get("latency", "false") not in ("true", "false"):
            problems.append(ParamProblem("latency", "must be true or false"))
        known = tuple(name for name in dict.fromkeys(names) if name in GROUPS)
        return cls(known, zone or ZoneInfo(UTC_ZONE), filters.get("latency") == "true")


def added_up(connection: sqlite3.Connection, asked: Conditions, wanted: Wanted, now: int) -> list[dict[str, Any]]:
    """The dearest first, days in their order. now: milliseconds since 1970."""
    columns, by = _columns(connection, asked, wanted, now)
    order = "day, cost DESC, calls DESC" if "day" in wanted.groups else "cost DESC, calls DESC"
    source, values = _source(connection, asked)
    sql = f"SELECT {columns}, {_SUMS} FROM ({source}) GROUP BY {by} HAVING SUM(calls) > 0 ORDER BY {order}, {by}"  # noqa: S608
    rows = dicts(connection, sql, values)
    if wanted.latency:
        _add_latency(connection, asked, wanted, now, rows)
    for row in rows:
        # Adding up binary fractions leaves dust far behind the last digit that anybody bills.
        row["cost"] = round(row["cost"], 12)
        if "day" in row:
            row["day"] = day_text(row["day"])
    return rows


def _columns(connection: sqlite3.Connection, asked: Conditions, wanted: Wanted, now: int) -> tuple[str, str]:
    """The groups as columns, and by their names."""
    by = ", ".join(wanted.groups)
    if "day" not in wanted.groups:
        return by, by
    first = asked.since
    if first is None:
        first = connection.execute("SELECT coalesce(min(started_at), ?) FROM activity", (now,)).fetchone()[0]
    last = now if asked.until is None else max(now, asked.until)
    day = f"{day_sql(wanted.zone, first, last)} AS day"
    return ", ".join(day if name == "day" else name for name in wanted.groups), by


def _source(connection: sqlite3.Connection, asked: Conditions) -> tuple[str, Sequence[str | int]]:
    """The rows to be added up: of what is kept added up, the sums, and every row that is not whole in them."""
    where, values = asked.where()
    mark = mark_of(connection) if asked.sums else 0
    if not mark:
        return f"SELECT {_RAW} FROM activity WHERE {where}", values  # noqa: S608
    kept, bounds = asked.sql, list[str | int](asked.values)
    if asked.since is not None:
        kept += " AND begins >= ?"
        bounds.append(-(-asked.since // QUARTER))
    if asked.until is not None:
        kept += " AND begins < ?"
        bounds.append(asked.until // QUARTER)
    parts = [
        f"SELECT begins * {QUARTER} AS started_at, {_KEPT} FROM quarter WHERE {kept}",  # noqa: S608
        f"SELECT {_RAW} FROM activity WHERE id > {mark} AND {where}",  # noqa: S608
    ]
    given = [*bounds, *values]
    for begins, first, last in edges(connection, (asked.since, asked.until)):
        within = f"id BETWEEN {first} AND {min(last, mark)} AND started_at / {QUARTER} = {begins}"
        parts.append(f"SELECT {_RAW} FROM activity WHERE {within} AND {where}")  # noqa: S608
        given += values
    return " UNION ALL ".join(parts), given


def _add_latency(
    connection: sqlite3.Connection, asked: Conditions, wanted: Wanted, now: int, rows: list[dict[str, Any]]
) -> None:
    """The durations that half of the calls, and 19 of 20, did not exceed: whole milliseconds, below 100 tenths."""
    columns, by = _columns(connection, asked, wanted, now)
    where, values = asked.where()
    sql = (
        f"SELECT {columns}, round(duration_ms, duration_ms < 100) AS took, count(*) AS calls FROM activity"  # noqa: S608
        f" WHERE {where} AND duration_ms IS NOT NULL GROUP BY {by}, took ORDER BY {by}, took"
    )
    counted: dict[tuple[object, ...], list[tuple[float, int]]] = defaultdict(list)
    for found in dicts(connection, sql, values):
        counted[tuple(found[name] for name in wanted.groups)].append((found["took"], found["calls"]))
    for row in rows:
        durations = counted.get(tuple(row[name] for name in wanted.groups), [])
        row |= {f"p{part}_ms": _reached(durations, part) for part in (50, 95)}


def _reached(durations: Sequence[tuple[float, int]], part: int) -> float | None:
    """The least duration that so many of a hundred calls did not exceed."""
    calls, so_far = sum(count for _, count in durations), 0
    for took, count in durations:
        so_far += count
        if so_far * 100 >= calls * part:
            return took
    return None


def dicts(connection: sqlite3.Connection, sql: str, values: Sequence[str | int | None]) -> list[dict[str, Any]]:
    """Rows by the names of their columns."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
