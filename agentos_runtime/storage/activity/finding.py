"""Finds rows of a long ledger between the numbers that its tallies name, without a look at all others."""

import sqlite3
from typing import Any

from agentos_runtime.storage.activity.conditions import Conditions
from agentos_runtime.storage.activity.quarters import mark_of
from agentos_runtime.storage.activity.tallies import QUARTER, ranges
from agentos_runtime.storage.activity.usage import dicts

LAST = 2**63 - 1


def newest(
    connection: sqlite3.Connection, asked: Conditions, columns: str, before: int, most: int
) -> list[dict[str, Any]]:
    """Rows below a number, the newest first."""
    where, values = asked.where()
    sql = f"SELECT {columns} FROM activity WHERE id BETWEEN ? AND ? AND {where} ORDER BY id DESC LIMIT ?"  # noqa: S608
    found: list[dict[str, Any]] = []
    for first, last in _pieces(connection, asked):
        if len(found) == most:
            break
        if first < before:
            given = (first, min(last, before - 1), *values, most - len(found))
            found += dicts(connection, sql, given)
    return found


def _pieces(connection: sqlite3.Connection, asked: Conditions) -> list[tuple[int, int]]:
    """Between which numbers the rows lie, the newest first."""
    mark = mark_of(connection)
    if not mark or not (asked.names or asked.since is not None or asked.until is not None):
        return [(0, LAST)]
    return [(mark + 1, LAST), *ranges(connection, asked.names, asked.since, asked.until, mark)]


def first_since(connection: sqlite3.Connection, moment: int) -> int:
    """A number below which no row began at the moment or later (milliseconds since 1970)."""
    mark = mark_of(connection)
    if not mark:
        return 0
    sql = "SELECT min(first) FROM span WHERE begins >= ?"
    found: int | None = connection.execute(sql, (moment // QUARTER,)).fetchone()[0]
    return mark + 1 if found is None else found
