"""Rows added up: by agent, skill, utility, model, and by days of a time zone; how long calls took."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from agentos_runtime.errors import ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.activity.conditions import OF_SUMS, Conditions
from agentos_runtime.storage.activity.quarters import edges, extent, mark_of
from agentos_runtime.storage.activity.tallies import (
    DAY,
    QUARTER,
    READ,
    SUMS,
    duration_of,
    durations,
    lane_of,
    ranges,
)
from agentos_runtime.storage.activity.zones import day_sql, day_text, zone_named

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

GROUPS = ("day", *OF_SUMS)
UTC_ZONE = "UTC"
_SUMMED = ", ".join(SUMS)
_RAW = (
    "1 AS calls, outcome = 'error' AS errors, coalesce(input_tokens, 0) AS input_tokens,"
    " coalesce(output_tokens, 0) AS output_tokens, coalesce(cost, 0.0) AS cost, cost IS NOT NULL AS priced"
)
_COST = "CASE WHEN SUM(priced) > 0 THEN SUM(cost) END AS cost"
_ADDED = ", ".join([*(f"SUM({name}) AS {name}" for name in SUMS if name not in ("cost", "priced")), _COST])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept apart, whose days, and whether durations are wanted."""

    groups: tuple[str, ...]
    zone: "ZoneInfo"
    latency: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The groups but the day."""
        return tuple(name for name in self.groups if name != "day")

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
        return cls(known, cast("ZoneInfo", zone or zone_named(UTC_ZONE)), filters.get("latency") == "true")


def added_up(connection: sqlite3.Connection, asked: Conditions, wanted: Wanted) -> list[dict[str, Any]]:
    """The dearest first, days in their order."""
    columns, by = _columns(connection, asked, wanted)
    order = "day, cost DESC, calls DESC" if "day" in wanted.groups else "cost DESC, calls DESC"
    source, values = _source(connection, asked, wanted.names)
    sql = f"SELECT {columns}, {_ADDED} FROM ({source}) GROUP BY {by} HAVING SUM(calls) > 0 ORDER BY {order}, {by}"  # noqa: S608
    rows = dicts(connection, sql, values)
    if wanted.latency:
        _add_latency(connection, asked, wanted, rows)
    for row in rows:
        # Adding up binary fractions leaves dust far behind the last digit that anybody bills.
        row["cost"] = None if row["cost"] is None else round(row["cost"], 12) + 0.0  # -0.0 is dust, too
        if "day" in row:
            row["day"] = day_text(row["day"])
    return rows


def _columns(connection: sqlite3.Connection, asked: Conditions, wanted: Wanted) -> tuple[str, str]:
    """The groups as columns, and by their names."""
    by = ", ".join(wanted.groups)
    if "day" not in wanted.groups:
        return by, by
    first, last = extent(connection)  # no further than there are rows: whoever asks may name any year
    first = first if asked.since is None else max(first, asked.since)
    last = last if asked.until is None else min(last, asked.until)
    day = f"{day_sql(wanted.zone, first, last)} AS day"
    return ", ".join(day if name == "day" else name for name in wanted.groups), by


def _source(
    connection: sqlite3.Connection, asked: Conditions, names: tuple[str, ...]
) -> tuple[str, Sequence[str | int]]:
    """The rows to be added up: of what is kept added up, the sums, and every row that is not whole in them."""
    where, values = asked.where()
    raw = ", ".join(("started_at", *names, _RAW))
    mark = mark_of(connection) if asked.sums else 0
    if not mark:
        return f"SELECT {raw} FROM activity WHERE {where}", values  # noqa: S608
    kept, bounds = _kept(asked, names)
    if asked.since is not None:
        kept += " AND begins >= ?"
        bounds.append(-(-asked.since // QUARTER))
    if asked.until is not None:
        kept += " AND begins < ?"
        bounds.append(asked.until // QUARTER)
    parts = [kept, f"SELECT {raw} FROM activity WHERE id > {mark} AND {where}"]  # noqa: S608
    given = [*bounds, *values]
    for begins, first, last in edges(connection, (asked.since, asked.until)):
        within = f"id BETWEEN {first} AND {min(last, mark)} AND started_at / {QUARTER} = {begins}"
        parts.append(f"SELECT {raw} FROM activity WHERE {within} AND {where}")  # noqa: S608
        given += values
    return " UNION ALL ".join(parts), given


def _kept(asked: Conditions, names: tuple[str, ...]) -> tuple[str, list[str | int]]:
    """What is kept added up, as narrow as it answers what is asked."""
    at = f"begins * {QUARTER} AS started_at"
    if asked.whole and len(names) < 2:
        dimension = names[0] if names else "outcome"  # which has the fewest values
        named = "".join(f", {READ} AS {name}" for name in names)
        return f"SELECT {at}{named}, {_SUMMED} FROM tally WHERE dimension = ?", [dimension]  # noqa: S608
    columns = ", ".join((at, *names, _SUMMED))
    return f"SELECT {columns} FROM quarter WHERE {asked.sql}", [*asked.values]  # noqa: S608


def _add_latency(
    connection: sqlite3.Connection, asked: Conditions, wanted: Wanted, rows: list[dict[str, Any]]
) -> None:
    """The durations that half of the calls, and 19 of 20, did not exceed: whole milliseconds, below 100 tenths."""
    mark = mark_of(connection)
    if mark and asked.whole and wanted.groups == wanted.names and len(wanted.names) == 1:
        counted = _kept_durations(connection, asked, wanted.names[0], mark)
    else:
        counted = _durations(connection, asked, wanted)
    for row in rows:
        took = counted.get(tuple(row[name] for name in wanted.groups), [])
        row |= {f"p{part}_ms": _reached(took, part) for part in (50, 95)}


def _durations(
    connection: sqlite3.Connection, asked: Conditions, wanted: Wanted
) -> Mapping[tuple[object, ...], Sequence[tuple[float, int]]]:
    """Of every row."""
    columns, by = _columns(connection, asked, wanted)
    where, values = asked.where()
    sql = (
        f"SELECT {columns}, round(duration_ms, duration_ms < 100) AS took, count(*) AS calls FROM activity"  # noqa: S608
        f" WHERE {where} AND duration_ms IS NOT NULL GROUP BY {by}, took ORDER BY {by}, took"
    )
    counted: dict[tuple[object, ...], list[tuple[float, int]]] = defaultdict(list)
    for found in dicts(connection, sql, values):
        counted[tuple(found[name] for name in wanted.groups)].append((found["took"], found["calls"]))
    return counted


def _kept_durations(
    connection: sqlite3.Connection, asked: Conditions, name: str, mark: int
) -> Mapping[tuple[object, ...], Sequence[tuple[float, int]]]:
    """Of whole days as they are kept, in steps, and of every row beside them."""
    first = None if asked.since is None else -(-asked.since // DAY)
    last = None if asked.until is None else asked.until // DAY
    if first is not None and last is not None:
        last = max(first, last)
    counted = durations(connection, name, first, last)
    where, values = asked.where()
    pieces = [f"id > {mark}"]
    if first is not None:
        pieces += _outside(connection, asked.since, first * DAY, mark)
    if last is not None:
        pieces += _outside(connection, last * DAY, asked.until, mark)
    for piece in pieces:
        sql = f"SELECT {name}, duration_ms FROM activity WHERE {piece} AND {where} AND duration_ms IS NOT NULL"  # noqa: S608
        for value, took in connection.execute(sql, values):
            counted.setdefault(value, Counter())[lane_of(took)] += 1
    return {
        (value,): [(duration_of(lane), calls) for lane, calls in sorted(lanes.items())]
        for value, lanes in counted.items()
    }


def _outside(connection: sqlite3.Connection, since: int | None, until: int | None, mark: int) -> list[str]:
    """The rows up to the mark that began between two moments, as conditions that leave most others alone."""
    began = f"started_at >= {since} AND started_at < {until}"
    return [
        f"id BETWEEN {first} AND {last} AND {began}" for first, last in ranges(connection, {}, since, until, mark)
    ]


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
