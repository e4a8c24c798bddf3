"""`rest.paginate` and `rest.poll`: calls that go on."""

from agentos_runtime.expressions.program import classify
from agentos_runtime.manifest.expressions import read_expression
from agentos_runtime.manifest.model import Node, Paginate, Poll
from agentos_runtime.manifest.pointers import read_pointer
from agentos_runtime.manifest.reading import Scope
from agentos_runtime.manifest.urls import read_url
from agentos_runtime.manifest.values import Cursor


def read_paginate(cursor: Cursor, scope: Scope) -> Paginate | None:
    style = cursor.json.get("style") if isinstance(cursor.json, dict) else None
    following = read_expression(cursor.get("next"), scope, "response")
    items = cursor.get("items")
    tokens = read_pointer(items, scope) if items else ()
    if style not in ("offset", "cursor", "page") or tokens is None:
        return None
    if style == "cursor" and following is None and cursor.get("next") is None:
        fix = "Add `next: .next_cursor`: jq over the body that gives the next cursor, null at the end"
        scope.report.error(cursor.key_place, "pages by cursor need `next`", fix, cursor.key_length)
    return Paginate(
        style=style,  # type: ignore[arg-type]  # narrowed by the test above
        position=cursor.text("position") or style,
        limit=cursor.text("limit"),
        items=tokens,
        next=following,
        size=cursor.whole("size", 100),
        maximum=cursor.whole("maximum", 10_000),
    )


def read_poll(cursor: Cursor, scope: Scope) -> Poll | None:
    url = _poll_url(cursor.get("url"), scope)
    until = read_expression(cursor.get("until"), scope, "response")
    failed = read_expression(cursor.get("failed"), scope, "response")
    if url is None or until is None:
        return None
    return Poll(url, until, failed, cursor.number("interval", 2.0), cursor.number("deadline", 600.0))


def _poll_url(cursor: Cursor | None, scope: Scope) -> Node | None:
    """A literal url as in `rest.url`, or jq over the first reply."""
    if cursor is None or not isinstance(cursor.json, str):
        return None
    if classify(cursor.json, scope.reading.names) == "jq":
        return read_expression(cursor, scope, "response")
    return read_url(cursor, scope)
