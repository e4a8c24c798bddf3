"""What the ledger of all replicas tells: rows, newest first, and usage added up."""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agentos_runtime.errors import DatabaseUnavailable, InternalError, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.storage.activity.conditions import Conditions, read_conditions, refuse
from agentos_runtime.storage.activity.queries import DEFAULT_LIMIT, LARGEST_LIMIT, shown, whole_number
from agentos_runtime.storage.activity.rows import BEGUN, CLOSING
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.activity.usage import Wanted
from agentos_runtime.storage.activity.zones import day_sql, day_text
from agentos_runtime.storage.postgres.numbers import first_of
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

SETTLED_AFTER = 300
"""Milliseconds after a call's beginning in which its row may still be on its way."""
READ_WITHIN = 30.0
_COLUMNS = ", ".join(("id", *(name for name in BEGUN if name != "owner"), *CLOSING))
_LARGEST_ID = 2**63 - 1
_SUMS = (
    "count(*) AS calls, count(*) FILTER (WHERE outcome = 'error') AS errors,"
    " coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,"
    " round(sum(cost)::numeric, 12)::float8 AS cost"
)
_LATENCY = "".join(
    f", round((percentile_disc({part / 100}) WITHIN GROUP (ORDER BY duration_ms))::numeric,"
    f" CASE WHEN percentile_disc({part / 100}) WITHIN GROUP (ORDER BY duration_ms) < 100 THEN 1 ELSE 0 END)::float8"
    f" AS p{part}_ms"
    for part in (50, 95)
)
_SINCE, _UNTIL = regex(r"started_at >= \?"), regex(r"started_at < \?")


class SharedReader:
    """Reads in a thread of its own. side: held up while it reads. now: milliseconds since 1970."""

    def __init__(self, side: SideConnection, now: Callable[[], int]) -> None:
        self._side = side
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database-reads")

    async def rows(
        self, filters: Mapping[str, str], sight: Sight = EVERYTHING, most: int = LARGEST_LIMIT
    ) -> dict[str, Json]:
        """See ActivityReader.rows. A row may come behind a cursor by the length of its call."""
        problems: list[ParamProblem] = []
        where, values = self._where(filters, sight, problems)
        limit = whole_number(filters, "limit", min(DEFAULT_LIMIT, most), most, problems)
        before = whole_number(filters, "cursor", _LARGEST_ID, _LARGEST_ID, problems)
        refuse(problems)
        sql = f"SELECT {_COLUMNS} FROM activity WHERE {where} AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        found = await self._read(sql, (*values, before, limit + 1))
        rows: list[Json] = [shown(row) for row in found[:limit]]
        return {"rows": rows, "next_cursor": str(found[limit - 1]["id"]) if len(found) > limit else None}

    async def row(self, number: int, sight: Sight = EVERYTHING) -> dict[str, Json] | None:
        """See ActivityReader.row."""
        seen, agents = sight.condition()
        sql = f"SELECT {_COLUMNS} FROM activity WHERE {_condition(seen)} AND id = ?"  # noqa: S608
        found = await self._read(sql, (*agents, min(number, _LARGEST_ID)))
        return shown(found[0]) if found else None

    async def changed(
        self, after: int, opened: Collection[int], filters: Mapping[str, str], sight: Sight = EVERYTHING
    ) -> list[dict[str, Json]]:
        """See ActivityReader.changed; of new rows those that none of another replica can come before any more."""
        problems: list[ParamProblem] = []
        where, values = self._where(filters, sight, problems)
        refuse(problems)
        numbers = ", ".join(map(str, opened)) or "NULL"
        sql = (
            f"SELECT {_COLUMNS} FROM activity WHERE ((id > ? AND id < ?) OR id IN ({numbers})) AND {where}"  # noqa: S608
            " ORDER BY id LIMIT ?"
        )
        settled = first_of(self._now() - SETTLED_AFTER)
        return [shown(row) for row in await self._read(sql, (after, settled, *values, LARGEST_LIMIT))]

    async def last(self) -> int:
        """The number after which rows are new."""
        return first_of(self._now() - SETTLED_AFTER)

    async def usage(self, filters: Mapping[str, str], sight: Sight = EVERYTHING) -> dict[str, Json]:
        """See ActivityReader.usage."""
        problems: list[ParamProblem] = []
        now = self._now()
        asked = read_conditions(filters, sight, now / 1000, problems)
        wanted = Wanted.of(filters, problems)
        refuse(problems)
        by = ", ".join(wanted.groups)
        day = await self._day(asked, wanted, now) if "day" in wanted.groups else ""
        columns = ", ".join(day if name == "day" else name for name in wanted.groups)
        where, values = _numbered(asked)
        order = ", ".join([*(["day"] if "day" in wanted.groups else []), "cost DESC NULLS LAST", "calls DESC", by])
        sums = _SUMS + (_LATENCY if wanted.latency else "")
        sql = f"SELECT {columns}, {sums} FROM activity WHERE {where} GROUP BY {by} ORDER BY {order}"  # noqa: S608
        rows = await self._read(sql, values)
        return {"rows": [row | ({"day": day_text(row["day"])} if "day" in row else {}) for row in rows]}

    async def counted(self, code: str) -> list[tuple[str, str, int]]:
        """See ActivityReader.counted."""
        sql = (
            "SELECT skill, utility, count(*) AS calls FROM activity WHERE outcome = 'ok' AND code = ?"
            " GROUP BY skill, utility ORDER BY skill, utility"
        )
        return [(row["skill"], row["utility"], row["calls"]) for row in await self._read(sql, (code,))]

    async def _day(self, asked: Conditions, wanted: Wanted, now: int) -> str:
        first = asked.since
        if first is None:
            first = (await self._read("SELECT coalesce(min(began_at(id)), ?) AS first FROM activity", (now,)))[0][
                "first"
            ]
        last = now if asked.until is None else max(now, asked.until)
        return f"{day_sql(wanted.zone, first, last)} AS day"

    def _where(
        self, filters: Mapping[str, str], sight: Sight, problems: list[ParamProblem]
    ) -> tuple[str, tuple[str | int, ...]]:
        return _numbered(read_conditions(filters, sight, self._now() / 1000, problems))

    async def _read(self, sql: str, values: Sequence[str | int]) -> list[dict[str, Any]]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._reading, sql, values)
        except DatabaseAway as error:
            raise DatabaseUnavailable(f"The activity ledger cannot be read: {error}", retry_after=1.0) from None
        except DatabaseTrouble as error:
            raise InternalError(f"The activity ledger cannot be read: {error}") from None

    def _reading(self, sql: str, values: Sequence[str | int]) -> list[dict[str, Any]]:
        cursor = self._side.execute(sql, values, within=READ_WITHIN)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _numbered(asked: Conditions) -> tuple[str, tuple[str | int, ...]]:
    """With moments as numbers of calls, by which rows are found and partitions left out."""
    sql, values = asked.where()
    return _UNTIL.sub("id < first_id(?)", _SINCE.sub("id >= first_id(?)", _condition(sql))), values


def _condition(sql: str) -> str:
    """All rows are `1` in SQLite."""
    return re.sub(r"^1(?= AND |$)", "true", sql)
