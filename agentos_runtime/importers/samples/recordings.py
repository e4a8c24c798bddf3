"""HAR files and Postman collections: requests that were recorded or collected become an Api."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentos_runtime import jsontext
from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.samples.blanks import blank
from agentos_runtime.importers.samples.bodies import parsed
from agentos_runtime.importers.samples.request import Body, FromFile, Part, Parts, Sample, Text
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.importers.samples.service import read_samples
from agentos_runtime.regexes import regex

MAX_DEPTH = 30
_PAGES = regex(
    r"text/html|text/css|image/.*|font/.*|video/.*|audio/.*|application/(?:x-)?(?:javascript|font.*|wasm)|text/javascript"
)
"""What a page loads, and no service answers."""
_LANGUAGES: Mapping[str, str] = {
    "json": "application/json", "xml": "application/xml", "text": "text/plain", "html": "text/html",
    "javascript": "application/javascript",
}  # fmt: skip
_BOUNDARY = regex(r"boundary=\"?([^\";,]+)", re.IGNORECASE)
_OF_PART = regex(r";\s*(name|filename)=(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]+))", re.IGNORECASE)
_VARIABLE = regex(r"\{\{\s*([^{}]+?)\s*\}\}")


def read_har(data: bytes, losses: Losses, base_url: str | None = None) -> Api:
    """The calls of services in an HTTP archive; what a page loads besides is left out. Raises ImportProblem."""
    log = _map(_parsed(data, "HAR").get("log"))
    entries = [_map(one) for one in _list(log.get("entries"))]
    if not entries:
        raise ImportProblem("This is no HAR file, or it has no entries: it has a `log` with `entries`")
    return read_samples([*_of_entries(entries, losses)], "", "", losses, base_url)


def read_postman(data: bytes, losses: Losses, base_url: str | None = None) -> Api:
    """The requests of a Postman collection (v2.0, v2.1), folders as tags. Raises ImportProblem."""
    collection = _parsed(data, "Postman")
    collection = _map(collection.get("collection")) or collection
    info = _map(collection.get("info"))
    if "item" not in collection or not info:
        raise ImportProblem(
            "This is no Postman collection of version 2: it has `info` and `item`. Export it as v2.1"
        )
    said = {str(one.get("key")): _text(one.get("value")) for one in map(_map, _list(collection.get("variable")))}
    variables = {name: value for name, value in said.items() if not carries_secret(value, name)}
    if base_url:
        variables |= dict.fromkeys(("baseUrl", "base_url", "url", "host", "BASE_URL"), base_url)
    reader = _Postman(variables, losses)
    samples = [*reader.samples(collection, "", None, 0)]
    title = str(info.get("name") or "")
    return read_samples(samples, title, _text(info.get("description")), losses)


# ------------------------------------------------------------------ HAR


def _of_entries(entries: list[dict[str, Any]], losses: Losses) -> Iterator[Sample]:
    for entry in entries:
        request, response = _map(entry.get("request")), _map(entry.get("response"))
        method, url = str(request.get("method", "")).upper(), str(request.get("url", ""))
        kind = str(_map(response.get("content")).get("mimeType", "")).split(";")[0].strip().lower()
        if method == "OPTIONS" or not url.startswith(("http://", "https://")):
            continue
        if method == "GET" and (_PAGES.fullmatch(kind) or response.get("status") in (301, 302, 304)):
            losses.add("pages, pictures and scripts are left out")
            continue
        posted = _map(request.get("postData"))
        headers = [
            (str(one.get("name")), str(one.get("value"))) for one in map(_map, _list(request.get("headers")))
        ]
        if not any(name.lower() == "cookie" for name, _ in headers) and _list(request.get("cookies")):
            headers.append(("Cookie", "cookie"))
        yield Sample(
            method=method,
            url=url.partition("#")[0],
            headers=tuple((name, value) for name, value in headers if not name.startswith(":")),
            body=_posted(posted, losses),
            content_type=str(posted.get("mimeType", "")),
        )


def _posted(posted: Mapping[str, Any], losses: Losses) -> Body | None:
    kind = str(posted.get("mimeType", ""))
    params = [_map(one) for one in _list(posted.get("params"))]
    text = _text(posted.get("text"))
    if kind.lower().startswith("multipart/"):
        parts = tuple(_har_part(one) for one in params) or tuple(_parts_of(text, kind))
        if not parts:
            losses.add("a multipart body of which the recording does not hold the fields is left out")
        return Parts(parts) if parts else None
    if text:
        return Text(text)
    return Text("&".join(f"{one.get('name')}={one.get('value', '')}" for one in params)) if params else None


def _parts_of(text: str, kind: str) -> Iterator[Part]:
    """The parts of a multipart body that was recorded as the text that went out, as browsers do."""
    said = _BOUNDARY.search(kind)
    boundary = f"--{said[1].strip()}" if said else text.partition("\n")[0].strip()
    for piece in text.split(boundary)[1:] if boundary.startswith("--") else ():
        head, _, value = piece.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        disposition = next(
            (line for line in head.split("\n") if line.lower().startswith("content-disposition")), ""
        )
        names = {found[1].lower(): found[2] or found[3] or "" for found in _OF_PART.finditer(disposition)}
        if names.get("name"):
            file = "filename" in names
            yield Part(names["name"], None if file else value.removesuffix("\n"), file)


def _har_part(one: Mapping[str, Any]) -> Part:
    file = bool(one.get("fileName"))
    return Part(_text(one.get("name")), None if file else _text(one.get("value")), file)


# ------------------------------------------------------------------ Postman


class _Postman:
    """Reads the items of a collection; variables with a value are filled in, others are blanks."""

    def __init__(self, variables: Mapping[str, str], losses: Losses) -> None:
        self._variables = variables
        self._losses = losses

    def samples(self, node: Mapping[str, Any], tag: str, auth: Any, depth: int) -> Iterator[Sample]:
        auth = node.get("auth", auth)
        for item in map(_map, _list(node.get("item"))):
            if "item" in item and depth < MAX_DEPTH:
                yield from self.samples(item, str(item.get("name") or tag), auth, depth + 1)
            elif "request" in item:
                yield self._sample(item, tag, auth)
            if item.get("event"):
                self._losses.add("scripts of a collection are not run", str(item.get("name") or ""))

    def _sample(self, item: Mapping[str, Any], tag: str, auth: Any) -> Sample:
        said = item.get("request")
        request = {"url": said, "method": "GET"} if isinstance(said, str) else _map(said)
        name = str(item.get("name") or "")
        headers, query, user = self._auth(request.get("auth", auth), name)
        for one in map(_map, _list(request.get("header"))):
            if one.get("disabled") is not True:
                headers.append((str(one.get("key")), self._filled(str(one.get("value") or ""))))
        body, kind = self._body(_map(request.get("body")))
        return Sample(
            method=str(request.get("method") or "GET").upper(),
            url=self._url(request.get("url")),
            query=tuple(query),
            headers=tuple(headers),
            body=body,
            content_type=kind,
            user=user,
            name=re.sub(r"[^\w ]+", " ", name) if re.match(r"[A-Za-z]", name) else "",
            description=summary(_text(request.get("description")), sentences=1) or summary(name, sentences=1),
            tag=tag,
        )

    def _url(self, url: Any) -> str:
        if isinstance(url, str):
            return self._filled(url)
        said = _map(url)
        raw = str(said.get("raw") or "")
        pairs = [_map(one) for one in _list(said.get("query"))]
        sent = {str(one.get("key")) for one in pairs if one.get("disabled") is not True}
        gone = {
            (key, None if key not in sent else _text(one.get("value")))
            for one in pairs
            if (key := str(one.get("key"))) and one.get("disabled") is True
        }
        address, mark, query = raw.partition("?")
        written = [pair.partition("=") for pair in query.split("&")]
        kept = "&".join(
            f"{key}{sign}{value}" for key, sign, value in written if not gone & {(key, None), (key, value)}
        )
        return self._filled(f"{address}{mark if kept else ''}{kept}")

    def _filled(self, text: str) -> str:
        for _ in range(5):
            filled = _VARIABLE.sub(lambda found: self._variables.get(found[1]) or found[0], text)
            if filled == text:
                break
            text = filled
        return _VARIABLE.sub(lambda found: blank(found[1].lstrip("$")), text)

    def _body(self, body: Mapping[str, Any]) -> tuple[Body | None, str]:
        mode = body.get("mode")
        if body.get("disabled") is True or not mode:
            return None, ""
        fields = [one for one in map(_map, _list(body.get(mode))) if one.get("disabled") is not True]
        if mode == "raw":
            language = _map(_map(body.get("options")).get("raw")).get("language")
            text = self._filled(str(body.get("raw") or ""))
            kind = _LANGUAGES.get(str(language)) or ("" if parsed(text) is not None else "text/plain")
            return (Text(text), kind) if text.strip() else (None, "")
        if mode == "urlencoded":
            pairs = "&".join(
                f"{_quoted(one.get('key'))}={_quoted(self._filled(_text(one.get('value'))))}" for one in fields
            )
            return (Text(pairs), "application/x-www-form-urlencoded") if pairs else (None, "")
        if mode == "formdata":
            parts = [self._part(one) for one in fields]
            return (Parts(tuple(parts)), "") if parts else (None, "")
        if mode == "graphql":
            return Text(jsontext.dump(self._graphql(_map(body.get("graphql")))).decode()), "application/json"
        return FromFile(binary=True), ""

    def _graphql(self, said: Mapping[str, Any]) -> dict[str, jsontext.Json]:
        """The query with its variables, which Postman holds as a text of JSON."""
        sent: dict[str, jsontext.Json] = {"query": self._filled(_text(said.get("query")))}
        written = said.get("variables")
        text = self._filled(written) if isinstance(written, str) else ""
        variables = parsed(text) if text.strip() else written
        if isinstance(variables, dict):
            sent["variables"] = variables
        elif text.strip():
            self._losses.add("variables of GraphQL that are no JSON are left out")
        if name := _text(said.get("operationName")):
            sent["operationName"] = name
        return sent

    def _part(self, one: Mapping[str, Any]) -> Part:
        file = one.get("type") == "file"
        return Part(_text(one.get("key")), None if file else self._filled(_text(one.get("value"))), file)

    def _auth(self, auth: Any, name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str | None]:
        said = _map(auth)
        kind = said.get("type")
        values = said.get(str(kind))
        entries = (
            {str(one.get("key")): one.get("value") for one in map(_map, values)}
            if isinstance(values, list)
            else _map(values)
        )
        if kind == "basic":
            return [], [], "user:password" if entries.get("password") else "user:"
        if kind in ("bearer", "oauth2"):
            return [("Authorization", "Bearer token")], [], None
        if kind == "apikey":
            key = str(entries.get("key") or "Authorization")
            return (
                ([], [(key, "api-key")], None) if entries.get("in") == "query" else ([(key, "api-key")], [], None)
            )
        if kind not in (None, "noauth"):
            self._losses.add(f"auth of the kind {str(kind)[:20]} has no counterpart", name)
        return [], [], None


def _quoted(value: Any) -> str:
    return re.sub(r"[%&=+#]", lambda found: f"%{ord(found[0]):02X}", str(value or ""))


def _parsed(data: bytes, kind: str) -> dict[str, Any]:
    try:
        value = jsontext.parse(data.decode("utf-8-sig"))
    except (jsontext.JsonTextError, UnicodeDecodeError):
        raise ImportProblem(f"This is no {kind} file: it is not JSON") from None
    return _map(value)


def _map(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("content")
    return "" if value is None else str(value)
