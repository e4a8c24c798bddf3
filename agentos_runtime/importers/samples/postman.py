"""Postman collections: the requests that somebody collected become an Api."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from agentos_runtime import jsontext
from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.samples.blanks import blank
from agentos_runtime.importers.samples.bodies import parsed
from agentos_runtime.importers.samples.reading import as_list, as_map, as_text, quoted, read_json
from agentos_runtime.importers.samples.request import Body, FromFile, Part, Parts, Sample, Text
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.importers.samples.service import read_samples
from agentos_runtime.regexes import regex

MAX_DEPTH = 30
_LANGUAGES: Mapping[str, str] = {
    "json": "application/json", "xml": "application/xml", "text": "text/plain", "html": "text/html",
    "javascript": "application/javascript",
}  # fmt: skip
_VARIABLE = regex(r"\{\{\s*([^{}]+?)\s*\}\}")
_OF_ADDRESS = regex(r"(?:(?:https?|\{\{[^{}]+\}\})://)?\{\{\s*([^{}]+?)\s*\}\}(?::(?:\d+|\{\{[^{}]+\}\}))?")
"""The variable that an address begins with, which says where the service is."""
_REMARK = regex(r'("(?:\\.|[^"\\])*")|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_BODILESS = ("GET", "HEAD")
_Node: TypeAlias = Mapping[str, Any]


def read_postman(data: bytes, losses: Losses, base_url: str | None = None) -> Api:
    """The requests of a Postman collection (v2.0, v2.1), folders as tags. Raises ImportProblem."""
    collection = read_json(data, "Postman")
    collection = as_map(collection.get("collection")) or collection
    info = as_map(collection.get("info"))
    if "item" not in collection or not info:
        raise ImportProblem(
            "This is no Postman collection of version 2: it has `info` and `item`. Export it as v2.1"
        )
    hosts = [name for url in _addresses(collection, 0) if (name := _host_of(url))]
    reader = _Postman(losses, base_url, max(Counter(hosts), key=hosts.count, default=""))
    samples = [*reader.samples(collection, _Above({}, None, ""), 0)]
    return read_samples(samples, str(info.get("name") or ""), as_text(info.get("description")), losses, base_url)


def _addresses(node: _Node, depth: int) -> Iterator[str]:
    """The addresses of all requests, as they are written."""
    for item in map(as_map, as_list(node.get("item"))):
        if "item" in item and depth < MAX_DEPTH:
            yield from _addresses(item, depth + 1)
        elif "request" in item:
            said = item["request"]
            yield _written(said if isinstance(said, str) else as_map(said).get("url"))


def _host_of(url: str) -> str:
    found = _OF_ADDRESS.match(url)
    return found[1] if found else ""


def _written(url: Any) -> str:
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
    query = "&".join(
        f"{as_text(one.get('key'))}={as_text(one.get('value'))}" for one in map(as_map, as_list(said.get("query")))
    )
    start = f"{scheme.removesuffix('://')}://" if scheme and "://" not in host else ""
    pieces = [start, host, port and f":{port}", path and "/", path.lstrip("/"), query and "?", query]
    return "".join(pieces)


class _Above:
    """What the folders around a request say for it."""

    __slots__ = ("auth", "tag", "variables")

    def __init__(self, variables: Mapping[str, str], auth: Any, tag: str) -> None:
        self.variables = variables
        self.auth = auth
        self.tag = tag

    def within(self, node: _Node, tag: str) -> "_Above":
        """The same for what lies in a folder. `auth: null` says nothing, and `noauth` that there is none."""
        return _Above({**self.variables, **_variables(node)}, _own_auth(node) or self.auth, tag or self.tag)


def _variables(node: _Node) -> dict[str, str]:
    """Those with a value, which stands in no file where it is a secret."""
    said = [one for one in map(as_map, as_list(node.get("variable"))) if one.get("disabled") is not True]
    named = {as_text(one.get("key") or one.get("id")): as_text(one.get("value")) for one in said}
    return {name: value for name, value in named.items() if not carries_secret(value, name)}


def _own_auth(node: _Node) -> Any:
    auth = node.get("auth")
    return auth if as_map(auth).get("type") else None


class _Postman:
    """Reads the items of a collection; variables with a value are filled in, others are blanks."""

    def __init__(self, losses: Losses, base_url: str | None, host: str) -> None:
        self._losses = losses
        self._base_url = base_url.rstrip("/") if base_url else ""
        self._host = host
        """The variable that most addresses begin with."""

    def samples(self, node: _Node, above: _Above, depth: int) -> Iterator[Sample]:
        above = above.within(node, str(node.get("name") or "") if depth else "")
        self._scripts(node)
        for item in map(as_map, as_list(node.get("item"))):
            if "item" in item and depth < MAX_DEPTH:
                yield from self.samples(item, above, depth + 1)
            elif "request" in item:
                self._scripts(item)
                yield from self._sample(item, above)

    def _scripts(self, node: _Node) -> None:
        for event in map(as_map, as_list(node.get("event"))):
            lines = as_map(event.get("script")).get("exec", "unknown")
            if any(as_text(line).strip() for line in (lines if isinstance(lines, list) else [lines])):
                self._losses.add("scripts of a collection are not run", str(node.get("name") or ""))

    def _sample(self, item: _Node, above: _Above) -> Iterator[Sample]:
        said = item.get("request")
        request = {"url": said, "method": "GET"} if isinstance(said, str) else as_map(said)
        method = str(request.get("method") or "GET").upper()
        name = str(item.get("name") or "")
        written = _Filling(above.variables)
        address = self._url(request.get("url"), written)
        if unknown := _host_of(address):
            own = ": --base-url says where the service is" if unknown == self._host else ""
            self._losses.add(f"the variable `{unknown}` of an address has no value in the collection{own}", name)
            return
        headers, query, user = self._auth(_own_auth(request) or above.auth, name)
        proofs = len(headers)
        sent = [one for one in _headers(request.get("header")) if one.get("disabled") is not True]
        headers += [(str(one.get("key")), written.filled(as_text(one.get("value")))) for one in sent]
        body, kind = self._body(as_map(request.get("body")), written)
        kept = as_map(item.get("protocolProfileBehavior")).get("disableBodyPruning") is True
        if body is not None and method in _BODILESS and not kept:
            self._losses.add("Postman sends no body with a GET or HEAD: it is left out", name)
            body = None
        yield Sample(
            method=method,
            url=written.filled(address),
            query=tuple(query),
            headers=tuple(headers),
            body=body,
            content_type=kind,
            user=user,
            keys=tuple(key for key, _ in (*headers[:proofs], *query)),
            name=re.sub(r"[^\w ]+", " ", name) if re.match(r"[A-Za-z]", name) else "",
            description=summary(as_text(request.get("description")), sentences=1) or summary(name, sentences=1),
            tag=above.tag,
            segments=_segments(request.get("url"), written),
            notes=_notes(request),
        )

    def _url(self, url: Any, written: "_Filling") -> str:
        """The address with its host, and without the keys that are switched off."""
        said = as_map(url)
        pairs = [as_map(one) for one in as_list(said.get("query"))]
        sent = {str(one.get("key")) for one in pairs if one.get("disabled") is not True}
        gone = {
            (key, None if key not in sent else as_text(one.get("value")))
            for one in pairs
            if (key := str(one.get("key"))) and one.get("disabled") is True
        }
        address, mark, query = _written(url).partition("?")
        begun = [pair.partition("=") for pair in query.split("&")]
        kept = "&".join(
            f"{key}{sign}{value}" for key, sign, value in begun if not gone & {(key, None), (key, value)}
        )
        return f"{self._placed(address, written)}{mark if kept else ''}{kept}"

    def _placed(self, address: str, written: "_Filling") -> str:
        """The address below what `--base-url` says, where a variable says where the service is."""
        found = _OF_ADDRESS.match(address)
        if found is None:
            return address
        if self._base_url and found[1] == self._host:
            return self._base_url + address[found.end() :]
        return written.known(found[0]) + address[found.end() :]

    def _body(self, body: _Node, written: "_Filling") -> tuple[Body | None, str]:
        mode = body.get("mode")
        if body.get("disabled") is True or not mode:
            return None, ""
        fields = [one for one in map(as_map, as_list(body.get(mode))) if one.get("disabled") is not True]
        if mode == "raw":
            return _raw(body, written)
        if mode == "urlencoded":
            pairs = "&".join(
                f"{quoted(as_text(one.get('key')))}={quoted(written.filled(as_text(one.get('value'))))}"
                for one in fields
            )
            return (Text(pairs), "application/x-www-form-urlencoded") if pairs else (None, "")
        if mode == "formdata":
            parts = [_part(one, written) for one in fields]
            return (Parts(tuple(parts)), "") if parts else (None, "")
        if mode == "graphql":
            sent = self._graphql(as_map(body.get("graphql")), written)
            return Text(jsontext.dump(sent).decode()), "application/json"
        return FromFile(binary=True), ""

    def _graphql(self, said: _Node, written: "_Filling") -> dict[str, jsontext.Json]:
        """The query with its variables, which Postman holds as a text of JSON."""
        sent: dict[str, jsontext.Json] = {"query": written.filled(as_text(said.get("query")))}
        variables = said.get("variables")
        text = written.filled(variables) if isinstance(variables, str) else ""
        read = _json(text) if text.strip() else variables
        if isinstance(read, dict):
            sent["variables"] = read
        elif text.strip():
            self._losses.add("variables of GraphQL that are no JSON are left out")
        if name := as_text(said.get("operationName")):
            sent["operationName"] = name
        return sent

    def _auth(self, auth: Any, name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str | None]:
        said = as_map(auth)
        kind = said.get("type")
        values = said.get(str(kind))
        entries = (
            {str(one.get("key")): one.get("value") for one in map(as_map, values)}
            if isinstance(values, list)
            else as_map(values)
        )
        if kind == "basic":
            return [], [], "user:password" if entries.get("password") else "user:"
        if kind == "oauth2" and entries.get("addTokenTo") == "queryParams":
            return [], [("access_token", "token")], None
        if kind in ("bearer", "oauth2"):
            prefix = as_text(entries.get("headerPrefix")).strip() if kind == "oauth2" else ""
            return [("Authorization", f"{prefix or 'Bearer'} token")], [], None
        if kind == "apikey":
            key = str(entries.get("key") or "Authorization")
            return (
                ([], [(key, "api-key")], None) if entries.get("in") == "query" else ([(key, "api-key")], [], None)
            )
        if kind not in (None, "noauth"):
            self._losses.add(f"auth of the kind {str(kind)[:20]} has no counterpart", name)
        return [], [], None


class _Filling:
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


def _headers(said: Any) -> Iterable[_Node]:
    """A list, or, as version 2.0 may write them, one text with a line for each."""
    if not isinstance(said, str):
        return map(as_map, as_list(said))
    lines = [line.partition(":") for line in said.splitlines() if ":" in line]
    return [{"key": name.strip(), "value": value.strip()} for name, _, value in lines]


def _raw(body: _Node, written: _Filling) -> tuple[Body | None, str]:
    language = as_map(as_map(body.get("options")).get("raw")).get("language")
    text = written.filled(as_text(body.get("raw")))
    if not text.strip():
        return None, ""
    value = _json(text)
    kind = _LANGUAGES.get(str(language)) or ("" if value is not None else "text/plain")
    if kind in ("", "application/json") and value is not None and parsed(text) is None:
        text = _without_remarks(text)
    return Text(text), kind


def _json(text: str) -> jsontext.Json:
    """JSON in which remarks may stand, as Postman takes them out before it sends it; None for anything else."""
    value = parsed(text)
    return parsed(_without_remarks(text)) if value is None else value


def _without_remarks(text: str) -> str:
    return _REMARK.sub(lambda found: found[1] or " ", text)


def _part(one: _Node, written: _Filling) -> Part:
    file = one.get("type") == "file"
    value = None if file else written.filled(as_text(one.get("value")))
    return Part(as_text(one.get("key")), value, file, as_text(one.get("contentType")))


def _segments(url: Any, written: _Filling) -> tuple[tuple[str, str], ...]:
    """The values that stand for `:id` in the path."""
    said = [one for one in map(as_map, as_list(as_map(url).get("variable"))) if one.get("disabled") is not True]
    return tuple(
        (as_text(one.get("key") or one.get("id")), written.filled(as_text(one.get("value")))) for one in said
    )


def _notes(request: _Node) -> tuple[tuple[str, str], ...]:
    """What is said of each param, by its name."""
    url, body = as_map(request.get("url")), as_map(request.get("body"))
    said = [
        *as_list(url.get("variable")), *as_list(url.get("query")), *_headers(request.get("header")),
        *as_list(body.get("urlencoded")), *as_list(body.get("formdata")),
    ]  # fmt: skip
    told = [
        (as_text(one.get("key") or one.get("id")), summary(as_text(one.get("description"))))
        for one in map(as_map, said)
        if one.get("disabled") is not True
    ]
    return tuple((name, words) for name, words in told if name and words)
