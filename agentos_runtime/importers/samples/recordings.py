"""HAR files: the requests that a browser recorded become an Api."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.samples.reading import as_list, as_map, as_text, quoted, read_json
from agentos_runtime.importers.samples.request import Body, FromFile, Part, Parts, Sample, Text
from agentos_runtime.importers.samples.service import read_samples
from agentos_runtime.regexes import regex

_PAGES = regex(
    r"text/html|text/css|image/.*|font/.*|video/.*|audio/.*|application/(?:x-)?(?:javascript|font.*|wasm)|text/javascript"
)
"""What a page loads, and no service answers."""
_BYTES = regex(
    r"(?:image|audio|video|font)/(?!svg)|application/(?:octet-stream|pdf|zip|gzip|x-tar|wasm|grpc|connect\+proto"
    r"|(?:x-|vnd\.)?(?:google\.)?(?:protobuf|msgpack|messagepack|cbor|avro|thrift))",
    re.IGNORECASE,
)
"""What no text can hold as it was sent."""
_BOUNDARY = regex(r"boundary=\"?([^\";,]+)", re.IGNORECASE)
_ESCAPE = regex("%[0-9A-Fa-f]{2}")
_ENCODED = regex(r"(?:[A-Za-z0-9\[\]*._~+/:,;@!$'()?-]|%[0-9A-Fa-f]{2})*")
"""What a name or a value of a form looks like as it goes out."""
_OF_PART = regex(r";\s*(name|filename)=(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]+))", re.IGNORECASE)


def read_har(data: bytes, losses: Losses, base_url: str | None = None) -> Api:
    """The calls of services in an HTTP archive; what a page loads besides is left out. Raises ImportProblem."""
    log = as_map(read_json(data, "HAR").get("log"))
    entries = [as_map(one) for one in as_list(log.get("entries"))]
    if not entries:
        raise ImportProblem("This is no HAR file, or it has no entries: it has a `log` with `entries`")
    return read_samples([*_of_entries(entries, losses)], "", "", losses, base_url)


def _of_entries(entries: list[dict[str, Any]], losses: Losses) -> Iterator[Sample]:
    for entry in entries:
        request, response = as_map(entry.get("request")), as_map(entry.get("response"))
        method, url = str(request.get("method", "")).upper(), str(request.get("url", ""))
        kind = str(as_map(response.get("content")).get("mimeType", "")).split(";")[0].strip().lower()
        if url.startswith(("ws://", "wss://")) or response.get("status") == 101:
            losses.add("websockets are left out")
            continue
        if method == "OPTIONS" or not url.startswith(("http://", "https://")):
            continue
        moved = response.get("status") in (301, 302, 304) and "json" not in kind
        if method == "GET" and (_PAGES.fullmatch(kind) or moved):
            losses.add("pages, pictures and scripts are left out")
            continue
        posted = as_map(request.get("postData"))
        headers = [
            (str(one.get("name")), str(one.get("value"))) for one in map(as_map, as_list(request.get("headers")))
        ]
        cookies = [as_map(one) for one in as_list(request.get("cookies"))]
        if cookies and not any(name.lower() == "cookie" for name, _ in headers):
            pairs = (f"{as_text(one.get('name'))}={as_text(one.get('value'))}" for one in cookies)
            headers.append(("Cookie", "; ".join(pairs)))
        yield Sample(
            method=method,
            url=url.partition("#")[0],
            headers=tuple((name, value) for name, value in headers if not name.startswith(":")),
            body=_posted(posted, losses),
            content_type=str(posted.get("mimeType", "")),
        )


def _posted(posted: Mapping[str, Any], losses: Losses) -> Body | None:
    kind = str(posted.get("mimeType", ""))
    params = [as_map(one) for one in as_list(posted.get("params"))]
    text = as_text(posted.get("text"))
    if kind.lower().startswith("multipart/"):
        parts = tuple(_har_part(one) for one in params) or tuple(_parts_of(text, kind))
        if not parts:
            losses.add("a multipart body of which the recording does not hold the fields is left out")
        return Parts(parts) if parts else None
    if text and (posted.get("encoding") == "base64" or _BYTES.match(kind)):
        return FromFile(binary=True)
    if text:
        return Text(text)
    return (
        Text(_as_form([(as_text(one.get("name")), as_text(one.get("value"))) for one in params]))
        if params
        else None
    )


def _as_form(pairs: list[tuple[str, str]]) -> str:
    """A form as it went out. Some programs record its fields as they are, others as they were encoded."""
    encoded = any(map(_ESCAPE.search, sum(pairs, ()))) and all(map(_ENCODED.fullmatch, sum(pairs, ())))
    return "&".join("=".join(piece if encoded else quoted(piece) for piece in pair) for pair in pairs)


def _parts_of(text: str, kind: str) -> Iterator[Part]:
    """The parts of a multipart body that was recorded as the text that went out, as browsers do."""
    found = _BOUNDARY.search(kind)
    boundary = f"--{found[1].strip()}" if found else text.partition("\n")[0].strip()
    for piece in text.split(boundary)[1:] if boundary.startswith("--") else ():
        head, _, value = piece.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        lines = (line.partition(":") for line in head.split("\n"))
        said = {name.strip().lower(): words.strip() for name, _, words in lines}
        disposition = said.get("content-disposition", "")
        names = {found[1].lower(): found[2] or found[3] or "" for found in _OF_PART.finditer(f";{disposition}")}
        if names.get("name"):
            file = "filename" in names
            own = None if file else value.removesuffix("\n")
            yield Part(names["name"], own, file, said.get("content-type", ""))


def _har_part(one: Mapping[str, Any]) -> Part:
    file = bool(one.get("fileName"))
    value = None if file else as_text(one.get("value"))
    return Part(as_text(one.get("name")), value, file, as_text(one.get("contentType")))
