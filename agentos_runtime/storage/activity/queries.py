"""What the ledger tells: rows, newest first, and usage added up."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agentos_runtime.errors import InternalError, InvalidParams, ParamProblem
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.rows import BEGUN, CLOSING
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.sqlite.files import FAILURES, DatabaseTrouble, PrivateDatabase

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
OUTCOMES = ("ok", "error", "cancelled", "interrupted", "started", "waiting")
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
        self._database = PrivateDatabase(file, SCHEMA)
        self._clock = clock

    async def rows(self, filters: Mapping[str, str], sight: Sight = EVERYTHING) -> dict[str, Json]:
        """`{"rows", "next_cursor"}` of what is seen; filters: agent, skill, utility, outcome, since, limit, cursor.

        `since` is ISO 8601 or a duration (`90s`, `30m`, `24h`, `7d`, `2w`). A cursor stands between two rows and
        stays there, whatever is added. Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        where, values = self._conditions(filters, sight, problems)
        limit = _whole(filters, "limit", DEFAULT_LIMIT, LARGEST_LIMIT, problems)
        before = _whole(filters, "cursor", _LARGEST_ID, _LARGEST_ID, problems)
        _refuse(problems)
        sql = f"SELECT {_COLUMNS} FROM activity WHERE {where} AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        found = await self._read(sql, (*values, before, limit + 1))
        rows: list[Json] = [_shown(row) for row in found[:limit]]
        return {"rows": rows, "next_cursor": str(found[limit - 1]["id"]) if len(found) > limit else None}

    async def usage(self, filters: Mapping[str, str], sight: Sight = EVERYTHING) -> dict[str, Json]:
        """`{"rows"}` of what is seen, the dearest first; filters: since, by (of agent, skill, utility, model).

        Without `by` all of them are kept apart. Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        where, values = self._conditions(filters, sight, problems)
        groups = _groups(filters, problems)
        _refuse(problems)
        by = ", ".join(groups)
        sql = f"SELECT {by}, {_SUMS} FROM activity WHERE {where} GROUP BY {by} ORDER BY cost DESC, calls DESC, {by}"  # noqa: S608
        found = await self._read(sql, values)
        # Adding up binary fractions leaves dust far behind the last digit that anybody bills.
        rows: list[Json] = [{**row, "cost": round(row["cost"], 12)} for row in found]
        return {"rows": rows}

    async def counted(self, code: str) -> list[tuple[str, str, int]]:
        """Skill, utility, and how many calls that went well have that code. Raises InternalError."""
        sql = (
            "SELECT skill, utility, COUNT(*) AS calls FROM activity WHERE outcome = 'ok' AND code = ?"
            " GROUP BY skill, utility ORDER BY skill, utility"
        )
        return [(row["skill"], row["utility"], row["calls"]) for row in await self._read(sql, (code,))]

    def spent(self, agent: str | None, since: float, without: Collection[int] = ()) -> tuple[int, float]:
        """Tokens and US dollars of the calls begun since a moment (epoch seconds); of all agents when None.

        without: numbers of rows that are left out. Reads at once, in the caller's thread. Raises DatabaseTrouble.
        """
        but = ", ".join(map(str, without))
        where = f"started_at >= ? AND (? IS NULL OR agent = ?) AND id NOT IN ({but})"
        return self._spent(where, (int(since * 1000), agent, agent))

    def spent_by(self, row: int, agent: str) -> tuple[int, float]:
        """Tokens and US dollars of one call. As `spent`."""
        return self._spent("id = ? AND agent = ?", (row, agent))

    def _spent(self, where: str, values: Sequence[str | int | None]) -> tuple[int, float]:
        sums = "TOTAL(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens, TOTAL(cost) AS cost"
        found = self._query(f"SELECT {sums} FROM activity WHERE {where}", values)  # noqa: S608 - numbers and names
        return (int(found[0]["tokens"]), float(found[0]["cost"])) if found else (0, 0.0)

    def _conditions(
        self, filters: Mapping[str, str], sight: Sight, problems: list[ParamProblem]
    ) -> tuple[str, list[str | int]]:
        seen, agents = sight.condition()
        conditions, values = [seen], list[str | int](agents)
        for name in ("agent", "skill", "utility", "outcome"):
            if name in filters:
                conditions.append(f"{name} = ?")
                values.append(filters[name].encode("utf-8", "replace").decode("utf-8"))
        if filters.get("outcome", "ok") not in OUTCOMES:
            problems.append(ParamProblem("outcome", f"must be one of {', '.join(OUTCOMES)}"))
        if "since" in filters:
            since = moment_of(filters["since"], self._clock())
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
        except DatabaseTrouble as error:
            raise InternalError(f"The activity ledger cannot be read: {error}") from None

    def _query(self, sql: str, values: Sequence[str | int | None]) -> list[dict[str, Any]]:
        try:
            connection = self._database.read()
            if connection is None:
                return []
            with closing(connection):
                cursor = connection.execute(sql, values)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except FAILURES as error:
            raise self._database.trouble(error) from None


def _shown(row: Mapping[str, Any]) -> dict[str, Json]:
    decision = parse(row["decision"]) if row["decision"] else None
    return {**row, "started_at": iso(row["started_at"]), "decision": decision}


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


def moment_of(text: str, now: float) -> int | None:
    """Milliseconds since 1970 of an ISO time, or of a duration (`30d`) before `now`; None when it is neither."""
    if duration := _DURATION.fullmatch(text):
        return int((now - int(duration[1]) * _UNITS[duration[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a `+` in a query arrives as a space
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def iso(milliseconds: int) -> str:
    """`2026-11-20T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
