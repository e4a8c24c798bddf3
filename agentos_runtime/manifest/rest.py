"""`rest`: one HTTP call, from values to the model."""

from collections.abc import Callable, Mapping
from typing import Any

from agentos_runtime.manifest.expressions import read_expression
from agentos_runtime.manifest.header_names import header_problem
from agentos_runtime.manifest.model import Fields, Literal, Node, Rest, Retry
from agentos_runtime.manifest.nodes import BODY, TEXT, read_fields, read_node
from agentos_runtime.manifest.paging import read_paginate, read_poll, with_rows
from agentos_runtime.manifest.reading import Scope
from agentos_runtime.manifest.response import read_response, read_stream
from agentos_runtime.manifest.schema import describe
from agentos_runtime.manifest.urls import did_you_mean, read_url
from agentos_runtime.manifest.values import Cursor, Entries


def read_rest(cursor: Cursor, scope: Scope) -> Rest | None:
    """The call; None when it has no url that can be used (which has been reported)."""
    values: dict[str, Any] = {}
    for name, read in _KEYS.items():
        below = cursor.get(name)
        if below is not None and below.json is not None:
            values[name] = read(below, scope)
    _check_keep_null(cursor, scope)
    url = values.pop("url", None)
    if url is None:
        return None
    rest = Rest(method=values.pop("method", "GET"), url=url, url_place=cursor.at("url").place, **values)
    return with_rows(cursor, rest, scope) if rest.paginate else rest


def _headers(cursor: Cursor, scope: Scope) -> Fields:
    seen: dict[str, Cursor] = {}
    for name, below in cursor.items():
        problem = header_problem(name)
        if problem:
            scope.report.error(below.key_place, f"`{name[:60]}` {problem}", "Remove it", below.key_length)
        earlier = seen.setdefault(name.lower(), below)
        if earlier is not below:
            line = earlier.key_place.position.line
            scope.report.error(
                below.key_place, f"`{name}` is also set on line {line}", "Keep one", below.key_length
            )
    fields = read_fields(cursor, scope, TEXT)
    for name, node in fields.entries:
        if isinstance(node, Literal) and isinstance(node.value, str) and set(node.value) & set("\r\n\0"):
            below = cursor.at(name)
            fix = "Write it on one line; a block (`|`) ends with a line break unless it is `|-`"
            scope.report.error(below.place, "a header cannot contain a line break", fix, below.length)
    return fields


def _query(cursor: Cursor, scope: Scope) -> Fields:
    for name, below in cursor.items():
        if isinstance(below.value, Entries):
            message = f"`{name}` of a query must be text, a number, a list or jq, is {describe(below.json)}"
            scope.report.error(below.place, message, "Write its keys as keys of `query`")
    return read_fields(cursor, scope, TEXT)


def _body(cursor: Cursor, scope: Scope) -> Node:
    return read_node(cursor, scope, BODY)


def _retry(cursor: Cursor, scope: Scope) -> Retry:
    return Retry(cursor.whole("attempts", 2), cursor.text("idempotency_header"))


def _check_keep_null(cursor: Cursor, scope: Scope) -> None:
    body, kept = cursor.get("body"), cursor.get("keep_null")
    if kept is None or body is None or not isinstance(body.value, Entries):
        return
    known = _field_names(cursor)
    for entry in kept.elements():
        if isinstance(entry.json, str) and entry.json not in known:
            message = f"`{entry.json}` is no field of this request"
            scope.report.warning(entry.place, message, did_you_mean(entry.json, known), entry.length)


def _field_names(cursor: Cursor) -> set[str]:
    """The names of all fields of body, query and headers, at any depth."""
    names: set[str] = set()
    waiting = [below for key in ("body", "query", "headers") if (below := cursor.get(key))]
    while waiting:
        current = waiting.pop()
        for name, below in current.items():
            names.add(name)
            waiting.append(below)
        waiting.extend(current.elements())
    return names


def _texts(cursor: Cursor, scope: Scope) -> frozenset[str]:
    return frozenset(entry.json for entry in cursor.elements() if isinstance(entry.json, str))


def _json(cursor: Cursor, scope: Scope) -> Any:
    return cursor.json


_KEYS: Mapping[str, Callable[[Cursor, Scope], Any]] = {
    "method": _json,
    "url": read_url,
    "headers": _headers,
    "query": _query,
    "body": _body,
    "body_extra": lambda cursor, scope: read_expression(cursor, scope, "request"),
    "keep_null": _texts,
    "encoding": _json,
    "timeout": _json,
    "retry": _retry,
    "response": read_response,
    "stream": read_stream,
    "paginate": read_paginate,
    "poll": read_poll,
}
