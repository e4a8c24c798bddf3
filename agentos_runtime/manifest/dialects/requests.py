"""`rest` and `graphql` of a callable as `rest` of ours."""

from collections.abc import Mapping

from agentos_runtime.jq.program import classify
from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.dialects.computed import addressed
from agentos_runtime.manifest.dialects.credentials import Connection
from agentos_runtime.manifest.dialects.placeholders import NotCarried, filled, under_key
from agentos_runtime.manifest.dialects.tree import composed, entries, text
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value
from agentos_runtime.regexes import regex

_REST = frozenset({"url", "headers", "query", "params", "body", "response", "auth"})
_OURS = frozenset(
    {"stream", "paginate", "poll", "body_extra", "ignored", "refuse", "keep_null", "nested", "retry", "method"}
    | {"encoding", "timeout"}
)
"""What stays as it is written."""
_GRAPHQL = frozenset({"query", "variables", "endpoint", "response", "timeout", "headers", "partial"})
_LITERAL_PATH = regex(r'[\s(]*"/')
Pairs = dict[str, "Cursor | Value"]


def rest_of(cursor: Cursor, connection: Connection, base_url: str | None) -> Pairs:
    """The request of `rest`, without its response. Raises NotCarried."""
    _refuse_others(cursor, _REST | _OURS, "rest")
    pairs: Pairs = {}
    for name in sorted(_OURS):
        if (below := cursor.get(name)) is not None and below.json is not None:
            pairs[name] = below
    url = cursor.get("url")
    if url is not None:
        pairs["url"] = under_key(url, _address(url, connection.base_url or base_url))
    query = cursor.get("query") or cursor.get("params")
    for name, below in (("headers", cursor.get("headers")), ("query", query), ("body", cursor.get("body"))):
        if below is not None and below.json is not None:
            pairs[name] = under_key(below, filled(below))
    return _with_extra(pairs, connection, cursor)


def graphql_of(cursor: Cursor, connection: Connection, endpoint: Cursor | str | None) -> Pairs:
    """A POST of the query and of those variables that are set. Raises NotCarried."""
    _refuse_others(cursor, _GRAPHQL, "graphql")
    address = cursor.get("endpoint") or endpoint
    query = cursor.get("query")
    if address is None:
        raise NotCarried("names no GraphQL endpoint")
    if query is None or not isinstance(query.json, str):
        raise NotCarried("has no GraphQL query")
    if "{{" in query.json and "params." in query.json:
        raise NotCarried("puts params into the text of a GraphQL query; only its variables can hold params")
    url = (
        under_key(address, _address(address, connection.base_url))
        if isinstance(address, Cursor)
        else text(address, cursor)
    )
    body: Pairs = {"query": composed(dump(query.json).decode(), query)}
    variables = cursor.get("variables")
    if variables is not None and variables.json is not None:
        body["variables"] = under_key(variables, filled(variables))
    pairs: Pairs = {"method": text("POST", cursor), "url": url, "body": entries(body, cursor)}
    for name in ("timeout", "headers"):
        if (below := cursor.get(name)) is not None and below.json is not None:
            pairs[name] = under_key(below, filled(below))
    return _with_extra(pairs, connection, cursor)


def graphql_error(cursor: Cursor) -> Value:
    """What of an answer says that the query failed: any of `errors`, with `partial` only those without data."""
    alone = ""
    if cursor.at("partial").json is True:
        alone = ' and ((.data | type) != "object" or [.data[] | select(. != null)] == [])'
    failed = f'(.errors | type) == "array" and .errors != []{alone}'
    return composed(f'if type != "object" then null elif {failed} then .errors[0] else .error end', cursor)


def _refuse_others(cursor: Cursor, known: frozenset[str], what: str) -> None:
    for name in dict(cursor.items()):
        if name not in known:
            raise NotCarried(f"`{what}.{name[:60]}` is not supported")


def _address(url: Cursor, base_url: str | None) -> Value:
    """The url with the connection's address in front of one that begins with `/`."""
    value = filled(url, url=True)
    if not isinstance(value.value, str):
        return value
    written = addressed(value.value, base_url)
    if written is None:
        raise NotCarried("computes where its request goes; a url begins with the address of its service")
    if base_url is None and (written.startswith("/") or _LITERAL_PATH.match(written)):
        raise NotCarried("has a url that begins with `/`, and nothing says the address before it")
    if written != value.value:
        value = text(written, url)
    if base_url is None:
        return value
    base = base_url.rstrip("/")
    if written.startswith("/"):
        return text(base + written, url)
    if classify(written, frozenset()) == "jq" and _LITERAL_PATH.match(written):
        start = written.index('"/') + 1
        return text(f"{written[:start]}{base}{written[start:]}", url)
    return value


def _with_extra(pairs: Pairs, connection: Connection, at: Cursor) -> Pairs:
    """With the fields in which the connection puts more of its credential than a prefix."""
    for place, name in (("header", "headers"), ("query", "query"), ("body", "body")):
        extra: Mapping[str, Cursor] = connection.extra.get(place, {})
        if not extra:
            continue
        own = pairs.get(name)
        given: Cursor | Value | None = own.value if isinstance(own, Cursor) else own
        if given is not None and not isinstance(given, Entries):
            raise NotCarried(f"the connection adds to a {place} that is not a map")
        merged: Pairs = dict(extra)
        if given:
            merged |= {key: below for key, (_, below) in given.entries.items()}
        pairs[name] = entries(merged, at)
    return pairs
