"""The secret is put on the request: the one place where a key meets it, outside of every expression."""

import base64
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from agentos_runtime.calls.encoding import EncodingError, encode_body, urlencoded
from agentos_runtime.calls.evaluate import Empty, Value
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.placeholders import PlaceholderError, Placeholders, split_field
from agentos_runtime.calls.request import Draft
from agentos_runtime.errors import ExpressionFailed
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, AuthField, AuthTemplate

Reveal = Callable[[str], str]
"""A credential's field name → its secret."""
Pairs = list[tuple[str, str]]


def complete(draft: Draft, auth: Auth | None, reveal: Reveal | None) -> UpstreamRequest:
    """The draft with its secrets. `reveal` None = no credential is sent, nor any field that would carry it.

    Raises ExpressionFailed for a credential that an expression used otherwise than whole, and for a body that it
    cannot go into.
    """
    if reveal is None:
        url, headers, query, body = _without_carriers(draft)
    else:
        get: Reveal = lambda name: split_field(name, reveal)  # noqa: E731
        url, headers, query, body = _with_placeholders_restored(draft, get)
        for template in auth.templates if auth else ():
            text = "".join(part if isinstance(part, str) else _secret_text(part, get) for part in template.parts)
            headers, query, body = _place(template, text, headers, query, body)
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{urlencoded(query).replace('+', '%20')}"
    return _with_body(draft, UpstreamRequest(draft.method, url, tuple(headers)), body)


def _without_carriers(draft: Draft) -> tuple[str, Pairs, Pairs, Value]:
    if "url" in draft.carriers:
        raise ExpressionFailed("The manifest writes the credential into the url, and there is none to write")
    headers = [(name, text) for name, text in draft.headers if f"header:{name}" not in draft.carriers]
    query = [(name, text) for name, text in draft.query if f"query:{name}" not in draft.carriers]
    return draft.url, headers, query, draft.body


def _with_placeholders_restored(draft: Draft, get: Reveal) -> tuple[str, Pairs, Pairs, Value]:
    if not draft.placeholders.by_field:
        return draft.url, list(draft.headers), list(draft.query), draft.body
    url = _restored(draft, "url", draft.url, lambda name: quote(get(name), safe=""))
    headers = [(name, _restored(draft, f"header:{name}", text, get)) for name, text in draft.headers]
    query = [(name, _restored(draft, f"query:{name}", text, get)) for name, text in draft.query]
    body = draft.body if isinstance(draft.body, Empty) else _restored_body(draft, draft.body, get)
    return url, headers, query, body


def _restored_body(draft: Draft, body: Json, get: Reveal) -> Json:
    if isinstance(body, str):
        return _restored(draft, "body", body, get)
    if isinstance(body, list):
        return [_restored_body(draft, item, get) for item in body]
    if isinstance(body, dict):
        return {name: _restored_body(draft, item, get) for name, item in body.items()}
    return body


def _with_body(draft: Draft, request: UpstreamRequest, body: Value) -> UpstreamRequest:
    if isinstance(body, Empty) or (body is None and draft.encoding != "json"):
        return request
    try:
        data, content_type = encode_body(draft.encoding, body, draft.uploads)
    except EncodingError as error:
        raise ExpressionFailed(f"The manifest's rest.body cannot be sent as {draft.encoding}: {error}") from None
    headers = request.headers
    if draft.encoding == "multipart":  # only this one names the boundary
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", content_type))
    return replace(request, headers=headers, body=data)


def _restored(draft: Draft, carrier: str, text: str, get: Reveal) -> str:
    """Raises ExpressionFailed when the credential came out of the expression otherwise than whole."""
    try:
        restored = draft.placeholders.restore(text, get)
        if restored == text and carrier in draft.carriers:
            raise PlaceholderError(Placeholders.REMEDY)
    except PlaceholderError as error:
        message = f"The manifest's {carrier} uses .auth in a way that cannot be kept safe: {error}"
        raise ExpressionFailed(message, details={"key": carrier}) from None
    return restored


def _secret_text(part: AuthField, get: Reveal) -> str:
    if not part.basic:
        return get(part.name)
    pair = ":".join(get(name) for name in part.name.split(":"))
    return base64.b64encode(pair.encode()).decode("ascii")


def _place(
    template: AuthTemplate, text: str, headers: list[tuple[str, str]], query: list[tuple[str, str]], body: Value
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], Value]:
    name = template.name
    if template.location == "header":
        return [(n, t) for n, t in headers if n.lower() != name.lower()] + [(name, text)], query, body
    if template.location == "query":
        return headers, [(n, t) for n, t in query if n != name] + [(name, text)], body
    if isinstance(body, Empty):
        body = {}
    if not isinstance(body, dict):
        raise ExpressionFailed(f"The credential goes into the body's field {name}, but the body is no object")
    return headers, query, body | {name: text}
