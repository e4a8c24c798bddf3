"""multipart/form-data (RFC 7578), names escaped as browsers do it (WHATWG HTML, multipart form data)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field

from agentos_runtime.frozen import dataclass

_ESCAPES: Mapping[str, str] = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field, or one file when it has a filename."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None
    content_type: str | None = None


def encode_multipart(parts: Sequence[FormPart]) -> tuple[bytes, str]:
    """The body and its content type. The same parts give the same bytes."""
    heads = [_head(part) for part in parts]
    boundary = _boundary(heads, parts)
    line = b"--" + boundary
    pieces: list[bytes] = []
    for head, part in zip(heads, parts, strict=True):
        pieces += (line, b"\r\n", head, b"\r\n", part.data, b"\r\n")
    pieces += (line, b"--\r\n")
    return b"".join(pieces), f"multipart/form-data; boundary={boundary.decode('ascii')}"


def _head(part: FormPart) -> bytes:
    text = f'Content-Disposition: form-data; name="{_escaped(part.name)}"'
    if part.filename is not None:
        text += f'; filename="{_escaped(part.filename)}"'
    if part.content_type is not None:
        text += f"\r\nContent-Type: {part.content_type}"
    return f"{text}\r\n".encode("utf-8", "replace")


def _escaped(name: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in name)


def _boundary(heads: Sequence[bytes], parts: Sequence[FormPart]) -> bytes:
    """A line that occurs in no part, because it is made of a hash of them all."""
    digest = hashlib.sha256(b"\0".join(heads))
    for part in parts:
        digest.update(hashlib.sha256(part.data).digest())
    return b"agentos-" + digest.hexdigest()[:48].encode("ascii")
