"""A utility's params in the part of JSON Schema that all clients and models take.

One schema that a provider refuses makes it refuse the whole list of tools, so what is sent is made of known
keywords only. What is checked when a tool is called stays the whole schema.
"""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex
from agentos_runtime.visible import visible

_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties"),
    "boolean": (),
}
"""The keywords that are sent, by the type that they speak of."""
_DEEPEST = 24
"""Levels of a schema that are sent; below, anything is said to fit."""
_LONGEST_EXAMPLE = 60
PROPERTY = regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
"""Keys of objects that all model providers take."""


def sent_schema(schema: Json) -> dict[str, Json]:
    """The schema of params as it is sent to clients."""
    sent = _sent(schema, _DEEPEST)
    sent["type"] = "object"
    sent.setdefault("properties", {})
    return sent


def _sent(schema: Json, depth: int) -> dict[str, Json]:
    if not isinstance(schema, dict) or depth == 0:
        return {}
    out: dict[str, Json] = {}
    branches = _branches(schema, depth)
    if len(branches) == 1:
        out = branches[0]
    elif branches:
        out["anyOf"] = [*branches]
    if (default := schema.get("default")) is not None:
        out["default"] = default
    told = _description(schema, str(out.pop("description", "")))
    return {"description": told, **out} if told else out


def _branches(schema: Mapping[str, Json], depth: int) -> list[dict[str, Json]]:
    """What fits: one for each kind of value, none when anything does. Null is left out: it unsets a param."""
    for word in ("oneOf", "anyOf"):
        several = schema.get(word)
        if isinstance(several, list):
            rest = {key: value for key, value in schema.items() if key not in (word, "description", "default")}
            kinds = [each for each in several if not (isinstance(each, dict) and each.get("type") == "null")]
            merged = [rest | each if isinstance(each, dict) else rest for each in kinds]
            return _distinct([_sent(each, depth - 1) for each in merged])
    types = _types(schema)
    if not types:
        return [bare] if (bare := _of_one(schema, None, depth)) else []
    return _distinct([_of_one(schema, name, depth) for name in types])


def _distinct(branches: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Each once; none when one of them takes anything."""
    found = [each for index, each in enumerate(branches) if each not in branches[:index]]
    return [] if {} in found else found


def _types(schema: Mapping[str, Json]) -> list[str]:
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    types = [name for name in names if isinstance(name, str) and name in _OF_TYPE]
    return [name for name in types if name != "integer" or "number" not in types]


def _of_one(schema: Mapping[str, Json], kind: str | None, depth: int) -> dict[str, Json]:
    out: dict[str, Json] = {} if kind is None else {"type": kind}
    choices = schema.get("enum")
    if not isinstance(choices, list):
        choices = [schema["const"]] if "const" in schema else None
    if choices is not None:
        fitting: list[Json] = [each for each in choices if each is not None and (kind is None or _is(each, kind))]
        if fitting:
            out["enum"] = fitting
    for keyword in _OF_TYPE.get(kind or "", ()):
        if keyword in schema and keyword not in ("items", "properties", "required", "additionalProperties"):
            out[keyword] = schema[keyword]
    if kind == "array":
        out["items"] = _sent(schema.get("items"), depth - 1)
    if kind == "object" or (kind is None and "properties" in schema):
        out |= {"type": "object"} | _object(schema, depth)
    return out


def _object(schema: Mapping[str, Json], depth: int) -> dict[str, Json]:
    """The properties; one whose name a provider would refuse is told in the description instead."""
    given = schema.get("properties")
    properties: dict[str, Any] = given if isinstance(given, dict) else {}
    fit: dict[str, Json] = {
        name: _sent(below, depth - 1) for name, below in properties.items() if PROPERTY.fullmatch(name)
    }
    out: dict[str, Json] = {"properties": fit} if fit else {}
    required = schema.get("required")
    names = [name for name in required if name in fit] if isinstance(required, list) else []
    if names:
        out["required"] = [*names]
    others = schema.get("additionalProperties")
    hidden = [name for name in properties if name not in fit]
    if hidden:
        listed = ", ".join(visible(str(dump(name), "utf-8")) for name in hidden)
        out["description"] = f"Further keys: {listed}"
    elif others is False:
        out["additionalProperties"] = False
    if isinstance(others, dict):
        out["additionalProperties"] = _sent(others, depth - 1)
    return out


def _is(value: Json, kind: str) -> bool:
    kinds: Mapping[str, Any] = {
        "string": str, "number": (int, float), "integer": int, "boolean": bool, "array": list, "object": dict,
    }  # fmt: skip
    return isinstance(value, kinds[kind]) and isinstance(value, bool) == (kind == "boolean")


def _description(schema: Mapping[str, Json], beside: str) -> str:
    """What the author says, an example when it is short, and what the schema cannot say; fit to be shown."""
    said = schema.get("description")
    parts = [visible(said, keep="\n\t").strip()] if isinstance(said, str) else []
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        text = dump(examples[0]).decode()
        if len(text) <= _LONGEST_EXAMPLE:
            parts.append(f"e.g. {visible(text)}")
    return " ".join(filter(None, [*parts, beside]))
