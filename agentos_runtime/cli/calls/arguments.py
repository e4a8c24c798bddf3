"""`key=value` on the command line becomes params, typed as the utility declares them."""

import base64
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentos_runtime.cli.terminal.shell import stdin_bytes, stdin_text
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.manifest.params import is_file
from agentos_runtime.manifest.shapes import type_names
from agentos_runtime.regexes import regex

_ARGUMENT = regex(r"([^=:@]+)(:=|=)(.*)", re.DOTALL)
_JSON_TYPES: Mapping[type, frozenset[str]] = {
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
    str: frozenset({"string"}),
}


def read_params(arguments: Sequence[str], base: Mapping[str, Json], schema: Any) -> dict[str, Json]:
    """The params: `base`, and over it each `key=value`, `key:=json`, `key=@file` and `key:=@file`.

    schema: the utility's params as it publishes them. Raises click.UsageError.
    """
    params = dict(base)
    given: set[str] = set()
    for argument in arguments:
        name, raw, forced = _split(argument)
        if name in given:
            raise click.UsageError(f"{name} is given twice: a list is written as {name}:='[…, …]'")
        given.add(name)
        declared = schema.get("properties", {}).get(name, {})
        if not forced and raw.startswith("@") and _takes_files(declared):
            params[name] = _file(name, raw, declared)
        else:
            text = _text(name, raw)
            params[name] = _json(name, text) if forced else typed(text, declared)
    return params


def read_object(given: str | None) -> dict[str, Json]:
    """What `--json` names: JSON text, `@file`, or `-` for stdin. Raises click.UsageError."""
    if given is None:
        return {}
    text = stdin_text() if given == "-" else _text("--json", given)
    try:
        value = parse(text)
    except JsonTextError as error:
        raise click.UsageError(f"--json is not JSON: {error}. For a file write --json @params.json") from None
    if not isinstance(value, dict):
        raise click.UsageError("--json must be one JSON object of params")
    return value


def typed(text: str, declared: Any) -> Json:
    """The text as JSON where the param's type allows what it then is, else the text itself."""
    allowed = type_names(declared)
    if allowed == {"string"}:
        return text
    try:
        value = parse(text)
    except JsonTextError:
        return text
    if value is None or not allowed or "string" not in allowed:
        return value
    return value if not isinstance(value, str) and _JSON_TYPES[type(value)] & allowed else text


def _split(argument: str) -> tuple[str, str, bool]:
    found = _ARGUMENT.fullmatch(argument)
    if found is None:
        raise click.UsageError(
            f"{argument!r} is not a param: write key=value, key:=JSON, key=@file, or use --json '{{…}}'"
        )
    name, sign, raw = found.groups()
    return name, raw, sign == ":="


def _takes_files(declared: Any) -> bool:
    return bool(is_file(declared) or is_file(declared.get("items")))


def _file(name: str, raw: str, declared: Any) -> Json:
    """The file itself, with its name and what kind it seems to be."""
    given: dict[str, Json] = {}
    if raw == "@-":
        data = stdin_bytes()
    else:
        path = Path(raw[1:]).expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise click.UsageError(f"{name}: the file {path} cannot be read: {error.strerror}") from None
        given["filename"] = path.name
        kind, encoding = mimetypes.guess_type(path.name)
        if kind is not None and encoding is None:
            given["content_type"] = kind
    file: Json = {"data": base64.b64encode(data).decode("ascii"), **given}
    return file if is_file(declared) else [file]


def _text(name: str, raw: str) -> str:
    if not raw.startswith("@"):
        return raw
    if raw == "@-":
        return stdin_text()
    try:
        return Path(raw[1:]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise click.UsageError(
            f"{name}: the file {raw[1:]} cannot be read: {reason}. A text that begins with @ is written as JSON: "
            f"{name}:='\"{raw}\"'"
        ) from None


def _json(name: str, text: str) -> Json:
    try:
        return parse(text)
    except JsonTextError as error:
        raise click.UsageError(f"{name}:= needs JSON: {error}. For plain text write {name}=…") from None
