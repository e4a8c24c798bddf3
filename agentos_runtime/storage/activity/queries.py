"""What the ledger tells: rows, newest first, and usage added up."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos_runtime.errors import InternalError, ParamProblem
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.storage.activity.conditions import read_conditions, refuse
from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.finding import first_since, newest
from agentos_runtime.storage.activity.rows import BEGUN, CLOSING
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.activity.usage import Wanted, added_up, dicts
from agentos_runtime.storage.sqlite.files import FAILURES, DatabaseTrouble, PrivateDatabase
from agentos_runtime.storage.sqlite.shared import Work

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
_COLUMNS = ", ".join(("id", *(name for name in BEGUN if name != "owner"), *CLOSING))
_LARGEST_ID = 2**63 - 1


class ActivityReader:
    """Reads the ledger's file in a thread, on connections that cannot write; also while no server runs.

    clock: seconds since 1970, for durations in `since`.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database = PrivateDatabase(file, SCHEMA)
        self._clock = clock

    async def rows(
        self, filters: Mapping[str, str], sight: Sight = EVERYTHING, most: int = LARGEST_LIMIT
    ) -> dict[str, Json]:
        """`{"rows", "next_cursor"}` of what is seen.

        Filters: agent, skill, utility, model, outcome, code, request_id, since, until, limit, cursor. `since` and
        `until` are ISO 8601 or a duration (`90s`, `30m`, `24h`, `7d`, `2w`). A cursor stands between two rows and
        stays there, whatever is added. most: rows of one page. Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        asked = read_conditions(filters, sight, self._clock(), problems)
        limit = whole_number(filters, "limit", min(DEFAULT_LIMIT, most), most, problems)
        before = whole_number(filters, "cursor", _LARGEST_ID, _LARGEST_ID, problems)
        refuse(problems)
        found = await self._with(lambda connection: newest(connection, asked, _COLUMNS, before, limit + 1))
        rows: list[Json] = [shown(row) for row in found[:limit]]
        return {"rows": rows, "next_cursor": str(found[limit - 1]["id"]) if len(found) > limit else None}

    async def row(self, number: int, sight: Sight = EVERYTHING) -> dict[str, Json] | None:
        """One row; None when there is none, or it is not seen. Raises InternalError."""
        seen, agents = sight.condition()
        sql = f"SELECT {_COLUMNS} FROM activity WHERE {seen} AND id = ?"  # noqa: S608
        found = await self._read(sql, (*agents, min(number, _LARGEST_ID)))
        return shown(found[0]) if found else None

    async def changed(
        self, after: int, opened: Collection[int], filters: Mapping[str, str], sight: Sight = EVERYTHING
    ) -> list[dict[str, Json]]:
        """Rows after a number, and those of `opened`, in the order of their numbers, LARGEST_LIMIT at most.

        Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        where, values = read_conditions(filters, sight, self._clock(), problems).where()
        refuse(problems)
        numbers = ", ".join(map(str, opened))
        from_on = min((after + 1, *opened))  # SQLite would look at every row for the `OR` alone
        sql = (
            f"SELECT {_COLUMNS} FROM activity WHERE id >= ? AND (id > ? OR id IN ({numbers})) AND {where}"  # noqa: S608
            " ORDER BY id LIMIT ?"
        )
        return [shown(row) for row in await self._read(sql, (from_on, after, *values, LARGEST_LIMIT))]

    async def last(self) -> int:
        """The number of the newest row. Raises InternalError."""
        found = await self._read("SELECT coalesce(max(id), 0) AS last FROM activity", ())
        return int(found[0]["last"]) if found else 0

    async def usage(self, filters: Mapping[str, str], sight: Sight = EVERYTHING) -> dict[str, Json]:
        """`{"rows"}` of what is seen, the dearest first, days in their order; filters as for `rows`.

        by: of day, agent, skill, utility, model; without it all but the day are kept apart. zone: whose days.
        latency: `true` adds `p50_ms` and `p95_ms`. Raises InvalidParams, InternalError.
        """
        problems: list[ParamProblem] = []
        asked = read_conditions(filters, sight, self._clock(), problems)
        wanted = Wanted.of(filters, problems)
        refuse(problems)
        rows = await self._with(lambda connection: added_up(connection, asked, wanted))
        return {"rows": [*rows]}

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
        where = f"id >= ? AND started_at >= ? AND (? IS NULL OR agent = ?) AND id NOT IN ({but})"
        begun = int(since * 1000)
        first = self._reading(lambda connection: [{"id": first_since(connection, begun)}])
        return self._spent(where, (first[0]["id"] if first else 0, begun, agent, agent))

    def spent_by(self, row: int, agent: str) -> tuple[int, float]:
        """Tokens and US dollars of one call. As `spent`."""
        return self._spent("id = ? AND agent = ?", (row, agent))

    def _spent(self, where: str, values: Sequence[str | int | None]) -> tuple[int, float]:
        sums = "TOTAL(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens, TOTAL(cost) AS cost"
        found = self._query(f"SELECT {sums} FROM activity WHERE {where}", values)  # noqa: S608 - numbers and names
        return (int(found[0]["tokens"]), float(found[0]["cost"])) if found else (0, 0.0)

    async def _read(self, sql: str, values: Sequence[str | int]) -> list[dict[str, Any]]:
        return await self._with(lambda connection: dicts(connection, sql, values))

    async def _with(self, work: Work[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return await asyncio.to_thread(self._reading, work)
        except DatabaseTrouble as error:
            raise InternalError(f"The activity ledger cannot be read: {error}") from None

    def _query(self, sql: str, values: Sequence[str | int | None]) -> list[dict[str, Any]]:
        return self._reading(lambda connection: dicts(connection, sql, values))

    def _reading(self, work: Work[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            connection = self._database.read()
            if connection is None:
                return []
            with closing(connection):
                connection.execute("BEGIN")  # all that is asked for is of one moment
                return work(connection)
        except FAILURES as error:
            raise self._database.trouble(error) from None


def shown(row: Mapping[str, Any]) -> dict[str, Json]:
    decision = parse(row["decision"]) if row["decision"] else None
    return {**row, "started_at": iso(row["started_at"]), "decision": decision}


def whole_number(
    filters: Mapping[str, str], name: str, default: int, largest: int, problems: list[ParamProblem]
) -> int:
    text = filters.get(name)
    if text is None:
        return default
    if re.fullmatch("[0-9]{1,19}", text) and 1 <= int(text) <= largest:
        return int(text)
    problems.append(ParamProblem(name, f"must be a whole number from 1 to {largest}"))
    return default


def iso(milliseconds: int) -> str:
    """`2026-11-20T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
