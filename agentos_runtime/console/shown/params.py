"""Params as a table: what each is called, must be, and says about itself."""

import json
from collections.abc import Mapping
from typing import Any

from agentos_runtime.frozen import dataclass

LONGEST = 60
"""Characters of a default or of an enum that are shown."""


@dataclass(frozen=True, slots=True)
class Param:
    """One param of a utility."""

    name: str
    kind: str
    required: bool
    description: str
    default: str | None


def described(schema: Mapping[str, Any]) -> list[Param]:
    """The params of a JSON Schema of one object; required ones first, each group in the order of the file."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = frozenset(schema.get("required", ()))
    params = [
        Param(name, kind_of(each), name in required, each.get("description", ""), _default(each))
        for name, each in properties.items()
        if isinstance(each, Mapping)
    ]
    return sorted(params, key=lambda each: not each.required)


def kind_of(schema: Mapping[str, Any]) -> str:
    """`string`, `array of objects`, `one of "a", "b"`, `file`."""
    if schema.get("contentEncoding") == "base64":
        return "file"
    if "enum" in schema:
        shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
        return f"one of {shown}" if len(shown) <= LONGEST else f"one of {len(schema['enum'])} values"
    named = schema.get("type")
    if isinstance(named, list):
        return " or ".join(map(str, named))
    if named == "array" and isinstance(schema.get("items"), Mapping):
        inner = kind_of(schema["items"])
        return "array" if inner == "any" else f"array of {inner}"
    if named is None:
        return "one of several" if {"oneOf", "anyOf"} & schema.keys() else "any"
    return str(named)


def _default(schema: Mapping[str, Any]) -> str | None:
    if "default" not in schema:
        return None
    shown = json.dumps(schema["default"], ensure_ascii=False)
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"
