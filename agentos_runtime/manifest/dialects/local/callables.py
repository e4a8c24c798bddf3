"""A callable that runs on this machine, as a request of ours whose answer is what it gives."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.dialects.local import command, python, sql
from agentos_runtime.manifest.dialects.local.command import command_of
from agentos_runtime.manifest.dialects.local.python import python_of
from agentos_runtime.manifest.dialects.local.sql import sql_of, unbound
from agentos_runtime.manifest.dialects.placeholders import NotCarried
from agentos_runtime.manifest.dialects.told import Told, misspelt
from agentos_runtime.manifest.dialects.tree import entries, text
from agentos_runtime.manifest.model import Local
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value

KEYS: Mapping[str, frozenset[str]] = {"sql": sql.KEYS, "command": command.KEYS, "python": python.KEYS}
"""What each executor may say of a callable."""
EXECUTORS = tuple(KEYS)
RUNS: Mapping[str, float] = {"sql": 30.0, "command": 60.0, "python": 60.0, "steps": 300.0}
"""What runs here, and for how many seconds unless its file says otherwise."""
LONGEST = 3600.0
STAND_IN = "https://local.invalid/"
"""Where a request stands in for what runs here, until the file is read."""
Pairs = dict[str, "Cursor | Value"]


@dataclass(slots=True)
class Locals:
    """The callables of a file that run on this machine, by their names without dots."""

    of: dict[str, Local] = field(default_factory=dict)
    inner: set[str] = field(default_factory=set)
    """Callables that are steps of others."""


def local_request(
    kind: str, executor: Cursor, params: Cursor | None, database: Cursor | None, results: frozenset[str]
) -> tuple[Pairs, Local]:
    """The request that stands for what is run, and what is run. Raises NotCarried."""
    types = {name: _type(below) for name, below in params.items()} if params else {}
    if kind == "sql":
        given, local = sql_of(executor, frozenset(types), database)
    elif kind == "command":
        given, local = command_of(executor, types, results)
    else:
        given, local = python_of(executor)
    if kind != "python" and any(
        ".auth" in str(each.json if isinstance(each, Cursor) else each.value) for each in given.values()
    ):
        raise NotCarried("hands a key to a program of this machine, which is not done here")
    return request_for(kind, executor, given), local


def mistakes_in(kind: str, executor: Cursor, params: Cursor | None) -> Iterator[Told]:
    """Misspelt keys of what is run, and names in a query that nothing gives a value."""
    yield from misspelt(executor, KEYS[kind])
    if kind == "sql":
        yield from unbound(executor, params)


def request_for(kind: str, at: Cursor, given: Pairs) -> Pairs:
    """A request of ours with what a call gives as its body."""
    return {
        "method": text("POST", at),
        "url": text(f"{STAND_IN}{kind}", at),
        "timeout": _timeout(kind, at),
        "body": entries(given, at),
    }


def _timeout(kind: str, at: Cursor) -> Cursor | Value:
    given = at.get("timeout") if isinstance(at.value, Entries) else None
    if given is None or given.json is None:
        return text(RUNS[kind], at)
    seconds = given.json
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST:
        raise NotCarried(f"has a `timeout` that is no number of seconds up to {LONGEST:g}")
    return given


def _type(cursor: Cursor) -> str:
    return cursor.json if isinstance(cursor.json, str) else cursor.text("type") or "string"
