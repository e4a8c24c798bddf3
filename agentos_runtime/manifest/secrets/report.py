"""Secrets in the files of a skill: each is reported at its character, and none is repeated."""

from collections.abc import Iterator
from typing import Literal

from agentos_runtime.diagnostics import Place, Problem
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.secrets.shapes import Found, find_secrets
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_OF_A_PARAM = regex(r"(?:default|examples?|enum|const|value|prefix)(?:\[\d+\])*")
"""Keys below the name of what they are about."""


def report_secrets(root: Cursor, message: str, fix: str, report: Report, *, ends: int | None = None) -> None:
    """Report each secret once, where it stands; behind the offset `ends` (Markdown) it is a warning."""
    text = root.document.text
    ends = len(text) if ends is None else ends
    found = {each.start: (root.document.place("", each.start), each) for each in find_secrets(text)}
    for place, each, plain in _in_values(root):
        found.setdefault(each.start, (place, each))
        report.hide(plain, "…")
    end = 0
    for start in sorted(found):
        place, each = found[start]
        if start >= end and not (each.by == "address" and report.covers(place)):
            severity: Literal["error", "warning"] = "error" if start < ends else "warning"
            report.add(Problem(message, place, fix, severity, each.end - start, each.shown(text)))
            report.hide(text[start : each.end], each.shown(text))
            end = each.end


def _in_values(root: Cursor) -> Iterator[tuple[Place, Found, str]]:
    """What only the values show: written with escapes, or random under a name that says what it is."""
    for cursor in _scalars(root):
        text = _text(cursor.json)
        for found in find_secrets(text, _name(cursor)) if text else ():
            start, end = cursor.offset_at(found.start), cursor.offset_at(found.end)
            written = Found(start, max(start + 1, end), found.by)
            yield cursor.document.place(cursor.path, start), written, text[found.start : found.end]


def _name(cursor: Cursor) -> str:
    """The name of the place where a value stands: of `params.token.default` it is `token`."""
    current: Cursor | None = cursor
    while current is not None and (isinstance(current.key, int) or _OF_A_PARAM.fullmatch(current.name)):
        current = current.parent
    return current.name if current is not None else ""


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _scalars(root: Cursor) -> Iterator[Cursor]:
    waiting = [root]
    while waiting:
        cursor = waiting.pop()
        below = [*(value for _, value in cursor.items()), *cursor.elements()]
        if below:
            waiting += reversed(below)
        elif not isinstance(cursor.json, dict | list):
            yield cursor
