"""What single agents, skills, utilities, models, outcomes and codes come to in each quarter-hour of a long ledger.

They lie beside the sums of `quarters`, hold the same rows, and answer two questions without a look at most rows:
sums kept apart by one of these names, and between which numbers the rows of a name lie. How long calls took is kept
per day of UTC, in steps of 2 %.
"""

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log
from zlib import compress, decompress

QUARTER = 900_000
"""Milliseconds."""
DAY = 86_400_000
DIMENSIONS = ("agent", "skill", "utility", "model", "outcome", "code")
TIMED = DIMENSIONS[:4]
"""Those for which it is kept how long calls took."""
STEP = 1.02
LANES = 1024
"""Steps from LEAST on; the last is 17 hours, and whatever took longer."""
LEAST = 0.1
"""Milliseconds."""
_LANE = 32

TABLES = """
CREATE TABLE tally (
    dimension TEXT NOT NULL,
    value TEXT NOT NULL,
    begins INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    priced INTEGER NOT NULL,
    PRIMARY KEY (dimension, value, begins)
) STRICT, WITHOUT ROWID;
CREATE TABLE took (
    dimension TEXT NOT NULL,
    value TEXT NOT NULL,
    day INTEGER NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (dimension, value, day)
) STRICT, WITHOUT ROWID;
"""
SUMS: Mapping[str, str] = {
    "calls": "count(*)",
    "errors": "cast(total(outcome = 'error') AS INTEGER)",
    "input_tokens": "coalesce(sum(input_tokens), 0)",
    "output_tokens": "coalesce(sum(output_tokens), 0)",
    "cost": "total(cost)",
    "priced": "count(cost)",
}
"""What is added up of rows; `priced` counts those that say a cost."""


def written(column: str) -> str:
    """SQL for a value of a column as it is kept here: no value is another one than an empty text."""
    return f"coalesce('=' || {column}, '')"


READ = "CASE value WHEN '' THEN NULL ELSE cast(substr(cast(value AS BLOB), 2) AS TEXT) END"
"""SQL for what was written; of a text, SQLite would read no further than to a NUL."""


OF_ALIKE = ", ".join(f"sum({name})" for name in SUMS)
"""SQL for the same of what was added up in part."""


@contextmanager
def alike(connection: sqlite3.Connection, where: str, values: Sequence[int], sign: str) -> Iterator[None]:
    """In the block `temp.alike` has what rows come to, or its opposite (`-`): one line for all that are alike.

    Of a block that fails the transaction is rolled back, and the table with it.
    """
    sums = ", ".join(f"{sign}{each} AS {name}" for name, each in SUMS.items())
    names = ", ".join(DIMENSIONS)
    connection.execute(
        f"CREATE TEMP TABLE alike AS SELECT started_at / {QUARTER} AS begins, {names}, {sums} FROM activity"  # noqa: S608
        f" WHERE {where} GROUP BY begins, {names}",
        values,
    )
    yield
    connection.execute("DROP TABLE temp.alike")


def add(connection: sqlite3.Connection, sign: str) -> None:
    """Add what stands in `temp.alike`; sign: whether these are rows that go (`-`)."""
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
    for name in DIMENSIONS:
        connection.execute(
            f"INSERT INTO tally SELECT '{name}', {written(name)}, begins, {OF_ALIKE} FROM temp.alike"  # noqa: S608
            f" WHERE true GROUP BY 2, 3 ON CONFLICT DO UPDATE SET {more}"
        )
        if sign == "-":
            gone = f"SELECT '{name}', {written(name)}, begins FROM temp.alike"  # noqa: S608
            connection.execute(f"DELETE FROM tally WHERE (dimension, value, begins) IN ({gone}) AND calls <= 0")  # noqa: S608


def ranges(
    connection: sqlite3.Connection, equal: Mapping[str, str], since: int | None, until: int | None, mark: int
) -> list[tuple[int, int]]:
    """Between which numbers, up to the mark, all rows lie that have these values and began then; the last first."""
    wanted, values = ["1"], list[str | int]()
    for moment, condition in ((since, "begins >= ?"), (until, "begins <= ?")):
        if moment is not None:
            wanted.append(condition)
            values.append(moment // QUARTER)
    times = " AND ".join(wanted)
    given = [*values]
    for name, value in equal.items():
        wanted.append(f"begins IN (SELECT begins FROM tally WHERE dimension = ? AND value = ? AND {times})")  # noqa: S608
        given += [name, f"={value}", *values]
    sql = f"SELECT first, min(last, {mark}) FROM span WHERE {' AND '.join(wanted)} ORDER BY last DESC"  # noqa: S608
    merged: list[tuple[int, int]] = []
    for first, last in connection.execute(sql, given):
        if merged and last >= merged[-1][0] - 1:
            merged[-1] = (min(first, merged[-1][0]), merged[-1][1])
        else:
            merged.append((first, last))
    return merged


# ------------------------------------------------------------------ how long calls took


def lane_of(milliseconds: float) -> int:
    """The step of a duration."""
    return min(round(log(max(milliseconds, LEAST) / LEAST, STEP)), LANES - 1)


def duration_of(lane: int) -> float:
    """Milliseconds in the middle of a step; as rows are shown, whole ones from 100 on."""
    took = LEAST * STEP**lane
    return round(took, 1) if took < 100 else float(round(took))


def durations(
    connection: sqlite3.Connection, dimension: str, first: int | None, last: int | None
) -> dict[str | None, Counter[int]]:
    """value → step → calls, of whole days of UTC from `first` until before `last`."""
    where, values = "dimension = ?", list[str | int]([dimension])
    for day, condition in ((first, " AND day >= ?"), (last, " AND day < ?")):
        if day is not None:
            where, values = where + condition, [*values, day]
    together: dict[str | None, int] = {}
    for value, counts in connection.execute(f"SELECT {READ}, counts FROM took WHERE {where}", values):  # noqa: S608
        together[value] = together.get(value, 0) + _unpacked(counts)
    return {value: _counted(number) for value, number in together.items()}


def _counted(number: int) -> Counter[int]:
    lanes = array("I", number.to_bytes(LANES * _LANE // 8, "little"))
    return Counter({lane: calls for lane, calls in enumerate(lanes) if calls})


def add_durations(connection: sqlite3.Connection, where: str, values: Sequence[int], sign: str) -> None:
    """Add how long rows took, or take it out again (`-`)."""
    columns = ", ".join(map(written, TIMED))
    rows = connection.execute(
        f"SELECT started_at / {DAY}, duration_ms, {columns} FROM activity"  # noqa: S608
        f" WHERE {where} AND duration_ms IS NOT NULL",
        values,
    )
    alike = Counter((day, *names, lane_of(took)) for day, took, *names in rows)
    counted: dict[tuple[str, str, int], Counter[int]] = {}
    for (day, *names, lane), calls in alike.items():
        for dimension, value in zip(TIMED, names, strict=True):
            counted.setdefault((dimension, value, day), Counter())[lane] += calls
    for key, lanes in counted.items():
        _change(connection, key, lanes, sign)


def _change(connection: sqlite3.Connection, key: tuple[str, str, int], lanes: Counter[int], sign: str) -> None:
    found = connection.execute("SELECT counts FROM took WHERE (dimension, value, day) = (?, ?, ?)", key).fetchone()
    known = _unpacked(found[0]) if found else 0
    change = sum(calls << (_LANE * lane) for lane, calls in lanes.items())
    left = known + change if sign == "+" else known - change
    if left > 0:
        connection.execute("INSERT OR REPLACE INTO took VALUES (?, ?, ?, ?)", (*key, _packed(left)))
    else:
        connection.execute("DELETE FROM took WHERE (dimension, value, day) = (?, ?, ?)", key)


def _packed(number: int) -> bytes:
    return compress(number.to_bytes(LANES * _LANE // 8, "little"), 1)


def _unpacked(counts: bytes) -> int:
    return int.from_bytes(decompress(counts), "little")
