"""The path of a request that was made: what in it stands for a value, and what is one."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from agentos_runtime.importers.api import Declaration, Field
from agentos_runtime.importers.messages import singular, snake
from agentos_runtime.importers.samples.blanks import (
    CLOSE,
    blank,
    blank_names,
    has_blank,
    segment_with_blanks,
    split_at_blanks,
)
from agentos_runtime.importers.samples.bodies import typed
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.regexes import regex

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_IDENTITY = regex(rf"\d+|{_UUID}|[a-z]{{2,6}}_(?=\w*\d)[A-Za-z0-9]{{8,}}")
"""Segments that name one of many things."""
_RANDOM = regex(r"[0-9a-fA-F]{32,}|(?=[^/]*\d)(?=[^/]*[a-z])(?=[^/]*[A-Z])[A-Za-z0-9_-]{20,}")
"""Segments that may be a key in an address."""
_ABOVE_VERSIONS = frozenset({"api", "rest"})
"""Behind these a small number is a version: `/rest/api/3/issues`."""
_BOT = regex(r"bot(?=\d+:)")


def read_path(path: str, values: Sequence[tuple[str, str]] = ()) -> tuple[str, list[Field]]:
    """The path with `{name}` for each param, and the params; `values`: what stood for `:name` in it."""
    fields: dict[str, Field] = {}
    shown: list[str] = []
    before = ""
    for segment in path.split("/"):
        shown.append(_segment(segment, before, fields))
        before = segment if re.fullmatch(r"[A-Za-z][A-Za-z_-]*", segment) else ""
    stood = dict(_stood(said, value) for said, value in values)
    return "/".join(shown) or "/", [_valued(one, stood.get(one.name)) for one in fields.values()]


def segment_name(said: str) -> tuple[str, str]:
    """What a `:name` of a path is called as a param, and the ending that stands behind it (`:id.json`)."""
    marked = segment_with_blanks(f":{said}")
    marked = marked if has_blank(marked) else blank(said)
    return blank_names(marked)[0], marked.partition(CLOSE)[2]


def _stood(said: str, value: str) -> tuple[str, str]:
    name, ending = segment_name(said)
    return name, value.removesuffix(ending) if ending else value


def _valued(one: Field, value: str | None) -> Field:
    """A param with what stood for it as its default, where a file may hold that and it fills a segment."""
    if not value or "default" in one.declaration:
        return one
    default = typed(value)
    marked = segment_with_blanks(value)
    if has_blank(marked) or isinstance(default, bool) or carries_secret(value, one.name) or value in (".", ".."):
        return one
    kind: Declaration = {"type": "integer" if isinstance(default, int) else "string"}
    return Field(one.name, "path", {**kind, "default": default if isinstance(default, int) else value}, False)


def _segment(segment: str, before: str, fields: dict[str, Field]) -> str:
    if holds_secret(unquote(segment)):
        name = _add(fields, "token", {"type": "string"})
        prefix = "bot" if _BOT.match(segment) else ""
        return f"{prefix}{{{name}}}"
    marked = segment_with_blanks(re.sub("%7[bB]", "{", re.sub("%7[dD]", "}", segment)))
    if has_blank(marked):
        return "".join(
            _literal(text) if text else f"{{{_add(fields, name, {'type': 'string'})}}}"
            for text, name in split_at_blanks(marked)
        )
    if _RANDOM.fullmatch(segment):
        return f"{{{_add(fields, _identity(before), {'type': 'string'})}}}"
    if before and _IDENTITY.fullmatch(segment) and not (before in _ABOVE_VERSIONS and len(segment) < 3):
        whole = segment.isdigit() and (segment == "0" or segment[0] != "0") and len(segment) < 16
        kind: Declaration = (
            {"type": "integer", "default": int(segment)} if whole else {"type": "string", "default": segment}
        )
        return f"{{{_add(fields, _identity(before), kind, required=False)}}}"
    return _literal(segment)


def _identity(before: str) -> str:
    return f"{singular(snake(before))}_id" if before else "id"


def _add(fields: dict[str, Field], name: str, declaration: Declaration, *, required: bool = True) -> str:
    own, number = name, 2
    while own in fields:
        own, number = f"{name}_{number}", number + 1
    fields[own] = Field(own, "path", declaration, required)
    return own


def _literal(text: str) -> str:
    """Braces that stand in it are no params."""
    return text.replace("{", "%7B").replace("}", "%7D")
