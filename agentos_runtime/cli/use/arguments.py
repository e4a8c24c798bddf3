"""What the command line says of a request: its headers and its body."""

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentos_runtime.calls.requests.multipart import FormPart, encode_multipart
from agentos_runtime.cli.terminal.shell import stdin_bytes
from agentos_runtime.jsontext import JsonTextError, parse

Headers = tuple[tuple[str, str], ...]


def read_headers(given: Sequence[str]) -> Headers:
    """`name: value` each. Raises click.UsageError."""
    headers = []
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise click.UsageError(f"{text!r} is no header: write 'name: value'")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def read_body(options: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    """The body, and its type where no header says one. Raises click.UsageError."""
    given = [name for name in ("body", "json_text", "form", "body_file") if options[name] not in (None, ())]
    if len(given) > 1:
        raise click.UsageError("of --body, --json, --form and --body-file one can be given")
    if options["json_text"] is not None:
        return _json(options["json_text"]), "application/json"
    if options["form"]:
        return encode_multipart([_part(text) for text in options["form"]])
    if options["body_file"] is not None:
        path = Path(options["body_file"])
        return _file(str(path)), mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if options["body"] is None:
        return None, None
    body = _text("--body", options["body"])
    return body, "application/json" if _is_json(body) else "text/plain; charset=utf-8"


def _json(text: str) -> bytes:
    body = _text("--json", text)
    try:
        parse(body)
    except JsonTextError as error:
        raise click.UsageError(f"--json is not JSON: {error}. For a file write --json @request.json") from None
    return body


def _text(option: str, text: str) -> bytes:
    """The text itself, what `@file` holds, or stdin for `-`."""
    if text == "-":
        return stdin_bytes()
    return _file(text[1:], option) if text.startswith("@") else text.encode("utf-8", "surrogateescape")


def _file(name: str, option: str = "--body-file") -> bytes:
    if name == "-":
        return stdin_bytes()
    path = Path(name).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{option}: the file {path} cannot be read: {error.strerror}") from None


def _part(text: str) -> FormPart:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{text!r} is no field: write name=value or name=@file")
    if not value.startswith("@"):
        return FormPart(name, value.encode("utf-8", "surrogateescape"))
    path = Path(value[1:])
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FormPart(name, _file(value[1:], "--form"), path.name, kind)


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(parse(body), dict | list)
    except JsonTextError:
        return False
