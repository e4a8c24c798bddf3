"""`{{params.x}}` and `{token}` in a request's strings: values in jq, never code."""

import re
from collections.abc import Callable, Mapping

from agentos_runtime.jq.program import classify
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.dialects.tree import entries, sequence, text
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Sequence, Value
from agentos_runtime.regexes import regex

_PLACEHOLDER = regex(r"\{\{\s*([^{}]*?)\s*\}\}|\{token\}")
_PATH = regex(r"(params|auth)((?:\.[A-Za-z_]\w*)+)")
_PIPES: Mapping[str, str] = {"to_int": "tonumber", "to_json": "tojson", "json": "tojson", "raw": "."}


class NotCarried(ValueError):
    """Something that is not run here; the message names it."""


def filled(cursor: Cursor, *, url: bool = False) -> Value:
    """The value with its placeholders written as jq. Raises NotCarried.

    url: whether what is put in is one segment of a path or one value of a query.
    """
    value = cursor.value
    if isinstance(value, Entries):
        return entries({name: under_key(below, filled(below)) for name, below in cursor.items()}, cursor)
    if isinstance(value, Sequence):
        return sequence((filled(below) for below in cursor.elements()), cursor)
    if not isinstance(value.value, str) or not _PLACEHOLDER.search(value.value):
        return value
    if classify(value.value, frozenset()) == "jq" and "{{" not in value.value:
        return value
    return text(_jq(value.value, url), cursor)


def under_key(cursor: Cursor, value: Value) -> Cursor:
    """`value` under the key that holds `cursor`."""
    return Cursor(cursor.document, value, cursor.parent, cursor.key)


def _jq(written: str, url: bool) -> str:
    whole = _PLACEHOLDER.fullmatch(written)
    if whole and not url:
        return _expression(whole)
    parts: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(written):
        parts.append(_quoted(written[end : found.start()]))
        secret = found[0] == "{token}" or found[1].startswith("auth.")
        encoded = " | @uri" if url and not secret else ""
        parts.append(
            f'({_expression(found)} | if . == null then "" else tostring end{encoded})'
            if not secret
            else f"({_expression(found)})"
        )
        end = found.end()
    parts.append(_quoted(written[end:]))
    return " + ".join(part for part in parts if part != '""')


def _quoted(plain: str) -> str:
    return dump(plain).decode()


def _expression(found: re.Match[str]) -> str:
    """The jq of one placeholder."""
    if found[0] == "{token}":
        return ".auth.key"
    head, *pipes = (piece.strip() for piece in found[1].split("|"))
    path = _PATH.fullmatch(head)
    if path is None:
        raise NotCarried(f"has the placeholder {found[0][:60]}, which is not supported")
    source = f".{path[1]}{path[2]}"
    for pipe in pipes:
        name, _, argument = pipe.partition(":")
        source = _piped(source, name.strip(), argument.strip(), found[0])
    return source


def _piped(source: str, name: str, argument: str, whole: str) -> str:
    if name == "default":
        return f"(if {source} == null then {_quoted_default(argument)} else {source} end)"
    if name not in _PIPES or argument:
        raise NotCarried(f"has the placeholder {whole[:60]}, which is not supported")
    return source if _PIPES[name] == "." else f"({source} | if . == null then . else {_PIPES[name]} end)"


def _quoted_default(argument: str) -> str:
    if re.fullmatch(r"-?\d+(\.\d+)?|true|false|null", argument):
        return argument
    return _quoted(argument.strip("'\""))


def walked(value: Json, change: Callable[[str], str]) -> str:
    """jq that gives a value whose strings are changed to jq by `change`."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_quoted(name)}: ({walked(below, change)}\n)" for name, below in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(f"({walked(below, change)}\n)" for below in value) + "]"
    return change(value) if isinstance(value, str) else dump(value).decode()
