"""What an answer is, by its content type and its first bytes, in words and with what to set to read it."""

from collections.abc import Mapping

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A form of answers: what it is called, and the key that reads it."""

    name: str
    word: str
    remedy: str


JSON = Kind("json", "JSON", "`response.as: json`")
TEXT = Kind("text", "text", "`response.as: text` (or `lines`)")
CSV = Kind("csv", "CSV", "`response.as: csv`")
TABS = Kind("csv", "tab-separated values", '`response: {as: csv, csv: {delimiter: "\\t"}}`')
XML = Kind("xml", "XML", "`response.as: xml`")
NDJSON = Kind("ndjson", "NDJSON", "`response.as: ndjson`")
PAGE = Kind("page", "an HTML page", "`response.as: text` if the page is what is wanted")
EVENTS = Kind("events", "a stream of events", "`rest.stream`, and ask with `stream: true`")
BINARY = Kind("binary", "binary data", "`response.raw: true`")

_TYPES: Mapping[str, Kind] = {
    "application/json": JSON,
    "text/json": JSON,
    "text/csv": CSV,
    "application/csv": CSV,
    "text/comma-separated-values": CSV,
    "text/tab-separated-values": TABS,
    "application/xml": XML,
    "text/xml": XML,
    "text/html": PAGE,
    "application/xhtml+xml": PAGE,
    "text/plain": TEXT,
    "application/x-ndjson": NDJSON,
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/x-jsonlines": NDJSON,
    "application/jsonlines": NDJSON,
    "text/event-stream": EVENTS,
    "application/octet-stream": BINARY,
    "application/pdf": BINARY,
    "application/zip": BINARY,
    "application/gzip": BINARY,
}
_FAMILIES: Mapping[str, Kind] = {"image": BINARY, "audio": BINARY, "video": BINARY, "font": BINARY, "text": TEXT}
_SUFFIXES: Mapping[str, Kind] = {"json": JSON, "xml": XML}


def essence(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.split(";")[0].strip().lower()


def declared_kind(content_type: str) -> Kind | None:
    """What a content type says; None when it says nothing that is known."""
    kind = essence(content_type)
    if kind in _TYPES:
        return _TYPES[kind]
    return _SUFFIXES.get(kind.rpartition("+")[2]) or _FAMILIES.get(kind.partition("/")[0])


def told_kind(content_type: str, body: bytes) -> Kind | None:
    """The same, but for words without a tag that are said to be a page: some services say so of all they send."""
    kind = declared_kind(content_type)
    return TEXT if kind is PAGE and b"<" not in body[:2000] else kind


def seen_kind(body: bytes) -> Kind | None:
    """What the first bytes show: JSON, XML, a page, binary data; None for what may be any text."""
    start = body[:2000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return PAGE
    if start.startswith(b"<?xml"):
        return PAGE if b"<html" in start else XML
    if b"\x00" in start and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return BINARY
    return JSON if start.startswith((b"{", b"[")) else None
