"""`rest.response` and `rest.stream`: how an answer becomes the reply."""

from agentos_runtime.manifest.model import Expression, Fields, Literal, Response, Stream
from agentos_runtime.manifest.pointers import read_pointer
from agentos_runtime.manifest.sections.answers.answer_format import read_answer_format
from agentos_runtime.manifest.sections.expressions import read_expression
from agentos_runtime.manifest.sections.fields import read_headers, read_query
from agentos_runtime.manifest.sections.nodes import BODY, read_fields
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.sections.urls import read_url
from agentos_runtime.manifest.yaml.values import Cursor


def read_response(cursor: Cursor, scope: Scope) -> Response:
    mapping = cursor.get("mapping")
    fields = (
        [(name, read_expression(below, scope, "response")) for name, below in mapping.items()] if mapping else []
    )
    root = cursor.get("root")
    return Response(
        error=_read_error(cursor.get("error"), scope),
        root=read_pointer(root, scope) if root else None,
        root_place=root.place if root else None,
        transform=read_expression(cursor.get("transform"), scope, "response"),
        mapping=tuple((name, expression) for name, expression in fields if expression is not None),
        raw=cursor.flag("raw"),
        empty_ok="ok" in (cursor.text("empty"), "ok" if cursor.text("as") == "any" else None),
        format=read_answer_format(cursor, scope),
    )


def read_stream(cursor: Cursor, scope: Scope) -> Stream | None:
    """None without a `delta`, which the schema asks for."""
    body = cursor.get("body")
    delta = read_expression(cursor.get("delta"), scope, "response")
    error = _read_error(cursor.get("error"), scope)
    end = read_expression(cursor.get("end"), scope, "response")
    reply = read_expression(cursor.get("reply"), scope, "response")
    fields = read_fields(body, scope, BODY) if body else Fields(())
    address, headers, query = cursor.get("url"), cursor.get("headers"), cursor.get("query")
    url = read_url(address, scope) if address else None
    sent = read_headers(headers, scope) if headers else Fields(())
    asked = read_query(query, scope) if query else Fields(())
    if delta is None:
        return None
    choices = {name: below.json for name in ("format", "accumulate") if (below := cursor.get(name)) is not None}
    return Stream(
        delta=delta,
        body=fields,
        url=url,
        url_place=address.place if address else None,
        headers=sent,
        query=asked,
        error=error,
        done=cursor.text("done"),
        end=end,
        reply=reply,
        idle_timeout=cursor.number("idle_timeout", 120.0),
        **choices,  # type: ignore[arg-type]  # the manifest's schema allows only the model's choices
    )


def _read_error(cursor: Cursor | None, scope: Scope) -> Expression | Literal | None:
    """jq, or `false` (also in quotes) for "never"."""
    if cursor is not None and (cursor.json is False or cursor.json == "false"):
        return Literal(False)
    return read_expression(cursor, scope, "response")
