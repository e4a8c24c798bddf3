"""Where a list goes on, as a value at one place of a request: a query key, a header, a field of the body."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from agentos_runtime.calls.evaluate import Empty
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.urls import url_text
from agentos_runtime.diagnostics import Place
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import value_problem
from agentos_runtime.manifest.model import Position
from agentos_runtime.manifest.places import URL, query_place


class NoSuchPosition(ValueError):
    """The request has no such place, or the place cannot hold the value."""


def value_at(draft: Draft, position: Position) -> Json:
    """What the request says there by itself; None when it says nothing."""
    if position.location == "query":
        return next((text for name, text in draft.query if name == position.name), None)
    if position.location == "header":
        return next((text for name, text in draft.headers if name.lower() == position.name.lower()), None)
    value: Json = None if isinstance(draft.body, Empty) else draft.body
    for token in position.tokens:
        value = value.get(token) if isinstance(value, dict) else None
    return value


def with_value(draft: Draft, position: Position, value: Json) -> Draft:
    """The request with that value there, the last of its query; without the place when the value is None.

    Raises NoSuchPosition.
    """
    if position.location == "body":
        if value is None and value_at(draft, position) is None:
            return draft
        return replace(
            draft, body=_put(None if isinstance(draft.body, Empty) else draft.body, position.tokens, value)
        )
    text = None if value is None else url_text(value)
    if value is not None and text is None:
        raise NoSuchPosition("it is no text and no number")
    if position.location == "query":
        pairs = tuple(pair for pair in draft.query if pair[0] != position.name)
        return replace(draft, query=pairs if text is None else (*pairs, (position.name, text)))
    headers = tuple(pair for pair in draft.headers if pair[0].lower() != position.name.lower())
    if text is not None and value_problem(text) is not None:
        raise NoSuchPosition("no header can hold it")
    return replace(draft, headers=headers if text is None else (*headers, (position.name, text)))


def _put(body: Json, tokens: Sequence[str], value: Json) -> Json:
    if not tokens:
        return value
    if body is not None and not isinstance(body, dict):
        raise NoSuchPosition("the body has no object there")
    above = dict(body or {})
    below = _put(above.get(tokens[0]), tokens[1:], value)
    if below is None:
        above.pop(tokens[0], None)
    else:
        above[tokens[0]] = below
    return above


def at_address(first: Draft, url: str, place: Place) -> Draft:
    """The same request at an address that the service said, whose own query it keeps.

    What carries the credential stays, and takes the place of what the service repeats of it.
    """
    carrying = tuple(pair for pair in first.query if first.placeholders.found_in(pair[1]))
    names = {query_place(name) for name, _ in carrying} | first.plan.places
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if query_place(_name(pair)) not in names]
    return replace(first, url=urlunsplit(parts._replace(query="&".join(kept))), query=carrying, told={URL: place})


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])
