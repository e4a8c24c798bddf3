"""Addresses of a Postman collection: put together, with what its variables say, below the host that is meant."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from agentos_runtime.importers.samples.blanks import blank
from agentos_runtime.importers.samples.reading import as_list, as_map, as_text
from agentos_runtime.regexes import regex

MAX_DEPTH = 30
Node: TypeAlias = Mapping[str, Any]
_VARIABLE = regex(r"\{\{\s*([^{}]+?)\s*\}\}")
_AUTHORITY = regex(
    r"(?P<scheme>(?:https?|\{\{[^{}]+\}\})://)?(?P<user>(?:\{\{[^{}]*\}\}|[^/?#@{}])*@)?"
    r"(?P<host>(?:\{\{[^{}]*\}\}|[^/?#{}])+)"
)
_GLUED = regex(r"(\{\{[^{}]*\}\})(?=\w)")
"""A variable behind which a path begins without its slash: it ends in one itself."""


def host_of(url: str) -> str:
    """The variable that says where the service is, alone or within the host; "" for none."""
    found = _AUTHORITY.match(url)
    variable = _VARIABLE.search(found["host"]) if found else None
    return variable[1] if variable else ""


def most_used_host(collection: Node) -> str:
    """The variable that says for most requests where the service is."""
    hosts = [name for url in _addresses(collection, 0) if (name := host_of(url))]
    return max(Counter(hosts), key=hosts.count, default="")


def _addresses(node: Node, depth: int) -> Iterator[str]:
    """The addresses of all requests, as they are written."""
    for item in map(as_map, as_list(node.get("item"))):
        if "item" in item and depth < MAX_DEPTH:
            yield from _addresses(item, depth + 1)
        elif "request" in item:
            said = item["request"]
            yield written(said if isinstance(said, str) else as_map(said).get("url"))


def written(url: Any) -> str:
    """An address as one text: `raw`, or its pieces where only they are there."""
    if isinstance(url, str):
        return url
    said = as_map(url)
    if raw := as_text(said.get("raw")):
        return raw
    host, path = (
        separator.join(map(as_text, part)) if isinstance(part, list) else as_text(part)
        for part, separator in ((said.get("host"), "."), (said.get("path"), "/"))
    )
    scheme, port = as_text(said.get("protocol")), as_text(said.get("port"))
    pairs = [one for one in map(as_map, as_list(said.get("query"))) if one.get("disabled") is not True]
    query = "&".join(map(_pair, pairs))
    start = f"{scheme.removesuffix('://')}://" if scheme and "://" not in host else ""
    pieces = [start, host, port and f":{port}", path and "/", path.lstrip("/"), query and "?", query]
    return "".join(pieces)


def _pair(one: Node) -> str:
    """A key of the query as Postman sends it: what would end its value is encoded."""
    key = as_text(one.get("key")).replace("&", "%26").replace("#", "%23").replace("=", "%3D")
    return f"{key}={as_text(one.get('value')).replace('&', '%26').replace('#', '%23')}"


def without_switched_off(address: str, url: Any) -> str:
    """The address without the keys of its query that are switched off."""
    pairs = [as_map(one) for one in as_list(as_map(url).get("query"))]
    sent = {str(one.get("key")) for one in pairs if one.get("disabled") is not True}
    gone = {
        (key, None if key not in sent else as_text(one.get("value")))
        for one in pairs
        if (key := str(one.get("key"))) and one.get("disabled") is True
    }
    path, mark, query = address.partition("?")
    begun = [pair.partition("=") for pair in query.split("&")]
    kept = "&".join(f"{key}{sign}{value}" for key, sign, value in begun if not gone & {(key, None), (key, value)})
    return f"{path}{mark if kept else ''}{kept}"


class Filling:
    """Texts with the variables that have a value filled in."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def known(self, text: str) -> str:
        """The text with what has a value."""
        for _ in range(5):
            filled = _VARIABLE.sub(lambda found: self._variables.get(found[1]) or found[0], text)
            if filled == text:
                break
            text = filled
        return text

    def filled(self, text: str) -> str:
        return _VARIABLE.sub(lambda found: blank(found[1].lstrip("$")), self.known(text))


def placed(address: str, filling: Filling, variable: str, base_url: str) -> str:
    """The address below `base_url` where the variable says where that is; else as it is, its host filled in."""
    found = _AUTHORITY.match(address)
    if found is None:
        return address
    rest = address[found.end() :]
    if not base_url or host_of(address) != variable:
        return _joined(filling.known(found[0]), rest)
    scheme, _, place = base_url.partition("://")
    glued = None if found["scheme"] else _GLUED.match(found["host"])
    begun = f"/{found['host'][glued.end() :]}" if glued else ""
    return f"{scheme}://{found['user'] or ''}{place}{begun}{rest}"


def _joined(start: str, rest: str) -> str:
    return start.removesuffix("/") + rest if rest.startswith("/") else start + rest
