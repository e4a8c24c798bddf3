"""`rest`: one HTTP call, from values to the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.manifest.headers.places import check_idempotency_name
from agentos_runtime.manifest.mentions import names_auth
from agentos_runtime.manifest.model import Expression, Fields, Node, Rest, Retry, Shared
from agentos_runtime.manifest.requests.merging import headers_over, query_over
from agentos_runtime.manifest.sections.answers.paging import read_paginate, read_poll, with_rows
from agentos_runtime.manifest.sections.answers.response import read_response, read_stream
from agentos_runtime.manifest.sections.expressions import read_expression
from agentos_runtime.manifest.sections.fields import read_headers, read_query
from agentos_runtime.manifest.sections.nesting import check_form, read_nested
from agentos_runtime.manifest.sections.nodes import BODY, read_node
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.sections.urls import did_you_mean, read_url
from agentos_runtime.manifest.yaml.values import Cursor, Entries


def read_rest(cursor: Cursor, scope: Scope, shared: Shared) -> Rest | None:
    """The call, over what all share; None when it has no url that can be used (which has been reported)."""
    values: dict[str, Any] = {}
    scope = replace(scope, nested=read_nested(cursor) or shared.nested)
    for name, read in _KEYS.items():
        below = cursor.get(name)
        if below is not None and below.json is not None:
            values[name] = read(below, scope)
    _check_keep_null(cursor, scope)
    _check_nested(cursor, scope)
    values["nested"] = scope.nested
    url = values.pop("url", None)
    if url is None:
        return None
    values["headers"] = headers_over(values.get("headers", Fields(())), shared.headers)
    values["query"] = query_over(values.get("query", Fields(())), shared.query, url)
    rest = Rest(method=values.pop("method", "GET"), url=url, url_place=cursor.at("url").place, **values)
    return with_rows(cursor, rest, scope) if rest.paginate else rest


def _body(cursor: Cursor, scope: Scope) -> Node:
    return read_node(cursor, scope, BODY)


def _check_nested(cursor: Cursor, scope: Scope) -> None:
    """Whether the body can be written as `nested` says, and whether it says anything."""
    own, encoding = cursor.get("nested"), cursor.text("encoding") or "json"
    if encoding == "form" and (body := cursor.get("body")):
        check_form(body, scope)
    elif own is not None and not cursor.get("query") and not cursor.at("stream").get("query"):
        message = f"`nested` says nothing about a {encoding} body"
        scope.report.warning(own.key_place, message, "Add `encoding: form`, or remove it", own.key_length)


def _retry(cursor: Cursor, scope: Scope) -> Retry:
    check_idempotency_name(cursor.at("idempotency_header"), scope.report)
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


def _of_params(cursor: Cursor, scope: Scope) -> Expression | None:
    """jq over the params, which sees no credential."""
    expression = read_expression(cursor, scope, "request")
    if expression is not None and names_auth(expression):
        message = f"`{cursor.name}` is about the params and sees no credential"
        scope.report.error(cursor.place, message, "Use `.params` and `.settings` only", cursor.length)
    return expression


def _texts(cursor: Cursor, scope: Scope) -> frozenset[str]:
    return frozenset(entry.json for entry in cursor.elements() if isinstance(entry.json, str))


def _json(cursor: Cursor, scope: Scope) -> Any:
    return cursor.json


_KEYS: Mapping[str, Callable[[Cursor, Scope], Any]] = {
    "method": _json,
    "url": read_url,
    "headers": read_headers,
    "query": read_query,
    "body": _body,
    "body_extra": lambda cursor, scope: read_expression(cursor, scope, "request"),
    "ignored": _of_params,
    "refuse": _of_params,
    "keep_null": _texts,
    "encoding": _json,
    "timeout": _json,
    "retry": _retry,
    "response": read_response,
    "stream": read_stream,
    "paginate": read_paginate,
    "poll": read_poll,
}
