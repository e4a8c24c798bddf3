"""`{{params.x | pipe}}` of requests as jq."""

import re

from agentos_runtime.importers.agentos.pipes import ARGUMENT, NotSaid, piped
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex

_PLACEHOLDER = regex(r"\{\{\s*([^{}]*?)\s*\}\}")
_HEAD = regex(r"(params|auth|settings)((?:\.[A-Za-z_]\w*)+)\s*")
_PIPE = regex(rf"\|\s*(\w+)\s*(?::\s*({ARGUMENT}))?\s*")
_QUOTED = regex(r"'((?:[^']|'')*)'")


def request_value(value: Json, *, url: bool = False) -> Json:
    """A value of a request, its texts as jq where they hold placeholders. Raises NotSaid."""
    if isinstance(value, dict):
        return {name: request_value(below) for name, below in value.items()}
    if isinstance(value, list):
        return [request_value(below) for below in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and not url:
        return expression(whole[1])
    if url and not re.match(r"https?://[^/{]+", value):
        raise NotSaid("a url that begins with a param")
    parts: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(value):
        parts.append(dump(value[end : found.start()]).decode())
        encoded = " | @uri" if url else ""
        parts.append(f'({expression(found[1])} | if . == null then "" else tostring end{encoded})')
        end = found.end()
    parts.append(dump(value[end:]).decode())
    if "{{" in _PLACEHOLDER.sub("", value):
        raise NotSaid("a placeholder that does not end")
    return " + ".join(part for part in parts if part != '""')


def expression(inside: str) -> str:
    """What stands between the braces. Raises NotSaid."""
    head = _HEAD.match(inside)
    if head is None:
        raise NotSaid(f"the placeholder {{{{{inside[:40]}}}}}")
    source, end = f".{head[1]}{head[2]}", head.end()
    while end < len(inside):
        pipe = _PIPE.match(inside, end)
        if pipe is None:
            raise NotSaid(f"the placeholder {{{{{inside[:40]}}}}}")
        source, end = piped(source, pipe[1], pipe[2]), pipe.end()
    return source


_OF_NAMES = regex(
    r"\b(?:order|group)\s+by\s+(?:[\w.\"` ]+,\s*)*(?:[\w.\"`]+\s+)?$"
    r"|\b(?:from|join|into|update|table|collate|as)\s+$|[\w.\"`]$",
    re.IGNORECASE,
)
"""What stands before a table, a column or `desc`."""


def bound_query(query: str) -> tuple[str, dict[str, Json]]:
    """SQL with pasted placeholders as SQL with bound names, and what they hold. Raises NotSaid."""
    bound: dict[str, Json] = {}

    def bind(inside: str) -> str:
        if re.search(r"\|\s*raw\b", inside):
            raise NotSaid("SQL that a param holds (`| raw`)")
        source = expression(inside)
        name = re.sub(r"\W", "_", inside.partition("|")[0].strip().rpartition(".")[2])
        name = name if bound.get(name, source) == source else f"{name}_{len(bound)}"
        bound[name] = source
        return f":{name}"

    def in_quotes(found: re.Match[str]) -> str:
        text, pieces, end = found[1], [], 0
        if "{{" not in text:
            return found[0]
        for placeholder in _PLACEHOLDER.finditer(text):
            pieces += [_sql_text(text[end : placeholder.start()]), bind(placeholder[1])]
            end = placeholder.end()
        pieces.append(_sql_text(text[end:]))
        return " || ".join(piece for piece in pieces if piece)

    def outside(found: re.Match[str]) -> str:
        if _OF_NAMES.search(found.string[: found.start()]) or found.string[found.end() :][:1].isalnum():
            raise NotSaid("a name in SQL that a param holds")  # bound, it would be a value, which sorts nothing
        return bind(found[1])

    return _PLACEHOLDER.sub(outside, _QUOTED.sub(in_quotes, query)), bound


def _sql_text(text: str) -> str:
    return f"'{text}'" if text else ""
