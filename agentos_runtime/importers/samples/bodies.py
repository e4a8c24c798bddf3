"""The body of a request that was made: its fields, with what was sent as their defaults."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from agentos_runtime import jsontext
from agentos_runtime.importers.api import Body, Declaration, Field, Losses, Place
from agentos_runtime.importers.declarations import file_written
from agentos_runtime.importers.samples.blanks import (
    CLOSE,
    OPEN,
    blank,
    filled,
    has_blank,
    split_at_blanks,
    value_with_blanks,
)
from agentos_runtime.importers.samples.request import FromFile, Part, Parts, Sample, Text
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import FILE
from agentos_runtime.regexes import regex

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_KINDS: Mapping[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip
_UTF_8 = regex(r"charset=\"?utf-?8\"?", re.IGNORECASE)
_LITERAL = regex(r"[A-Za-z][\w /+.;=,*()-]*", re.ASCII)
_OUTSIDE_TEXTS = regex(
    rf'"(?:\\.|[^"\\])*"|({OPEN}[^{CLOSE}]*{CLOSE})'
    r"|(<[A-Za-z][\w .:-]{0,60}>|\{\{ ?[A-Za-z_][\w.-]{0,60} ?\}\}|\{[A-Za-z_][\w.-]{0,60}\}"
    r"|\$\{?[A-Za-z_]\w{0,60}\}?|\b(?:YOUR|MY)_[A-Z0-9_]{1,60}\b)",
    re.DOTALL,
)
"""Texts of JSON, and what stands for a value beside them: a mark, or `<id>`, `{{id}}`, `{id}`, `$ID`, `YOUR_ID`."""


def read_body(sample: Sample, content_type: str, losses: Losses) -> tuple[list[Field], Body]:
    """The fields of a body, and how they are sent; `content_type` is what a header says, or what is sent else."""
    kind = content_type.split(";")[0].strip().lower()
    if isinstance(sample.body, Parts):
        return _known(_multipart(sample.body.parts, losses), losses), Body("multipart")
    if isinstance(sample.body, Text) and not sample.body.text:
        return [], Body()  # `-d ''` only makes a POST of the call
    if isinstance(sample.body, FromFile):
        fields, body = _from_file(sample.body, kind)
    elif isinstance(sample.body, Text):
        fields, body = _text(sample.body.text, kind, losses)
    else:
        return [], Body()
    more = _beside(content_type, kind, losses)
    return fields, replace(body, content_type=f"{kind}; {more}") if more else body


def _beside(content_type: str, kind: str, losses: Losses) -> str:
    """What a content type says beside its kind, but for the charset of a kind that is in UTF-8 anyway."""
    said = [one.strip() for one in content_type.split(";")[1:] if one.strip()]
    charsets = [one for one in said if one.lower().startswith("charset=")]
    is_plain = kind in ("", JSON, FORM, "text/plain")
    kept = [one for one in said if one not in charsets or (not is_plain and _UTF_8.fullmatch(one))]
    written = [one for one in kept if _LITERAL.fullmatch(one) and not carries_secret(one)]
    if len(written) < len(kept):
        losses.add("what the content type says beside its kind cannot be written and is left out", kind)
    return "; ".join(written)


def fields_of(pairs: Iterable[tuple[str, str]], place: Place) -> list[Field]:
    """Names and values of a query or a form; a name that comes twice is a list."""
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    fields: list[Field] = []
    for name, values in grouped.items():
        if len(values) == 1 and not name.endswith("[]"):
            fields.append(field_of(name, place, typed(values[0])))
        else:
            fields.append(field_of(name, place, [*values]))
    return fields


def field_of(name: str, place: Place, value: Json) -> Field:
    """A param whose default makes the call what the request was; without one what a file must not hold."""
    if value is None:
        return Field(name, place, {})
    value = _marked(value)
    declaration: Declaration = {"type": _KINDS[type(value)]}
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        declaration["items"] = {"type": "string"}
    if carries_secret(value, name):
        return Field(name, place, declaration, True)
    if not _holds_blank(value):
        return Field(name, place, {**declaration, "default": value})
    if isinstance(value, str) and len(split_at_blanks(value)) == 1:
        return Field(name, place, {} if place == "body" else {"type": "string"}, True)
    return Field(name, place, {**declaration, "example": _filled(value)}, True)


def typed(text: str) -> Json:
    """A number or a boolean where writing it again gives the same text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?", text):
        value = float(text) if "." in text else int(text)
        return value if str(value) == text else text
    return text


def parsed(text: str) -> Json:
    """JSON, in which a blank may stand without quotes; None for anything else."""
    try:
        return jsontext.parse(text)
    except jsontext.JsonTextError:
        pass
    quoted = _OUTSIDE_TEXTS.sub(_in_quotes, text)
    try:
        return jsontext.parse(quoted)
    except jsontext.JsonTextError:
        return None


def _in_quotes(found: re.Match[str]) -> str:
    said = found[1] or (blank(found[2].strip("<>{}$ ")) if found[2] else "")
    return f'"{said}"' if said else found[0]


def _text(text: str, kind: str, losses: Losses) -> tuple[list[Field], Body]:
    value = parsed(text) if kind in ("", "*/*") or _is_json(kind) else None
    own = kind if kind not in ("", "*/*", JSON) else None
    if isinstance(value, dict) and all(isinstance(name, str) and not has_blank(name) for name in value):
        nulls = tuple(name for name, below in value.items() if below is None)
        fields = [field_of(name, "body", below) for name, below in value.items()]
        return fields, Body("json", own, nulls=nulls, empty=True)
    if value is not None and (_is_json(kind) or isinstance(value, list)):
        return [field_of("body", "body", value)], Body("json", own, whole=True)
    if _is_json(kind):
        losses.add("the body is said to be JSON and is none: it is sent as a text", "body")
    if kind in ("", FORM) and "=" in text:
        return _known(fields_of(parse_qsl(text, keep_blank_values=True), "body"), losses), Body("form")
    own = (kind or FORM) if kind != "text/plain" else None
    return [field_of("text", "body", text)], Body("text", own, whole=True)


def _known(fields: Sequence[Field], losses: Losses) -> list[Field]:
    """Those whose names are known."""
    for one in fields:
        if has_blank(one.name):
            losses.add("a field of the body whose name is not known is left out", filled(one.name))
    return [one for one in fields if not has_blank(one.name)]


def _is_json(kind: str) -> bool:
    return kind == JSON or kind.endswith(("+json", "/json"))


def _from_file(body: FromFile, kind: str) -> tuple[list[Field], Body]:
    said = {"description": "What the file held"}
    if _is_json(kind):
        own = kind if kind != JSON else None
        return [Field("body", "body", {"description": "The whole body"}, True)], Body("json", own, whole=True)
    if body.binary and not kind.startswith("text/"):
        return [Field("content", "body", {"type": FILE, **said}, True)], Body("binary", kind or None, whole=True)
    own = kind if kind != "text/plain" else None
    return [Field("text", "body", {"type": "string", **said}, True)], Body("text", own, whole=True)


def _multipart(parts: Sequence[Part], losses: Losses) -> list[Field]:
    grouped: dict[str, list[Part]] = {}
    for part in parts:
        grouped.setdefault(part.name, []).append(part)
    return [_part(name, same, losses) for name, same in grouped.items()]


def _part(name: str, parts: Sequence[Part], losses: Losses) -> Field:
    first = parts[0]
    is_json = _is_json(first.content_type)
    kind = first.content_type.split(";")[0].strip().lower()
    if not first.file and kind not in ("", "text/plain") and not (is_json and len(parts) == 1):
        losses.add("a part that is a text is sent without its type", f"{filled(name)} ({kind})")
    if first.file:
        files: Declaration = {"type": "array", "items": {"type": FILE}} if len(parts) > 1 else {"type": FILE}
        kind = first.content_type if all(part.content_type == first.content_type for part in parts) else ""
        write = file_written(files, kind, first.filename if len(parts) == 1 else "")
        return Field(name, "body", files, True, write=write)
    if first.value is None:
        # What is no text goes out as a part of JSON.
        return Field(name, "body", {} if is_json else {"type": "string"}, True)
    values = [part.value for part in parts if part.value is not None]
    if len(values) > 1:
        return field_of(name, "body", [*values])
    value = parsed(first.value) if is_json else typed(first.value)
    made = field_of(name, "body", first.value if value is None else value)
    # A list by itself repeats the name of its part.
    return replace(made, write="[{}]") if is_json and isinstance(value, list) else made


# ------------------------------------------------------------------ values


def _marked(value: Json) -> Json:
    if isinstance(value, str):
        return value_with_blanks(value)
    if isinstance(value, dict):
        return {key: _marked(below) for key, below in value.items()}
    return [_marked(below) for below in value] if isinstance(value, list) else value


def _holds_blank(value: Json) -> bool:
    if isinstance(value, str):
        return has_blank(value)
    if isinstance(value, dict):
        return any(has_blank(key) or _holds_blank(below) for key, below in value.items())
    return isinstance(value, list) and any(map(_holds_blank, value))


def _filled(value: Json) -> Json:
    if isinstance(value, str):
        return filled(value)
    if isinstance(value, dict):
        return {filled(key): _filled(below) for key, below in value.items()}
    return [_filled(below) for below in value] if isinstance(value, list) else value
