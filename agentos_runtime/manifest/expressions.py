"""Strings that are always jq, and what can be said about jq without running it."""

import re
from collections.abc import Iterator

from agentos_runtime.expressions.program import plain_path
from agentos_runtime.manifest.model import Expression, Jq, PlainPath
from agentos_runtime.manifest.reading import Scope, Side
from agentos_runtime.manifest.values import Cursor

_AUTH = re.compile(r'(?<![\w/:])\.auth(?!\w)(?:\s*\.\s*([A-Za-z_]\w*)|\s*\[\s*"(\w+)"\s*\])?')


def read_expression(cursor: Cursor | None, scope: Scope, side: Side) -> Expression | None:
    """A string that is jq whatever it looks like; None when there is none."""
    if cursor is None or not isinstance(cursor.json, str):
        return None
    source = cursor.json
    fields = auth_fields(cursor, source, scope) if side == "request" else frozenset[str]()
    steps = None if fields else plain_path(source)
    scope.note(cursor, source, side, compile_check=steps is None)
    return Jq(source, cursor.place, fields) if steps is None else PlainPath(steps, source, cursor.place)


def auth_fields(cursor: Cursor, source: str, scope: Scope) -> frozenset[str]:
    """The credential's fields that a request expression names; `.auth` alone is reported, then taken for `key`."""
    names: set[str] = set()
    for mention in _AUTH.finditer(source):
        name = mention[1] or mention[2]
        names.add(name or "key")
        if name:
            continue
        scope.report.error(
            cursor.document.place(cursor.path, cursor.offset_at(mention.start())),
            "`.auth` alone names no field of the credential",
            "Write `.auth.key`, or the field that is meant",
            len(".auth"),
        )
    return frozenset(names)


def mentions(source: str, root: str, side: Side) -> Iterator[tuple[str | None, int]]:
    """Each `.params.name` of a request (`$params.name` of a response): the name and its index in the source.

    The name is None where the whole of `root` is used.
    """
    sigil = r"(?<![\w/:$)\]])\." if side == "request" else r"\$"
    pattern = rf'{sigil}{root}(?!\w)(?:\s*\.\s*([A-Za-z_]\w*)|\s*\[\s*"(\w+)"\s*\])?'
    for found in re.finditer(pattern, source):
        group = 1 if found[1] else 2
        name = found[group]
        yield name, found.start(group) if name else found.start()
