"""The places of a request, by name: `url`, `header:x-key`, `query:key`, `body:user.token`, `body:keys[]`, `basic`.

These names stand in grants, in approvals and in front of people; and only where one of them says so is a
placeholder replaced by its secret. So what was shown and what is done cannot differ: both ask here.
"""

from collections.abc import Callable, Iterator, Mapping

from agentos_runtime.manifest.mentions import names_auth
from agentos_runtime.manifest.model import (
    Auth,
    AuthField,
    AuthTemplate,
    Expression,
    Fields,
    Items,
    Jq,
    Node,
    PlainPath,
    Position,
    Rest,
)
from agentos_runtime.regexes import regex

URL = "url"
BODY = "body"
"""The whole body, and everything in it."""
_SEPARATORS = regex(r"[.\[\]\\]")


def header_place(name: str) -> str:
    return f"header:{name.lower()}"


def query_place(name: str) -> str:
    return f"query:{name}"


def field_place(above: str, name: str) -> str:
    """A field of an object in the body; a separator that is part of its name is escaped."""
    escaped = _SEPARATORS.sub(r"\\\g<0>", name)
    return f"{BODY}:{escaped}" if above == BODY else f"{above}.{escaped}"


def item_place(above: str) -> str:
    """The items of a list in the body, all alike."""
    return f"{above}[]"


def position_place(position: Position) -> str:
    """The place that a list's position fills."""
    if position.location != "body":
        return _PLACES[position.location](position.name)
    place = BODY
    for token in position.tokens:
        place = field_place(place, token)
    return place


def placements(auth: Auth, rest: Rest) -> frozenset[str]:
    """Where a request may carry the credential: the places of the templates, and of expressions naming `.auth`."""
    named = (place for place, expression in expressions_at(rest) if names_auth(expression))
    return frozenset((*map(_template_place, auth.templates), *named))


def expressions_at(rest: Rest) -> Iterator[tuple[str, Expression]]:
    """Every expression of a request, with the place that its result fills."""
    yield from ((URL, each) for each in expressions_in(rest.url))
    for name, node in rest.headers.entries:
        yield from ((header_place(name), each) for each in expressions_in(node))
    for name, node in rest.query.entries:
        yield from ((query_place(name), each) for each in expressions_in(node))
    for body in (rest.body, rest.body_extra, rest.stream.body if rest.stream else None):
        yield from _in_body(BODY, body)


def _template_place(template: AuthTemplate) -> str:
    place = _PLACES[template.location](template.name)
    if any(isinstance(part, AuthField) and part.basic for part in template.parts):
        return "basic" if place == "header:authorization" else f"basic:{place}"
    return place


def expressions_in(node: Node | None) -> Iterator[Expression]:
    """Every expression below a node."""
    match node:
        case Jq() | PlainPath():
            yield node
        case Fields(entries=entries):
            for _, entry in entries:
                yield from expressions_in(entry)
        case Items(entries=items):
            for item in items:
                yield from expressions_in(item)


def _in_body(place: str, node: Node | None) -> Iterator[tuple[str, Expression]]:
    match node:
        case Jq() | PlainPath():
            yield place, node
        case Fields(entries=entries):
            for name, entry in entries:
                yield from _in_body(field_place(place, name), entry)
        case Items(entries=items):
            for item in items:
                yield from _in_body(item_place(place), item)


def _body_place(name: str) -> str:
    return field_place(BODY, name)


_PLACES: Mapping[str, Callable[[str], str]] = {"header": header_place, "query": query_place, "body": _body_place}
