"""`sql` of a callable: one query of an SQLite database, with values that are bound."""

import re
from collections.abc import Iterator

from agentos_runtime.manifest.dialects.local.paths import database_of
from agentos_runtime.manifest.dialects.placeholders import NotCarried, filled, under_key
from agentos_runtime.manifest.dialects.told import Told
from agentos_runtime.manifest.dialects.tree import entries, text
from agentos_runtime.manifest.model import Local
from agentos_runtime.manifest.yaml.values import Cursor, Value
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

KEYS = frozenset({"query", "database", "attach", "params", "response", "write", "timeout", "format"})
_TOKENS = regex(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|(?P<bound>[:@$]\w+)|(?P<question>\?\d*)",
    re.DOTALL,
)
_WRITES = regex(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:insert|update|delete|replace|create|drop|alter)\b", re.IGNORECASE | re.DOTALL
)
Pairs = dict[str, "Cursor | Value"]


def sql_of(cursor: Cursor, declared: frozenset[str], database: Cursor | None) -> tuple[Pairs, Local]:
    """What a call gives of the query, and the query. Raises NotCarried.

    declared: the callable's params. database: the skill's own.
    """
    for name in dict(cursor.items()):
        if name not in KEYS:
            raise NotCarried(f"`sql.{name[:60]}` is not supported")
    query = cursor.text("query")
    if not query or not query.strip():
        raise NotCarried("has no SQL query")
    if "{{" in query:
        raise NotCarried("puts params into the text of SQL; only what is bound (`:name`) can hold params")
    write = cursor.get("write")
    writes = write is not None and write.json is True
    if not writes and _WRITES.match(query):
        raise NotCarried("writes into a database, and its `sql` does not say `write: true`")
    main = cursor.get("database") or database
    if main is None:
        raise NotCarried("names no database")
    attached = cursor.get("attach")
    databases = {"": database_of(main)}
    for name, below in attached.items() if attached else ():
        if not re.fullmatch(r"[A-Za-z_]\w{0,60}", name) or name.lower() in ("main", "temp"):
            raise NotCarried(f"attaches a database under the name `{name[:60]}`")
        databases[name] = database_of(below)
    local = Local(
        "sql",
        cursor.json,
        {"query": query},
        databases=databases,
        write=writes,
    )
    return {"params": entries(_bound(cursor, query, declared), cursor.get("params") or cursor)}, local


def _bound(cursor: Cursor, query: str, declared: frozenset[str]) -> Pairs:
    """A value for every name in the query: what `params` says, else the callable's param of that name."""
    given = cursor.get("params")
    pairs: Pairs = {name: under_key(below, filled(below)) for name, below in given.items()} if given else {}
    for name in _names(query):
        if name in pairs:
            continue
        if name not in declared:
            raise NotCarried(f"has `:{name[:60]}` in its query, for which there is no value")
        pairs[name] = text(f".params.{name}", cursor)
    return pairs


def unbound(cursor: Cursor, declared: Cursor | None) -> Iterator[Told]:
    """Names in the query that nothing gives a value."""
    written, given = cursor.get("query"), cursor.get("params")
    if written is None or not isinstance(written.json, str):
        return
    known = [name for below in (given, declared) if below is not None for name, _ in below.items()]
    for found in _TOKENS.finditer(written.json):
        name = found["bound"]
        if name is None or name[1:] in known:
            continue
        guess = suggest(name[1:], known)
        fix = f"Did you mean `{name[0]}{guess}`?" if guess else "Declare it under `params`"
        message = f"nothing gives `{name[:60]}` a value, so this cannot be called"
        yield Told(written, message, fix, "warning", found.start())


def _names(query: str) -> Iterator[str]:
    for found in _TOKENS.finditer(query):
        if found["question"]:
            raise NotCarried("has `?` in its query; values are bound by name (`:name`)")
        if found["bound"]:
            yield found["bound"][1:]
