"""Texts without quotes that a comma cut, since they stand in a map on one line: `{enum: s, m, l}`."""

import re

from agentos_runtime.manifest.yaml.values import Cursor, Key
from agentos_runtime.regexes import regex

_GLUED = regex(r"(?P<name>[\w$][\w.$\[\]-]*):(?P<value>\S.*)")
_PATH = regex(r"[.$][\w.]*?(?P<last>[A-Za-z_]\w*)")
_LISTS = frozenset({"enum", "platforms", "scopes", "domains", "keep_null", "parts", "methods", "paths"})
"""Keys that hold lists: a text there is told as one that should be a list."""


def torn(cursor: Cursor) -> dict[str, str]:
    """The keys of a map that are pieces of the value before them, and the key of that value."""
    found: dict[str, str] = {}
    owner: str | None = None
    for name, below in cursor.items():
        if owner is not None and _is_bare(below):
            found[name] = owner
        else:
            owner = name if below.source is not None else None
    return found


def _is_bare(cursor: Cursor) -> bool:
    """Whether a key stands there without a colon."""
    if not isinstance(cursor.key, Key) or cursor.json is not None:
        return False
    return not cursor.document.text[cursor.key.end :].lstrip().startswith(":")


def name_and_value_in_one(name: str, cursor: Cursor) -> tuple[str, str] | None:
    """What is wrong with `{q:.params.q}` and `{.params.q}`, names without a value to YAML, and what to write."""
    if not _is_bare(cursor):
        return None
    if glued := _GLUED.fullmatch(name):
        message = "a `:` without a space behind it separates nothing"
        return message, f"Write `{glued['name']}: {glued['value'][:60]}`"
    if path := _PATH.fullmatch(name):
        return "a value stands here without a name before it", f"Write `{path['last']}: {name[:60]}`"
    return None


def is_told(before: Cursor) -> bool:
    return before.name in _LISTS


def whole(before: Cursor) -> list[str]:
    """The text as it was meant, in its pieces."""
    rest = torn(before.parent) if before.parent else {}
    return [before.source or "", *(name for name, owner in rest.items() if owner == before.name)]


def torn_fix(before: Cursor) -> str:
    """How the value is written that a comma cut."""
    pieces = whole(before)
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", ",".join(pieces)):
        return f"Write `{before.name}: {''.join(pieces)}`"
    if before.name == "type":
        return f"Write a list: `type: [{', '.join(pieces)}]`"
    text = ", ".join(pieces)
    return f'Write it in quotes: `{before.name}: "{text}"`' if len(text) <= 80 else "Write the whole text in quotes"
