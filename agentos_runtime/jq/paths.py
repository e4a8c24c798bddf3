"""The fast path: jq that only follows a path is walked here, with the answers jq gives, and no worker is asked.

Only what is certain to agree with jq counts as plain; everything else is left to jq.
"""

import re
from collections.abc import Mapping, Sequence

from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_STEP = regex(
    r"""\.(?P<field>[A-Za-z_][A-Za-z0-9_]*)   # .a  (any word: keywords are legal after a dot)
      | \.?\["(?P<key>[^"\\\ufffd]*)"\]       # ["a b"]
      | \."(?P<quoted>[^"\\\ufffd]*)"         # ."a b"
      | \.?\[(?P<index>-?[0-9]{1,9})\]        # [0] and [-1]
    """,
    re.VERBOSE,
)
_KINDS: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


class PathError(ValueError):
    """jq would fail here too: the path asks for a field or an item of a value that has none. Quotes no data."""


def plain_path(source: str) -> tuple[str | int, ...] | None:
    """The steps of jq that is only a path: `.a.b[0]["c d"]`; `.` is (). None for anything else, `.a?` included."""
    text = source.strip(" \t\r\n")
    if text == ".":
        return ()
    if not text.startswith("."):
        return None
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            return None
        step = _step(match)
        if isinstance(step, str) and not step.isprintable():
            return None
        steps.append(step)
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> str | int:
    index = match["index"]
    if index is not None:
        return int(index)
    return str(match[match.lastgroup or "field"])


def walk(steps: Sequence[str | int], value: Json) -> Json:
    """Follow the steps as jq does: null and missing give null, a negative index counts from the end.

    Raises PathError where jq fails.
    """
    for step in steps:
        if value is None:
            return None
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            asked = "a name" if isinstance(step, str) else "a number"
            raise PathError(f"cannot index {_KINDS[type(value)]} with {asked}")
    return value
