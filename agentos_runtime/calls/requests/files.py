"""Params that are files: read once, kept out of every expression, put into the body as bytes.

Expressions see a stand-in, `{filename, content_type, size, file}`; where it comes out in a body, the encoder puts
the file. So a large file is neither copied through jq nor shown by anything that shows params.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TypeAlias

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Utility
from agentos_runtime.regexes import regex

_DATA_URL = regex(r"data:([^,]*?);base64,", re.IGNORECASE)
_MEDIA_TYPE = regex(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:[ \t]*;[ \t]*[\w.-]+=(?:[\w.:/+-]+|\"[ !#-~]*\"))*", re.ASCII)
_UNPRINTABLE = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|[\ud800-\udfff]")
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that a caller gave."""

    data: bytes = field(repr=False)
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """The file in base64."""
        return base64.b64encode(self.data).decode("ascii")


Uploads: TypeAlias = Mapping[str, Upload]
NO_UPLOADS: Uploads = MappingProxyType({})
"""The files of one call by the mark in their stand-ins."""


def take_files(utility: Utility, params: dict[str, Json]) -> tuple[dict[str, Json], Uploads]:
    """The params with a stand-in for every file, and the files. Raises InvalidParams with every problem."""
    uploads: dict[str, Upload] = {}
    problems: list[ParamProblem] = []
    taken = dict(params)
    for name in sorted(utility.files & params.keys()):
        value = params[name]
        if isinstance(value, list):
            taken[name] = [_take(item, f"{name}[{i}]", uploads, problems) for i, item in enumerate(value)]
        else:
            taken[name] = _take(value, name, uploads, problems)
    if problems:
        raise InvalidParams(f"{problems[0].path} {problems[0].message}", problems=problems)
    return taken, uploads


def upload_in(value: Json, uploads: Uploads) -> Upload | None:
    """The file that a stand-in stands for."""
    mark = value.get("file") if isinstance(value, dict) else None
    return uploads.get(mark) if isinstance(mark, str) else None


def as_sent(value: Json, upload: Upload) -> tuple[str | None, str | None]:
    """The filename and the type of a file: what its stand-in says, which an expression may have filled in.

    Raises ValueError with what is wrong with them.
    """
    said = value if isinstance(value, dict) else {}
    name, kind = _name(said.get("filename")), _media_type(said.get("content_type"))
    return name or upload.filename, kind or upload.content_type


def inlined(value: Json, uploads: Uploads) -> Json:
    """The value with the file's base64 text in place of each stand-in."""
    if not uploads:
        return value
    upload = upload_in(value, uploads)
    if upload is not None:
        return upload.text
    if isinstance(value, list):
        return [inlined(item, uploads) for item in value]
    if isinstance(value, dict):
        return {name: inlined(item, uploads) for name, item in value.items()}
    return value


def _take(value: Json, path: str, uploads: dict[str, Upload], problems: list[ParamProblem]) -> Json:
    try:
        upload = _read(value)
    except ValueError as error:
        problems.append(ParamProblem(path, str(error)))
        return None
    mark = f"agentos-file-{secrets.token_hex(16)}"
    uploads[mark] = upload
    return {
        "filename": upload.filename,
        "content_type": upload.content_type,
        "size": len(upload.data),
        "file": mark,
    }


def _read(value: Json) -> Upload:
    """Raises ValueError with what is wrong, without the value."""
    given = value if isinstance(value, dict) else {"data": value}
    text, filename, content_type = (given.get(name) for name in ("data", "filename", "content_type"))
    text = text if isinstance(text, str) else ""
    if text[:5].lower() == "data:":
        head = _DATA_URL.match(text)
        if head is None:
            raise ValueError("is a data: url that is not in base64")
        content_type = content_type or head[1] or None
        text = text[head.end() :]
    return Upload(_decoded(text), _name(filename), _media_type(content_type))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64 (the plain alphabet, padded, without line breaks)") from None


def _name(filename: Json) -> str | None:
    if not isinstance(filename, str) or not filename:
        return None
    if len(filename) > LONGEST_NAME or _UNPRINTABLE.search(filename):
        raise ValueError(f"has a filename with control characters, or longer than {LONGEST_NAME}")
    return filename


def _media_type(content_type: Json) -> str | None:
    if not isinstance(content_type, str) or not content_type:
        return None
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise ValueError("has a content_type that is not like image/png")
    return content_type
