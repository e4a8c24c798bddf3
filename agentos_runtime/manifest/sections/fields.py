"""Headers and queries, wherever a manifest writes them."""

from agentos_runtime.jsontext import describe
from agentos_runtime.manifest.headers.places import check_name, check_value
from agentos_runtime.manifest.model import Fields, Literal, UrlTemplate
from agentos_runtime.manifest.sections.nesting import MAPS, check_names_in
from agentos_runtime.manifest.sections.nodes import TEXT, read_fields
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor, Entries


def read_headers(cursor: Cursor, scope: Scope) -> Fields:
    """Name → node; names and written values that no request may have are reported."""
    seen: dict[str, Cursor] = {}
    for name, below in cursor.items():
        check_name(below, name, scope.report, is_key=True)
        earlier = seen.setdefault(name.lower(), below)
        if earlier is not below:
            line = earlier.key_place.position.line
            scope.report.error(
                below.key_place, f"`{name}` is also set on line {line}", "Keep one", below.key_length
            )
    fields = read_fields(cursor, scope, TEXT)
    for name, node in fields.entries:
        if isinstance(node, UrlTemplate) or (isinstance(node, Literal) and isinstance(node.value, str)):
            check_value(cursor.at(name), scope.report)
    return fields


def read_query(cursor: Cursor, scope: Scope) -> Fields:
    """Key → node."""
    if scope.nested in MAPS:
        check_names_in(cursor, scope)
    else:
        _check_flat(cursor, scope)
    return read_fields(cursor, scope, TEXT)


def _check_flat(cursor: Cursor, scope: Scope) -> None:
    for name, below in cursor.items():
        if isinstance(below.value, Entries):
            message = f"`{name}` of a query must be text, a number, a list or jq, is {describe(below.json)}"
            fix = (
                "Write its keys as keys of `query`, or say with `nested: brackets` (`dots` …) how a map is written"
            )
            scope.report.error(below.place, message, fix)
