"""Postman collections: the requests that somebody collected become an Api."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentos_runtime import jsontext
from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.samples.addresses import (
    MAX_DEPTH,
    Filling,
    Node,
    host_of,
    most_used_host,
    placed,
    without_switched_off,
    written,
)
from agentos_runtime.importers.samples.bodies import parsed
from agentos_runtime.importers.samples.collected_auth import added
from agentos_runtime.importers.samples.paths import segment_name
from agentos_runtime.importers.samples.reading import as_list, as_map, as_text, quoted, read_json
from agentos_runtime.importers.samples.request import Body, FromFile, Part, Parts, Sample, Text
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.importers.samples.service import read_samples
from agentos_runtime.regexes import regex

_LANGUAGES: Mapping[str, str] = {
    "json": "application/json", "xml": "application/xml", "text": "text/plain", "html": "text/html",
    "javascript": "application/javascript",
}  # fmt: skip
_REMARK = regex(r'("(?:\\.|[^"\\])*")|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_BODILESS = ("GET", "HEAD")


def read_postman(data: bytes, losses: Losses, base_url: str | None = None) -> Api:
    """The requests of a Postman collection (v2.0, v2.1), folders as tags. Raises ImportProblem."""
    collection = read_json(data, "Postman")
    collection = as_map(collection.get("collection")) or collection
    info = as_map(collection.get("info"))
    if "item" not in collection or not info:
        raise ImportProblem(
            "This is no Postman collection of version 2: it has `info` and `item`. Export it as v2.1"
        )
    reader = _Postman(losses, base_url, most_used_host(collection))
    samples = [*reader.samples(collection, _Above({}, None, ""), 0)]
    return read_samples(samples, str(info.get("name") or ""), as_text(info.get("description")), losses, base_url)


class _Above:
    """What the folders around a request say for it."""

    __slots__ = ("auth", "tag", "variables")

    def __init__(self, variables: Mapping[str, str], auth: Any, tag: str) -> None:
        self.variables = variables
        self.auth = auth
        self.tag = tag

    def within(self, node: Node, tag: str) -> "_Above":
        """The same for what lies in a folder. `auth: null` says nothing, and `noauth` that there is none."""
        return _Above({**self.variables, **_variables(node)}, _own_auth(node) or self.auth, tag or self.tag)


def _variables(node: Node) -> dict[str, str]:
    """Those with a value, which stands in no file where it is a secret."""
    said = [one for one in map(as_map, as_list(node.get("variable"))) if one.get("disabled") is not True]
    open_ones = [one for one in said if one.get("type") != "secret"]
    named = {as_text(one.get("key") or one.get("id")): as_text(one.get("value")) for one in open_ones}
    return {name: value for name, value in named.items() if not carries_secret(value, name)}


def _own_auth(node: Node) -> Any:
    auth = node.get("auth")
    return auth if as_map(auth).get("type") else None


class _Postman:
    """Reads the items of a collection; variables with a value are filled in, others are blanks."""

    def __init__(self, losses: Losses, base_url: str | None, host: str) -> None:
        self._losses = losses
        self._base_url = base_url.rstrip("/") if base_url else ""
        self._host = host
        """The variable that most addresses begin with."""

    def samples(self, node: Node, above: _Above, depth: int) -> Iterator[Sample]:
        above = above.within(node, str(node.get("name") or "") if depth else "")
        self._scripts(node)
        for item in map(as_map, as_list(node.get("item"))):
            if "item" in item and depth < MAX_DEPTH:
                yield from self.samples(item, above, depth + 1)
            elif "request" in item:
                self._scripts(item)
                yield from self._sample(item, above)

    def _scripts(self, node: Node) -> None:
        for event in map(as_map, as_list(node.get("event"))):
            lines = as_map(event.get("script")).get("exec", "unknown")
            if any(as_text(line).strip() for line in (lines if isinstance(lines, list) else [lines])):
                self._losses.add("scripts of a collection are not run", str(node.get("name") or ""))

    def _sample(self, item: Node, above: _Above) -> Iterator[Sample]:
        said = item.get("request")
        request = {"url": said, "method": "GET"} if isinstance(said, str) else as_map(said)
        method = str(request.get("method") or "GET").upper()
        name = str(item.get("name") or "")
        filling = Filling(above.variables)
        url = request.get("url")
        address = without_switched_off(placed(written(url), filling, self._host, self._base_url), url)
        if unknown := host_of(address):
            own = ": --base-url says where the service is" if unknown == self._host else ""
            self._losses.add(f"the variable `{unknown}` of an address has no value in the collection{own}", name)
            return
        proof = added(_own_auth(request) or above.auth, filling, self._losses, name)
        sent = [one for one in _headers(request.get("header")) if one.get("disabled") is not True]
        headers = [
            (filling.filled(as_text(one.get("key"))), filling.filled(as_text(one.get("value")))) for one in sent
        ]
        body, kind = self._body(as_map(request.get("body")), filling)
        kept = as_map(item.get("protocolProfileBehavior")).get("disableBodyPruning") is True
        if body is not None and method in _BODILESS and not kept:
            self._losses.add("Postman sends no body with a GET or HEAD: it is left out", name)
            body = None
        yield Sample(
            method=method,
            url=filling.filled(address),
            query=proof.query,
            headers=(*proof.headers, *((key, said) for key, said in headers if key.lower() not in proof.replaced)),
            body=body,
            content_type=kind,
            user=proof.user,
            keys=tuple(key for key, _ in (*proof.headers, *proof.query)),
            name=re.sub(r"[^\w ]+", " ", name) if re.match(r"[A-Za-z]", name) else "",
            description=summary(as_text(request.get("description")), sentences=1) or summary(name, sentences=1),
            tag=above.tag,
            segments=_segments(request.get("url"), filling),
            notes=_notes(request),
        )

    def _body(self, body: Node, filling: Filling) -> tuple[Body | None, str]:
        mode = as_text(body.get("mode"))
        if body.get("disabled") is True or not mode:
            return None, ""
        fields = [one for one in map(as_map, as_list(body.get(mode))) if one.get("disabled") is not True]
        if mode == "raw":
            return _raw(body, filling)
        if mode == "urlencoded":
            pairs = "&".join(
                f"{quoted(filling.filled(as_text(one.get('key'))))}={quoted(filling.filled(as_text(one.get('value'))))}"
                for one in fields
            )
            return (Text(pairs), "application/x-www-form-urlencoded") if pairs else (None, "")
        if mode == "formdata":
            parts = [_part(one, filling) for one in fields]
            return (Parts(tuple(parts)), "") if parts else (None, "")
        if mode == "graphql":
            sent = self._graphql(as_map(body.get("graphql")), filling)
            return Text(jsontext.dump(sent).decode()), "application/json"
        return FromFile(binary=True), ""

    def _graphql(self, said: Node, filling: Filling) -> dict[str, jsontext.Json]:
        """The query with its variables, which Postman holds as a text of JSON."""
        sent: dict[str, jsontext.Json] = {"query": filling.filled(as_text(said.get("query")))}
        variables = said.get("variables")
        text = filling.filled(variables) if isinstance(variables, str) else ""
        read = _json(text) if text.strip() else variables
        if isinstance(read, dict):
            sent["variables"] = read
        elif text.strip():
            self._losses.add("variables of GraphQL that are no JSON are left out")
        if name := as_text(said.get("operationName")):
            sent["operationName"] = name
        return sent


def _headers(said: Any) -> Iterable[Node]:
    """A list, or, as version 2.0 may write them, one text with a line for each."""
    if not isinstance(said, str):
        return map(as_map, as_list(said))
    lines = [line.partition(":") for line in said.splitlines() if ":" in line]
    return [{"key": name.strip(), "value": value.strip()} for name, _, value in lines]


def _raw(body: Node, filling: Filling) -> tuple[Body | None, str]:
    language = as_map(as_map(body.get("options")).get("raw")).get("language")
    text = filling.filled(as_text(body.get("raw")))
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


def _part(one: Node, filling: Filling) -> Part:
    file = one.get("type") == "file"
    value = None if file else filling.filled(as_text(one.get("value")))
    return Part(filling.filled(as_text(one.get("key"))), value, file, as_text(one.get("contentType")))


def _segments(url: Any, filling: Filling) -> tuple[tuple[str, str], ...]:
    """The values that stand for `:id` in the path."""
    said = [one for one in map(as_map, as_list(as_map(url).get("variable"))) if one.get("disabled") is not True]
    return tuple(
        (as_text(one.get("key") or one.get("id")), filling.filled(as_text(one.get("value")))) for one in said
    )


def _notes(request: Node) -> tuple[tuple[str, str], ...]:
    """What is said of each param, by its name."""
    url, body = as_map(request.get("url")), as_map(request.get("body"))
    segments = [
        {**one, "key": segment_name(as_text(one.get("key") or one.get("id")))[0]}
        for one in map(as_map, as_list(url.get("variable")))
    ]
    said = [
        *segments, *as_list(url.get("query")), *_headers(request.get("header")),
        *as_list(body.get("urlencoded")), *as_list(body.get("formdata")),
    ]  # fmt: skip
    told = [
        (as_text(one.get("key")), summary(as_text(one.get("description"))))
        for one in map(as_map, said)
        if one.get("disabled") is not True
    ]
    return tuple((name, words) for name, words in told if name and words)
