"""Request bodies as bytes, one encoder per `rest.encoding`."""

from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from agentos_runtime.calls.urls import url_text
from agentos_runtime.jsontext import Json, dump


class EncodingError(ValueError):
    """The body cannot be written in this encoding; the message says which field and why, without its value."""


def encode_body(encoding: str, body: Json) -> tuple[bytes, str]:
    """The body's bytes and its content type. Raises EncodingError."""
    return _ENCODERS[encoding](body)


def form_pairs(fields: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Names and texts of a query or form: a list repeats its name, null is left out. Raises EncodingError."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            text = url_text(item)
            if text is None:
                raise EncodingError(f"{name} is an object or a nested list; only single values and lists fit here")
            pairs.append((name, text))
    return pairs


def urlencoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs)


def _json(body: Json) -> tuple[bytes, str]:
    return dump(body), "application/json"


def _form(body: Json) -> tuple[bytes, str]:
    if not isinstance(body, dict):
        raise EncodingError("a form body must be an object")
    return urlencoded(form_pairs(body)).encode("ascii"), "application/x-www-form-urlencoded"


def _text(body: Json) -> tuple[bytes, str]:
    text = url_text(body)
    if text is None:
        raise EncodingError("a text body must be a text")
    return text.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8"


_ENCODERS: Mapping[str, Callable[[Json], tuple[bytes, str]]] = {"json": _json, "form": _form, "text": _text}
