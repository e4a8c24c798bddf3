"""`rest.paginate` and `rest.poll`: calls that go on."""

from dataclasses import replace

from agentos_runtime.jq.program import classify
from agentos_runtime.manifest.model import Expression, Literal, Paginate, Poll, Position, Rest, UrlTemplate
from agentos_runtime.manifest.pointers import read_pointer
from agentos_runtime.manifest.sections.answers.answer_format import check_rows
from agentos_runtime.manifest.sections.answers.positions import check_positions, read_position
from agentos_runtime.manifest.sections.expressions import read_expression
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.sections.urls import read_url
from agentos_runtime.manifest.yaml.values import Cursor

LINK = "link"
"""Under `next`: an address says where a list goes on, in the `Link` header or by jq over the body."""


def read_paginate(cursor: Cursor, scope: Scope) -> Paginate | None:
    style = cursor.json.get("style") if isinstance(cursor.json, dict) else None
    written = cursor.get("next")
    said = written.get(LINK) if written is not None else None
    in_header = written is not None and written.json == LINK and LINK not in scope.reading.names
    following = None if in_header else read_expression(said or written, scope, "response")
    total, pages = (read_expression(cursor.get(name), scope, "response") for name in ("total", "pages"))
    items = cursor.get("items")
    tokens = read_pointer(items, scope) if items else ()
    if style not in ("offset", "cursor", "page") or tokens is None:
        return None
    if style == "cursor" and following is None and cursor.get("next") is None:
        fix = "Add `next: .next_cursor`: jq over the body that gives the next cursor, null at the end"
        scope.report.error(cursor.key_place, "pages by cursor need `next`", fix, cursor.key_length)
    return Paginate(
        style=style,  # type: ignore[arg-type]  # narrowed by the test above
        position=read_position(cursor.get("position"), scope) or Position("query", str(style)),
        limit=read_position(cursor.get("limit"), scope),
        items=tokens,
        next=following,
        link=in_header or said is not None,
        total=total,
        pages=pages,
        size=cursor.whole("size", 100),
        maximum=cursor.whole("maximum", 10_000),
        start=cursor.whole("start", 0) if cursor.get("start") else None,
        place=cursor.key_place,
    )


def with_rows(cursor: Cursor, rest: Rest, scope: Scope) -> Rest:
    """The call, its reply made of the page's rows unless the manifest says what else it is made of."""
    paginate, response = rest.paginate, rest.response
    assert paginate is not None
    refused = {
        "mapping": (response.mapping, "makes one object, and pages are lists", "Use `transform: 'map({…})'`"),
        "raw": (response.raw, "hands bytes on, and pages are lists", "Remove one of the two"),
    }
    for key, (used, reason, fix) in refused.items():
        if used:
            below = cursor.at("response", key)
            scope.report.error(below.key_place, f"`{key}` {reason}", fix, below.key_length)
    check_rows(cursor, response.format.kind, scope)
    check_positions(cursor, rest, scope)
    if rest.poll is not None:
        below = cursor.at("poll")
        message = "a utility goes on by pages or by polling, not both"
        scope.report.error(below.key_place, message, "Remove one of the two", below.key_length)
    if response.root is not None or response.transform is not None or not paginate.items:
        return rest
    place = cursor.at("paginate", "items").place
    return replace(rest, response=replace(response, root=paginate.items, root_place=place))


def read_poll(cursor: Cursor, scope: Scope) -> Poll | None:
    url = _poll_url(cursor.get("url"), scope)
    until = read_expression(cursor.get("until"), scope, "response")
    failed = read_expression(cursor.get("failed"), scope, "response")
    if url is None or until is None:
        return None
    return Poll(url, until, failed, cursor.number("interval", 2.0), cursor.number("deadline", 600.0))


def _poll_url(cursor: Cursor | None, scope: Scope) -> Literal | UrlTemplate | Expression | None:
    """A literal url as in `rest.url`, or jq over the first reply."""
    if cursor is None or not isinstance(cursor.json, str):
        return None
    if classify(cursor.json, scope.reading.names) == "jq":
        return read_expression(cursor, scope, "response")
    return read_url(cursor, scope)
