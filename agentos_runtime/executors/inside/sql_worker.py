"""One query of an SQLite database: a process of its own, which opens the files that it was told and no other.

Standard input is `{query, database, attach, params, write, rows, bytes}`, paths resolved. Standard output is
`{"rows": […]}`, `{"changes", "last_insert_rowid"}` for what changes rows, or `{"failed": …}`.
"""

import base64
import contextlib
import json
import os
import sqlite3
import sys
from urllib.parse import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
WRITES = frozenset(
    {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_TRANSACTION}
)
PRAGMAS = frozenset(
    {
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "collation_list",
        "function_list",
        "user_version",
        "application_id",
        "schema_version",
        "page_count",
        "page_size",
        "encoding",
    }
)
WITH_A_NAME = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"}) | {
    "foreign_key_list"
}
"""Those whose argument names what is looked at; of all others an argument would change something."""
TABLES = ("json_each('[]')", "json_tree('[]')", *(f"pragma_{name}('x')" for name in sorted(WITH_A_NAME)))
REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    try:
        found = run(order)
        text = json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except sqlite3.Error as error:
        text = failed(str(error))
    except TooMuch as error:
        text = json.dumps({"excess": str(error)}).encode()
    except ValueError as error:
        text = failed(f"a value has no place in JSON: {error}")
    view = memoryview(text)
    while view:
        view = view[os.write(1, view) :]


class TooMuch(Exception):
    """More rows or bytes than a reply may have."""


def failed(reason: str) -> bytes:
    return json.dumps({"failed": reason}).encode()


def run(order: "dict[str, Any]") -> "dict[str, Any]":
    write = order["write"]
    connection = sqlite3.connect(address(order["database"], write), uri=True, isolation_level=None, timeout=2.0)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    for name, path in order["attach"].items():
        connection.execute(f'ATTACH DATABASE ? AS "{name}"', (address(path, write),))  # name is [a-z_]\w*
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    if not write:
        connection.execute("PRAGMA query_only = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, order["bytes"])
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, len(order["attach"]))
    for table in TABLES:  # made with their first use, which the authorizer would take for a change
        with contextlib.suppress(sqlite3.Error):
            connection.execute(f"SELECT 1 FROM {table} LIMIT 0")  # noqa: S608  names of ours
    connection.set_authorizer(authorizer(write))
    cursor = connection.execute(order["query"], Bound(order["params"]))
    if cursor.description is None:
        return {"changes": max(cursor.rowcount, 0), "last_insert_rowid": cursor.lastrowid}
    return {"rows": rows_of(cursor, order["rows"], order["bytes"])}


def rows_of(cursor: sqlite3.Cursor, most: int, most_bytes: int) -> "list[Any]":
    names = [column[0] for column in cursor.description]
    rows: list[Any] = []
    size = 0
    for row in cursor:
        if len(rows) == most:
            raise TooMuch(f"more than {most} rows; ask for fewer with LIMIT")
        values = [value_of(value) for value in row]
        size += sum(len(value) if isinstance(value, str) else 16 for value in values)
        if size > most_bytes:
            raise TooMuch(f"more than {most_bytes // (1024 * 1024)} MB; ask for fewer rows or columns")
        rows.append(dict(zip(names, values, strict=True)))
    return rows


def value_of(value: "Any") -> "Any":
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


class Bound(dict):  # type: ignore[type-arg]
    """Values by name: what is not set is NULL, a list or a map its JSON."""

    def __init__(self, given: "dict[str, Any]") -> None:
        super().__init__(
            {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in given.items()}
        )

    def __missing__(self, name: str) -> None:
        return None


def address(path: str, write: bool) -> str:
    return f"file:{quote(os.fspath(path))}?mode={'rw' if write else 'ro'}"


def authorizer(write: bool) -> "Any":
    """Says of each thing that a statement does whether it may."""

    def allows(action: int, first: "str | None", second: "str | None", *_: "Any") -> int:
        if action in READS or (write and action in WRITES):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (second or "").lower() in REFUSED_FUNCTIONS else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in PRAGMAS:
            harmless = second is None or (first or "").lower() in WITH_A_NAME
            return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_DENY

    return allows


if __name__ == "__main__":
    main()
