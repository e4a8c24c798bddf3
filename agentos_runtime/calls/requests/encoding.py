"""Request bodies as bytes, one encoder per `rest.encoding`."""

from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from agentos_runtime.calls.requests.files import Upload, Uploads, as_sent, inlined, upload_in
from agentos_runtime.calls.requests.multipart import FormPart, encode_multipart
from agentos_runtime.calls.requests.nesting import HalfError, Path, nested_pairs
from agentos_runtime.calls.requests.urls import has_half, url_text
from agentos_runtime.jsontext import Json, dump


class EncodingError(ValueError):
    """The body cannot be written in this encoding; the message says which field and why, without its value."""


UNKNOWN_TYPE = "application/octet-stream"


def encode_body(encoding: str, body: Json, uploads: Uploads, nested: str | None = None) -> tuple[bytes, str]:
    """The body's bytes and its content type; files take the place of their stand-ins.

    nested: how maps and lists are written in a form. Raises EncodingError, NestingError.

    In JSON, forms and texts a file is its base64.
    """
    return _form(body, uploads, nested) if encoding == "form" else _ENCODERS[encoding](body, uploads)


def urlencoded(pairs: list[tuple[str, str]], way: str | None = None) -> str:
    """Names and texts as `application/x-www-form-urlencoded`; a comma stays one where it stands between values."""
    safe = "," if way == "comma" else ""
    return "&".join(f"{quote_plus(name)}={quote_plus(text, safe=safe)}" for name, text in pairs)


def _json(body: Json, uploads: Uploads) -> tuple[bytes, str]:
    return dump(inlined(body, uploads)), "application/json"


def _form(body: Json, uploads: Uploads, nested: str | None) -> tuple[bytes, str]:
    fields = inlined(body, uploads)
    if not isinstance(fields, dict):
        raise EncodingError("a form body must be an object")
    return urlencoded(nested_pairs(fields, nested), nested).encode("ascii"), "application/x-www-form-urlencoded"


def _text(body: Json, uploads: Uploads) -> tuple[bytes, str]:
    text = url_text(inlined(body, uploads))
    if text is None:
        raise EncodingError("a text body must be a text")
    return _bytes((), text), "text/plain; charset=utf-8"


def _multipart(body: Json, uploads: Uploads) -> tuple[bytes, str]:
    if not isinstance(body, dict):
        raise EncodingError("a multipart body must be an object")
    return encode_multipart(
        [
            _part(name, item, uploads)
            for name, value in body.items()
            for item in (value if isinstance(value, list) else [value])
            if item is not None
        ]
    )


def _part(name: str, value: Json, uploads: Uploads) -> FormPart:
    """A file, a text, or JSON for what is an object or a list in a list."""
    if has_half(name):
        raise HalfError((name,))
    if not name.isprintable():
        raise EncodingError("the name of a field holds a control character or another one that cannot be shown")
    upload = upload_in(value, uploads)
    if upload is not None:
        filename, kind = _as_sent(value, upload)
        return FormPart(name, upload.data, filename or name, kind or UNKNOWN_TYPE)
    text = url_text(value)
    if text is None:
        return FormPart(name, dump(inlined(value, uploads)), content_type="application/json")
    return FormPart(name, _bytes((name,), text))


def _bytes(path: Path, text: str) -> bytes:
    """Raises HalfError."""
    if has_half(text):
        raise HalfError(path)
    return text.encode("utf-8")


def _binary(body: Json, uploads: Uploads) -> tuple[bytes, str]:
    upload: Upload | None = upload_in(body, uploads)
    if upload is None:
        raise EncodingError("a binary body must be one param of type file")
    return upload.data, _as_sent(body, upload)[1] or UNKNOWN_TYPE


def _as_sent(value: Json, upload: Upload) -> tuple[str | None, str | None]:
    try:
        return as_sent(value, upload)
    except ValueError as error:
        raise EncodingError(f"a file {error}") from None


_ENCODERS: Mapping[str, Callable[[Json, Uploads], tuple[bytes, str]]] = {
    "json": _json,
    "text": _text,
    "multipart": _multipart,
    "binary": _binary,
}
