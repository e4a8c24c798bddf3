"""`paginate.position` and `paginate.limit`: where they stand in a request, and what cannot be right about that."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from agentos_runtime.manifest.headers.names import idempotency_problem
from agentos_runtime.manifest.model import Fields, Literal, Node, Paginate, Position, Rest, UrlTemplate
from agentos_runtime.manifest.pointers import read_pointer
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor

_LOCATIONS = ("query", "header", "body")
_OBJECTS = frozenset({"json", "form", "multipart"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})


def read_position(cursor: Cursor | None, scope: Scope) -> Position | None:
    """A text is a query key, a map has one of `query`, `header`, `body`. None without one, or after reporting."""
    if cursor is None or cursor.json is None:
        return None
    if isinstance(cursor.json, str):
        _check_query_key(cursor, cursor.json, scope)
        return Position("query", cursor.json)
    places = [(name, below) for name in _LOCATIONS if (below := cursor.get(name)) is not None]
    if len(places) != 1:
        if not places and cursor.json:
            return None  # a key of another name, which has been reported
        _say(cursor, "names one place of the request", "Write one of `query`, `header` and `body` below it", scope)
        return None
    [(location, below)] = places
    if not isinstance(below.json, str):
        return None
    if location == "body":
        tokens = read_pointer(below, scope)
        return Position("body", below.json, tokens) if tokens else None
    if location == "query":
        _check_query_key(below, below.json, scope)
    problem = idempotency_problem(below.json) if location == "header" else None
    if problem is not None:
        scope.report.error(below.place, f"`{below.json[:60]}` {problem}", "Name the API's own header", below.length)
    return Position(location, below.json)  # type: ignore[arg-type]  # of _LOCATIONS


def _check_query_key(cursor: Cursor, name: str, scope: Scope) -> None:
    """Report what is another place, or an expression, and would be sent as the name of a query key."""
    path = re.fullmatch(r"(?:\?|/|\$?\.?params\.|\.)([\w/.-]+)=?|([\w-]+)=|\$?\{+\s*\.?([\w-]+)\s*\}+", name)
    if path is not None:
        key = path[1] or path[2] or path[3]
        fix = (
            f"Write {{body: {name}}} for a field of the body, or {key}" if name.startswith("/") else f"Write {key}"
        )
        message = f"`{name[:60]}` would be sent as the name of a query key"
        scope.report.error(cursor.place, message, fix, cursor.length)


def check_positions(cursor: Cursor, rest: Rest, scope: Scope) -> None:
    """Report what the request of `cursor`, a utility's `rest`, cannot have or cannot mean."""
    paginate = rest.paginate
    assert paginate is not None
    below = cursor.at("paginate")
    for name, position in (("position", paginate.position), ("limit", paginate.limit)):
        for message, fix in _problems(position, rest) if position is not None else ():
            _say(below.get(name) or below.at("style"), message, fix, scope)
    if paginate.limit == paginate.position:
        _say(below.at("limit"), "is the place that also says where to go on", "Name two places", scope)
    for name, message, fix in _contradictions(paginate, rest):
        _say(below.at(name), message, fix, scope)
    if rest.method not in ("GET", "HEAD") and rest.retry is not None and rest.retry.idempotency_header is not None:
        named = cursor.at("retry", "idempotency_header")
        _say(
            named, "would be the same for all pages of this list, and only the first would come", "Remove it", scope
        )


def _problems(position: Position, rest: Rest) -> Iterator[tuple[str, str]]:
    if position.location == "query" and position.name in _written_keys(rest.url):
        yield f"`{position.name}` is also written in `url`, and would be sent twice", "Take it out of `url`"
    if position.location != "body":
        return
    if rest.method in _WITHOUT_BODY:
        yield f"is a field of the body, and a {rest.method} has none", "Name a query key, or say `method: POST`"
    elif rest.encoding not in _OBJECTS:
        yield f"is a field of the body, and one that is sent as {rest.encoding} has none", "Name another place"
    elif not _can_hold(rest.body, position.tokens):
        yield f"points at {position.name}, and `body` has no map there", "Point at a field of a map of `body`"


def _contradictions(paginate: Paginate, rest: Rest) -> Iterator[tuple[str, str, str]]:
    """The key below `paginate` that says nothing, why, and what to do."""
    counted = {"total": paginate.total, "pages": paginate.pages}
    for name, expression in counted.items():
        if expression is not None and (paginate.next is not None or paginate.link):
            yield name, "says nothing where `next` says when the list ends", "Remove one of the two"
    if paginate.pages is not None and paginate.style == "offset":
        yield "pages", "counts pages, and this list goes on by rows", "Write `total`, or `style: page`"
    if not paginate.link:
        return
    if paginate.style != "cursor":
        yield "style", "is another way to go on than by a link", "Write `style: cursor`"
        return
    if rest.method != "GET":
        yield (
            "next",
            f"`link` leads to an address to GET, and this is a {rest.method}",
            "Write jq that gives a cursor",
        )
    if paginate.position != Position("query", "cursor"):
        yield "position", "says nothing: the link is the whole address of the next page", "Remove it"


def _written_keys(url: Node) -> frozenset[str]:
    texts = [url.value] if isinstance(url, Literal) else list(url.parts) if isinstance(url, UrlTemplate) else []
    written = "".join(text if isinstance(text, str) else "x" for text in texts)
    return frozenset(name for name, _ in parse_qsl(urlsplit(written).query, keep_blank_values=True))


def _can_hold(body: Node | None, tokens: tuple[str, ...]) -> bool:
    """Whether a body may have a field there; what jq makes may be any."""
    if body is None:
        return True
    if not isinstance(body, Fields):
        return not (isinstance(body, Literal) or hasattr(body, "entries"))
    below = dict(body.entries).get(tokens[0])
    return below is None or len(tokens) == 1 or _can_hold(below, tokens[1:])


def _say(cursor: Cursor, message: str, fix: str, scope: Scope) -> None:
    scope.report.error(cursor.key_place, f"`{cursor.name}` {message}", fix, cursor.key_length)
