"""Strings that are always jq, and what can be said about jq without running it."""

import re
from collections.abc import Iterator

from agentos_runtime.jq.program import plain_path
from agentos_runtime.manifest.mentions import mentions_of_auth, named_fields
from agentos_runtime.manifest.model import Expression, Jq, PlainPath
from agentos_runtime.manifest.sections.reading import Scope, Side
from agentos_runtime.manifest.yaml.values import Cursor


def read_expression(cursor: Cursor | None, scope: Scope, side: Side) -> Expression | None:
    """A string that is jq whatever it looks like; None when there is none."""
    if cursor is None or not isinstance(cursor.json, str):
        return None
    source = cursor.json
    own = auth_fields(cursor, source, scope) if side == "request" else frozenset[str]()
    steps = None if own else plain_path(source)
    fields = own | (scope.reading.auth_of(source) if side == "request" and steps is None else frozenset())
    scope.note(cursor, source, side, compile_check=steps is None)
    return Jq(source, cursor.place, fields) if steps is None else PlainPath(steps, source, cursor.place)


def auth_fields(cursor: Cursor, source: str, scope: Scope) -> frozenset[str]:
    """The credential's fields that a request expression names; `.auth` alone is reported, then taken for `key`."""
    for name, index in mentions_of_auth(source):
        if name is None:
            scope.report.error(
                cursor.document.place(cursor.path, cursor.offset_at(index)),
                "`.auth` alone names no field of the credential",
                "Write `.auth.key`, or the field that is meant",
                len(".auth"),
            )
    return named_fields(source)


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
