"""Rows as CSV, for spreadsheets: a cell that one would take for a formula is text."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from agentos_runtime.jsontext import Json, dump

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheet(rows: Sequence[Mapping[str, Json]], columns: Iterable[str]) -> bytes:
    """One line per row below the names of the columns; UTF-8, lines end as RFC 4180 says."""
    names = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return dump(value).decode()
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    text = value if isinstance(value, str) else dump(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text
