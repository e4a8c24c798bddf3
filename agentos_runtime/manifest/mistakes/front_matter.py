"""Front matter whose `---` lines are missing or are no such lines."""

import re
from collections.abc import Iterator
from itertools import pairwise

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

_KEY = regex(r"(id|name|description|auth|api|utilities|definitions|icon|website|settings|parts):(?=\s|$)")
_NEARLY = regex(
    r"[ \t]*(?:-{2}|-{4,}|-(?:[ \t]+-)+|[\u2010-\u2015]+-*|---[ \t]*\S+|[ \t]+---|\.{3}|\+{3}|={3,})[ \t]*"
)
_FENCE = regex(r" {0,3}(?:```|~~~)")
_YAML_FENCES = ("```yaml", "```yml")
_CALLED = regex(r"(?:utilities|operations):[ \t]*(?:\{.*|#.*)?", re.ASCII)
_TOML = regex(r"^(?:id|name|description)[ \t]*=[ \t]*[\"']", re.MULTILINE)
_JSON = regex(r"\{\s*\"(?:id|name|description|utilities|auth|api)\"\s*:")
_HEAD = 20
_LOOKED_AT = 2000
"""Lines."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is wrong, what to do, where it is and how long that is."""

    message: str
    fix: str
    offset: int
    length: int


def unopened(text: str) -> Missing | None:
    """What stands where `---` must begin the front matter; None for a text that has none."""
    lines = list(_lines(text))
    if not lines:
        return None
    keys = {match[1]: (offset, line) for offset, line in lines if (match := _KEY.match(line))}
    offset, first = lines[0]
    begins = _KEY.match(first) is not None
    nearly = _NEARLY.fullmatch(first) is not None or first.startswith(_YAML_FENCES)
    follows = len(lines) > 1 and _KEY.match(lines[1][1]) is not None
    if begins and (len(keys) > 1 or "utilities" in keys):
        return Missing(
            "the front matter has no line `---` before it", "Add a line `---` above it", offset, len(first)
        )
    if nearly and follows:
        message = f"`{first.strip()[:20]}` does not begin front matter"
        return Missing(message, "Write three dashes, `---`, alone on the first line", offset, len(first))
    other = _other_language(lines)
    if other is not None:
        message = f"front matter in {other} is not read: this file is instructions only, and nothing can be called"
        return Missing(message, "Write it as YAML, `id: …`, between two lines `---`", offset, len(first))
    if {"id", "utilities"} <= keys.keys():
        message = "the keys of a skill stand further down, and this is no line `---`"
        return Missing(message, "Let the file begin with a line `---`, then the keys", offset, len(first))
    return None


def _other_language(lines: list[tuple[int, str]]) -> str | None:
    """TOML or JSON that says who a skill is; None for a text that does not begin so."""
    head = "\n".join(line for _, line in lines[:_HEAD])
    if lines[0][1].strip() == "+++" and _TOML.search(head):
        return "TOML"
    return "JSON" if head.startswith("{") and _JSON.match(head) else None


def unclosed(text: str, start: int) -> Missing | None:
    """The line that was meant to end front matter that never ends; None when there is none."""
    for offset, line in _lines(text, start):
        if _NEARLY.fullmatch(line):
            message = f"`{line.strip()[:20]}` does not end the front matter"
            return Missing(message, "Write three dashes, `---`, alone on the line", offset, len(line))
    return None


def cut(front: str, text: str, end: int) -> Missing | None:
    """Keys below the line `---` that ends front matter without any utility; None when there are none.

    `front` is the front matter, `end` where that line begins in the text.
    """
    if any(_CALLED.match(line) for _, line in _lines(front)):
        return None
    below = [line for _, line in _lines(text, text.find("\n", end) + 1 or len(text))]
    for line, following in pairwise(below):
        if _CALLED.fullmatch(line) and re.match(r"[ \t]+[\w.]+:", following):
            key = line.partition(":")[0]
            message = f"the front matter ends here, and `{key}` stands further down, where nobody reads it"
            return Missing(message, "Remove this line, or indent it when it belongs to the text above it", end, 3)
    return None


def _lines(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Offset and text of each line that is not blank, outside of fenced blocks (one of YAML may begin the text)."""
    fenced, offset, first = False, start, True
    for line in text[start:].split("\n", _LOOKED_AT)[:_LOOKED_AT]:
        if line.strip():
            if _FENCE.match(line) and not (first and line.startswith(_YAML_FENCES)):
                fenced = not fenced
            elif not fenced:
                yield offset, line
            first = False
        offset += len(line) + 1
