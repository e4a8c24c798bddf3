"""Calls of GraphQL have one address: what is called stands in the body, by the name of its operation."""

import re
from collections.abc import Container

from agentos_runtime import jsontext
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_UNSEEN = regex(r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*', re.DOTALL)
"""Texts and remarks."""
_BLOCK = regex(r"\{[^{}]*\}")
_OPERATION = regex(r"\b(query|mutation|subscription)\b\s*([A-Za-z_]\w*)?")
_FIRST_FIELD = regex(r"\{\s*(?:[A-Za-z_]\w*\s*:\s*)?([A-Za-z_]\w*)")
_LITERAL = regex(r"(?:query|mutation|fragment)\s(?!.*\.(?:params|auth)\b).*|[A-Z]\w*", re.DOTALL)
"""What no reader of a manifest takes for jq."""
_MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Called:
    """One operation of GraphQL."""

    kind: str
    """`query`, `mutation`, `subscription`; "" where only its name is said."""
    name: str


def called(query: Json, chosen: Json = None) -> Called | None:
    """What a query calls, `chosen` of several; None for what is no GraphQL, or does not say it."""
    name = chosen if isinstance(chosen, str) and re.fullmatch(r"[A-Za-z_]\w{0,80}", chosen) else ""
    if not isinstance(query, str):
        return Called("", name) if name else None
    seen = _UNSEEN.sub(" ", query)
    outer = seen
    for _ in range(_MOST_DEPTH):
        outer, found = _BLOCK.subn(";", outer)
        if not found:
            break
    if "{" in outer or "}" in outer or ";" not in outer:
        return None
    operations = [(one[1], one[2] or "") for one in _OPERATION.finditer(outer)]
    if not operations and outer.lstrip().startswith(";"):
        operations = [("query", "")]
    fitting = [one for one in operations if not name or one[1] == name] if len(operations) > 1 else operations
    if len(fitting) != 1:
        return None
    kind, own = fitting[0]
    first = _FIRST_FIELD.search(seen)
    own = name or own or (first[1] if first else "")
    return Called(kind, own) if own else None


def called_by(body: Json) -> str | None:
    """The name of the one operation that the `body` of a manifest calls; None where its caller says it."""
    if not isinstance(body, dict) or not body.keys() & {"query", "operationName"}:
        return None
    found = called(_read(body.get("query")), _read(body.get("operationName")))
    return found.name if found else None


def written(text: str) -> str:
    """A text that is always sent, as a manifest says it."""
    text = text.replace("{}", "{ }")
    return text if _LITERAL.fullmatch(text) else jsontext.dump(text).decode()


def _read(value: Json) -> Json:
    """A text of a manifest that is no expression, or one that is a text."""
    if not isinstance(value, str) or value[:1] == ".":
        return None
    if value[:1] != '"':
        return value
    try:
        return jsontext.parse(value)
    except jsontext.JsonTextError:
        return None


def named(one: Called, verbs: Container[str]) -> str:
    """What a utility of it is called after: `viewer`, which is asked for, is got."""
    first = re.match(r"[a-z]+|[A-Z][a-z]*", one.name)
    reads = one.kind == "query" and (first is None or first[0].lower() not in verbs)
    return f"get {one.name}" if reads else one.name
