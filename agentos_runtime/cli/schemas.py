"""JSON Schemas of params and replies as rows that people read."""

from collections.abc import Iterator
from typing import Any

from agentos_runtime import jsontext

DEEPEST = 3
"""Levels of properties that are shown."""


def param_rows(schema: Any) -> list[tuple[str, str, str, str]]:
    """Name, type, `required` or the default, description: one row per param, nested ones below theirs."""
    required = schema.get("required", [])
    return [
        row
        for name, below in schema.get("properties", {}).items()
        for row in _rows(name, below, name in required, 1)
    ]


def reply_rows(schema: Any) -> list[tuple[str, str, str]]:
    """Name, type, description of a reply's properties; none for a reply that is not an object."""
    found = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return [(row[0], row[1], row[3]) for name, below in found.items() for row in _rows(name, below, False, DEEPEST)]


def type_text(schema: Any) -> str:
    """`string`, `string or array`, `integer, 1 to 100`, `array of string`; null is always allowed and left out."""
    if "oneOf" in schema:
        return " or ".join(type_text(one) for one in schema["oneOf"] if one != {"type": "null"})
    kinds = schema.get("type", "any")
    names = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    text = " or ".join(names) or "null"
    items = schema.get("items")
    if names == ["array"] and isinstance(items, dict) and "type" in items:
        text = f"array of {type_text(items)}"
    return text + _range(schema.get("minimum"), schema.get("maximum"))


def _rows(name: str, schema: Any, required: bool, depth: int) -> Iterator[tuple[str, str, str, str]]:
    need = "required" if required else _short(schema["default"]) if "default" in schema else ""
    yield name, type_text(schema), need, _description(schema)
    nested = schema if "properties" in schema else schema.get("items") or {}
    if depth >= DEEPEST:
        return
    mark = "" if nested is schema else "[]"
    for child, below in nested.get("properties", {}).items():
        yield from _rows(f"{name}{mark}.{child}", below, child in nested.get("required", []), depth + 1)


def _description(schema: Any) -> str:
    parts = [str(schema.get("description", ""))]
    choices = [choice for choice in schema.get("enum", []) if choice is not None]
    if choices:
        parts.append("One of " + ", ".join(map(_short, choices)) + ".")
    if schema.get("examples"):
        parts.append(f"Example: {_short(schema['examples'][0])}")
    return " ".join(part for part in parts if part)


def _range(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", from {low}" if low is not None else f", up to {high}" if high is not None else ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value else jsontext.dump(value).decode()
    return text if len(text) <= 40 else text[:39] + "…"
