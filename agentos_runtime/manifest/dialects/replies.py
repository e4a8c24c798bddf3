"""`response` and `returns` of a callable as ours: root, transform, inject and the mapping of its entity."""

import re
from collections.abc import Mapping

from agentos_runtime.jq.program import classify
from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.dialects.mapping import entity_jq, one_jq, unless_null
from agentos_runtime.manifest.dialects.placeholders import NotCarried, filled, walked
from agentos_runtime.manifest.dialects.tree import composed, entries, text
from agentos_runtime.manifest.params import JSON_TYPES
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value

_KNOWN = frozenset({"root", "transform", "mapping", "raw", "static", "inject", "error", "empty", "as", "xml"})
_KINDS: Mapping[str, type] = {"root": str, "transform": str, "mapping": dict, "inject": dict, "raw": bool}
_OF_NOBODY = frozenset({"array", "object", "string", "integer", "number", "boolean", "any"})
_NULL_LIST = "if . == null then [] else . end"
"""Services write null for a list without rows."""
_WITH_PARAMS = "{params: $params} | "
Pairs = dict[str, "Cursor | Value"]


def response_of(
    response: Cursor | None,
    returns: Cursor | None,
    transformers: Mapping[str, Cursor],
    checked: list[Cursor],
    at: Cursor,
    *,
    lenient: bool = False,
) -> Pairs:
    """What of `response` stays, and a transform that does the rest. Raises NotCarried.

    lenient: nothing at the root is null, whatever is returned.
    """
    pairs = _kept(response)
    if response is not None and response.flag("raw"):
        return pairs
    named = returns.json if returns and isinstance(returns.json, str) else None
    if response is not None and (named == "void" or response.get("static") is not None):
        pairs = {"empty": text("ok", response), **pairs}
    steps: list[str] = []
    root = response.get("root") if response else None
    pointer = _pointer(root)
    if root is not None and pointer:
        if lenient or (named is not None and not named.endswith("[]") and named not in _OF_NOBODY):
            steps.append(_lenient_root(pointer))
        else:
            pairs["root"] = text(pointer, root)
    transform = response.get("transform") if response else None
    later = _later_steps(response, named, transformers, checked)
    if transform is not None and isinstance(transform.json, str):
        if not steps and not later:
            pairs["transform"] = transform
            return pairs
        checked.append(transform)
        steps.append(transform.json)
    steps += later
    if steps:
        pairs["transform"] = composed(" | ".join(f"({step}\n)" for step in steps), transform or response or at)
    return pairs


def _kept(response: Cursor | None) -> Pairs:
    """What stays as it is written. Raises NotCarried for keys that nobody reads."""
    pairs: Pairs = {}
    for name, below in response.items() if response else ():
        if name not in _KNOWN:
            raise NotCarried(f"`response.{name[:60]}` is not supported")
        wanted = _KINDS.get(name)
        if wanted is not None and below.json is not None and not isinstance(below.json, wanted):
            line = below.place.position.line
            raise NotCarried(f"has a `response.{name}` on line {line} that is none that can be read")
        if name in ("raw", "error", "empty", "as", "xml"):
            pairs[name] = below
    return pairs


def _later_steps(
    response: Cursor | None, named: str | None, transformers: Mapping[str, Cursor], checked: list[Cursor]
) -> list[str]:
    steps: list[str] = []
    static = response.get("static") if response else None
    if static is not None:
        steps.append(walked(filled(static).value, _static))
    inject = response.get("inject") if response else None
    if inject is not None:
        steps.append(_injected(inject, checked))
    mapping = response.get("mapping") if response else None
    if mapping is None and named is not None:
        mapping = transformers.get(named.removesuffix("[]"))
    if mapping is not None and isinstance(mapping.value, Entries) and mapping.value.entries:
        each = entity_jq(mapping, checked)
        nothing = unless_null(f"try {each} catch null") if named == "void" else "null"
        steps.append(f'if type == "array" then map({each}) elif . == null then {nothing} else {each} end')
    if named is not None and named.endswith("[]"):
        steps.append(_NULL_LIST)
    return steps


def _static(written: str) -> str:
    if classify(written, frozenset()) == "jq":
        return f"{_WITH_PARAMS}({written}\n)"
    return dump(written).decode()


def _injected(inject: Cursor, checked: list[Cursor]) -> str:
    fields = ", ".join(
        f"{dump(name).decode()}: ({_WITH_PARAMS}{one_jq(below, checked)})"
        if isinstance(below.json, str)
        else f"{dump(name).decode()}: {dump(below.json).decode()}"
        for name, below in inject.items()
    )
    return (
        f"{{{fields}}} as $agentos_injected | "
        'if type == "array" then map(if type == "object" then . + $agentos_injected else . end) '
        'elif type == "object" then . + $agentos_injected else . end'
    )


def _pointer(root: Cursor | None) -> str:
    """As a JSON Pointer; empty for the whole answer."""
    if root is None or not isinstance(root.json, str) or root.json in ("", "/"):
        return ""
    if root.json.startswith("/"):
        return root.json
    if not re.fullmatch(r"\.?[A-Za-z_]\w*(\.\w+)*", root.json):
        raise NotCarried("`response.root` is no JSON Pointer")
    return "/" + root.json.lstrip(".").replace(".", "/")


def _lenient_root(pointer: str) -> str:
    """The one thing that stands there, or null: a service that found nothing gives an empty list."""
    steps = []
    for token in pointer[1:].split("/"):
        name = dump(token.replace("~1", "/").replace("~0", "~")).decode()
        index = f'if type == "array" then .[{token}] else .[{name}]? end' if token.isdecimal() else f".[{name}]?"
        steps.append(f"({index}) // null")
    return " | ".join(steps)


def lists_entities(returns: Cursor | None) -> bool:
    """Whether a callable says `entity[]`: what is no list is never handed out as one."""
    named = returns.json if returns else None
    return isinstance(named, str) and named.endswith("[]") and named.removesuffix("[]") not in _OF_NOBODY


def returns_of(returns: Cursor | None, hands_on: bool) -> Value | Cursor | None:
    """`returns` as ours; None = anything. `hands_on`: whether a void has a value to give."""
    if returns is None or returns.json is None:
        return None
    if isinstance(returns.json, str):
        return None if returns.json == "void" and hands_on else returns
    properties: Pairs = {}
    for name, below in returns.items():
        _nest(properties, name.split("."), _property(below), below)
    return entries(properties, returns)


def _nest(properties: Pairs, path: list[str], value: Value, at: Cursor) -> None:
    if len(path) == 1:
        properties[path[0]] = value
        return
    earlier = properties.get(path[0])
    kept: Pairs = {}
    if isinstance(earlier, Entries) and "properties" in earlier.entries:
        inner = earlier.entries["properties"][1]
        if isinstance(inner, Entries):
            kept = {name: below for name, (_, below) in inner.entries.items()}
    _nest(kept, path[1:], value, at)
    declared: Pairs = {"type": text("object", at), "properties": entries(kept, at)}
    properties[path[0]] = entries(declared, at)


def _property(cursor: Cursor) -> Value:
    """A type that is none of JSON's (`datetime`, `url`) is a text."""
    if isinstance(cursor.json, str):
        return entries({"type": text(_json_type(cursor.json), cursor)}, cursor)
    kept: Pairs = {}
    for name, below in cursor.items():
        if name == "type" and isinstance(below.json, str):
            kept[name] = text(_json_type(below.json), below)
        elif name in ("description", "enum") and below.json is not None:
            kept[name] = below
    return entries(kept, cursor)


def _json_type(name: str) -> str:
    return name if name in JSON_TYPES else "array" if name.endswith("[]") else "string"
