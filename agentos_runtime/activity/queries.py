"""What the ledger tells: rows, newest first, and usage added up."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agentos_runtime.activity.database import open_for_reading
from agentos_runtime.activity.rows import BEGUN, CLOSING
from agentos_runtime.errors import InternalError, InvalidParams, ParamProblem
from agentos_runtime.jsontext import Json

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
OUTCOMES = ("ok", "error", "cancelled", "interrupted", "started")
GROUPS = ("agent", "skill", "utility", "model")

_COLUMNS = ", ".join(("id", *(name for name in BEGUN if name != "owner"), *CLOSING))
_SUMS = (
    "COUNT(*) AS calls, SUM(outcome = 'error') AS errors, COALESCE(SUM(input_tokens), 0) AS input_tokens,"
    " COALESCE(SUM(output_tokens), 0) AS output_tokens, COALESCE(SUM(cost), 0.0) AS cost"
)
_UNITS = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800})
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_LARGEST_ID = 2**63 - 1


class ActivityReader:
    """Reads the ledger's file in a thread, on connections that cannot write; also while no server runs.

    clock: seconds since 1970, for durations in `since`.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    async def rows(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """`{"rows", "next_cursor"}`; filters: agent, skill, utility, outcome, since, limit, cursor.

        `since` is ISO 8601 or a duration (`90s`, `30m`, `24h`, `7d`, `2w`). A cursor stands between two rows and
        stays there, whatever is added. Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        where, values = self._conditions(filters, problems)
        limit = _whole(filters, "limit", DEFAULT_LIMIT, LARGEST_LIMIT, problems)
        before = _whole(filters, "cursor", _LARGEST_ID, _LARGEST_ID, problems)
        _refuse(problems)
        sql = f"SELECT {_COLUMNS} FROM activity WHERE {where} AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        found = await self._read(sql, (*values, before, limit + 1))
        rows: list[Json] = [{**row, "started_at": _iso(row["started_at"])} for row in found[:limit]]
        return {"rows": rows, "next_cursor": str(found[limit - 1]["id"]) if len(found) > limit else None}

    async def usage(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """`{"rows"}`, the dearest first; filters: since, by (of agent, skill, utility, model; all when absent).

        Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        where, values = self._conditions(filters, problems)
        groups = _groups(filters, problems)
        _refuse(problems)
        by = ", ".join(groups)
        sql = f"SELECT {by}, {_SUMS} FROM activity WHERE {where} GROUP BY {by} ORDER BY cost DESC, calls DESC, {by}"  # noqa: S608
        found = await self._read(sql, values)
        # Adding up binary fractions leaves dust far behind the last digit that anybody bills.
        rows: list[Json] = [{**row, "cost": round(row["cost"], 12)} for row in found]
        return {"rows": rows}

    def spent(self, agent: str | None, since: float) -> tuple[int, float]:
        """Tokens and US dollars of the calls begun since a moment (epoch seconds); of all agents when None.

        Reads at once, in the caller's thread. Raises sqlite3.Error.
        """
        sql = "SELECT TOTAL(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens, TOTAL(cost) AS cost"
        found = self._query(
            f"{sql} FROM activity WHERE started_at >= ? AND (? IS NULL OR agent = ?)",
            (int(since * 1000), agent, agent),
        )
        return (int(found[0]["tokens"]), float(found[0]["cost"])) if found else (0, 0.0)

    def _conditions(self, filters: Mapping[str, str], problems: list[ParamProblem]) -> tuple[str, list[str | int]]:
        conditions, values = ["1"], list[str | int]()
        for name in ("agent", "skill", "utility", "outcome"):
            if name in filters:
                conditions.append(f"{name} = ?")
                values.append(filters[name].encode("utf-8", "replace").decode("utf-8"))
        if filters.get("outcome", "ok") not in OUTCOMES:
            problems.append(ParamProblem("outcome", f"must be one of {', '.join(OUTCOMES)}"))
        if "since" in filters:
            since = _since(filters["since"], self._clock())
            if since is None:
                problems.append(
                    ParamProblem("since", "must be a time (2026-11-20T08:00:00Z) or a duration (24h, 7d)")
                )
            else:
                conditions.append("started_at >= ?")
                values.append(since)
        return " AND ".join(conditions), values

    async def _read(self, sql: str, values: Sequence[str | int]) -> list[dict[str, Any]]:
        try:
            return await asyncio.to_thread(self._query, sql, values)
        except sqlite3.Error as error:
            raise InternalError(f"The activity ledger {self._file} cannot be read: {error}") from None

    def _query(self, sql: str, values: Sequence[str | int | None]) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        connection = open_for_reading(self._file)
        try:
            cursor = connection.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            connection.close()


def _refuse(problems: list[ParamProblem]) -> None:
    if problems:
        raise InvalidParams(
            "The query cannot be read: " + "; ".join(f"{p.path} {p.message}" for p in problems), problems=problems
        )


def _whole(filters: Mapping[str, str], name: str, default: int, largest: int, problems: list[ParamProblem]) -> int:
    text = filters.get(name)
    if text is None:
        return default
    if re.fullmatch("[0-9]{1,19}", text) and 1 <= int(text) <= largest:
        return int(text)
    problems.append(ParamProblem(name, f"must be a whole number from 1 to {largest}"))
    return default


def _groups(filters: Mapping[str, str], problems: list[ParamProblem]) -> tuple[str, ...]:
    names = [name.strip() for name in filters.get("by", ",".join(GROUPS)).split(",")]
    if not set(names) <= set(GROUPS):
        problems.append(ParamProblem("by", f"must be of {', '.join(GROUPS)}, separated by commas"))
        return GROUPS
    return tuple(dict.fromkeys(names))


def _since(text: str, now: float) -> int | None:
    """Milliseconds since 1970."""
    if duration := _DURATION.fullmatch(text):
        return int((now - int(duration[1]) * _UNITS[duration[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a `+` in a query arrives as a space
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
