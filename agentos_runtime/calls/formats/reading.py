"""An answer in the form that the manifest says, as JSON text."""

from collections.abc import Callable, Mapping

from agentos_runtime.calls.formats.charsets import FormatError, decode, named_charset
from agentos_runtime.calls.formats.kinds import (
    BINARY,
    CSV,
    EVENTS,
    JSON,
    NDJSON,
    PAGE,
    TABS,
    TEXT,
    XML,
    Kind,
    declared_kind,
    seen_kind,
)
from agentos_runtime.calls.formats.lines import read_lines, read_ndjson
from agentos_runtime.calls.formats.markup import declared_encoding, read_xml
from agentos_runtime.calls.formats.tables import read_csv
from agentos_runtime.jsontext import dump, is_json
from agentos_runtime.manifest.model import AnswerFormat


class OtherKind(FormatError):
    """The answer is of another kind than the manifest says."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.word)
        self.kind = kind


def read_format(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    """JSON text of what the body says. Raises FormatError; OtherKind when it is plainly something else."""
    other = other_kind(form.kind, content_type, body)
    if other is None and form.kind == "csv":
        other = _instead_of_rows(form, declared_kind(content_type), body.strip())
    if other is not None:
        raise OtherKind(other)
    return _READERS[form.kind](form, content_type, body)


def other_kind(name: str, content_type: str, body: bytes) -> Kind | None:
    """What the answer is instead, where reading it as the manifest says would give something that looks right."""
    seen, declared = seen_kind(body), declared_kind(content_type)
    if seen is BINARY and named_charset(content_type) is None:
        return BINARY
    if name in ("text", "lines"):
        return None
    if seen is JSON and name != "ndjson":
        return JSON if declared is JSON or name == "xml" or is_json(body) else None
    if seen in (PAGE, XML) and name != seen.name:
        return None if name == "xml" else seen
    if declared is EVENTS:
        return EVENTS
    return JSON if name == "ndjson" and seen is JSON and _is_one_document(body) else None


def _instead_of_rows(form: AnswerFormat, declared: Kind | None, body: bytes) -> Kind | None:
    """What would be a header without rows: a value of JSON, XML without its first line, words (`No data`)."""
    if declared is NDJSON or (declared is JSON and is_json(body)):
        return declared
    if declared is XML and body.startswith(b"<"):
        return XML
    alone = b"\n" not in body and form.delimiter.encode() not in body and len(body.split()) > 1
    return TEXT if alone and form.header and declared not in (CSV, TABS) else None


def _is_one_document(body: bytes) -> bool:
    """Whether it is JSON over several lines, or one list: no lines that are JSON each."""
    text = body.strip()
    return (text.startswith(b"[") or b"\n" in text) and b"\n{" not in text and is_json(text)


def _text(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    return dump(decode(body, content_type, form.charset))


def _lines(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    return dump(read_lines(decode(body, content_type, form.charset)))


def _csv(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    return dump(read_csv(decode(body, content_type, form.charset), form.delimiter, form.header))


def _xml(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    text = decode(body, content_type, declared_encoding(body) or form.charset)
    return dump(read_xml(text.lstrip(), simple=form.simple))


def _ndjson(form: AnswerFormat, content_type: str, body: bytes) -> bytes:
    return read_ndjson(body)


_READERS: Mapping[str, Callable[[AnswerFormat, str, bytes], bytes]] = {
    "text": _text,
    "lines": _lines,
    "csv": _csv,
    "xml": _xml,
    "ndjson": _ndjson,
}
