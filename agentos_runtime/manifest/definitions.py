"""`definitions`: the jq `def`s that all expressions of a skill may use."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from agentos_runtime.diagnostics import Position
from agentos_runtime.manifest.reading import ExpressionCheck
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.values import Cursor

_DEF = re.compile(r"(?<![\w.$])def\s+([A-Za-z_]\w*)")
_COMMENT = re.compile(r"#[^\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_HEAD = re.compile(r"([A-Za-z_]\w*)\s*(?:\(\s*\$?[A-Za-z_]\w*(?:\s*;\s*\$?[A-Za-z_]\w*)*\s*\))?")


@dataclass(frozen=True, slots=True)
class Definitions:
    """jq text that stands before every expression (ends with a newline unless empty), and the names it defines."""

    text: str = ""
    names: frozenset[str] = frozenset()
    checks: tuple[ExpressionCheck, ...] = ()


def read_definitions(root: Cursor, report: Report) -> Definitions:
    cursor = root.get("definitions")
    if cursor is None:
        return Definitions()
    if isinstance(cursor.json, str):
        return _from_text(cursor, cursor.json, report)
    return _from_map(cursor, report)


def _from_text(cursor: Cursor, text: str, report: Report) -> Definitions:
    code = _COMMENT.sub("", _STRING.sub('""', text))
    names = frozenset(_DEF.findall(code))
    if not code.strip():
        return Definitions()
    if not names:
        report.error(cursor.place, "there is no `def` in here", "Write `def name: …;`, or a map from name to body")
    return Definitions(text.rstrip() + "\n", names, (_check(cursor, f"{text.rstrip()}\n.", "", cursor.locator()),))


def _from_map(cursor: Cursor, report: Report) -> Definitions:
    text = ""
    names: set[str] = set()
    checks: list[ExpressionCheck] = []
    for head, body in cursor.items():
        found = _HEAD.fullmatch(head)
        if not found:
            fix = "Write `name`, or `name(first; $second)` with semicolons"
            report.error(body.key_place, f"`{head[:60]}` is not the head of a jq definition", fix, body.key_length)
        if not found or not isinstance(body.json, str):
            continue
        names.add(found[1])
        opening = f"def {head}: "
        definition = f"{opening}{body.json}\n;\n"
        checks.append(_check(body, f"{definition}.", text, _shifted(body, len(opening))))
        text += definition
    return Definitions(text, frozenset(names), tuple(checks))


def _check(
    cursor: Cursor, source: str, definitions: str, locate: Callable[[int, int], Position]
) -> ExpressionCheck:
    return ExpressionCheck(cursor.place, source, definitions, False, locate)


def _shifted(body: Cursor, columns: int) -> Callable[[int, int], Position]:
    inside = body.locator()
    return lambda line, column: inside(line, column - columns if line == 1 else column)
