"""Values made from schemas: params from what a utility publishes, replies from what OpenRouter describes."""

from collections.abc import Mapping
from typing import Any

from tests.openrouter.description import Description, Operation

DEEPEST = 6


ONE_OF_SEVERAL = {"model"}
"""No call goes without it, but another param may stand in its place."""


def params(schema: Mapping[str, Any], *, full: bool, examples: bool = True) -> dict[str, Any]:
    """Params for a utility: the required ones, or all. `examples`: whether to use those that are published."""
    names = (
        schema["properties"] if full else [*schema.get("required", []), *ONE_OF_SEVERAL & {*schema["properties"]}]
    )
    return {name: from_published(schema["properties"][name], examples) for name in names}


def from_published(schema: Mapping[str, Any], examples: bool) -> Any:
    """A value that fits a published declaration; where that leaves open what fits, always its example."""
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    if schema.get("contentEncoding") == "base64":
        return {"data": "UklGRg==", "filename": "hello.wav", "content_type": "audio/wav"}
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("examples") and (examples or _is_open(schema, kind)):
        return schema["examples"][0]
    if kind == "array":
        return [from_published(schema["items"], examples)] if "items" in schema else []
    if kind == "object":
        below = schema.get("properties", {})
        return {name: from_published(below[name], examples) for name in schema.get("required", [])}
    plain = {"boolean": True, "integer": schema.get("minimum", 1), "number": schema.get("minimum", 1)}
    return plain.get(kind or "", "text")


def _is_open(schema: Mapping[str, Any], kind: str | None) -> bool:
    bounded = "minimum" in schema or "properties" in schema or kind == "boolean"
    texts = kind == "array" and schema.get("items", {}).get("type") == "string" and "enum" in schema["items"]
    return not (bounded or texts)


def reply_of(described: Description, operation: Operation, *, bare: bool) -> Any:
    """What an operation answers: its example, or (`bare`) the least that its schema allows, null where it may."""
    media = operation.content()["application/json"]
    if not bare and "example" in media:
        return media["example"]
    return _from_described(described, media["schema"], bare, 0)


def _from_described(described: Description, schema: Any, bare: bool, depth: int) -> Any:
    schema = described.resolved(schema)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    if bare and depth and "null" in kinds:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            options = [described.resolved(one) for one in schema[choice]]
            chosen = [one for one in options if (one.get("type") == "null") is (bare and depth > 0)] or options
            return _from_described(described, chosen[0], bare, depth + 1)
    if "object" in kinds or "properties" in schema:
        names = schema.get("required", []) if bare or depth > DEEPEST else schema.get("properties", {})
        below = schema.get("properties", {})
        return {name: _from_described(described, below.get(name, {}), bare, depth + 1) for name in names}
    if "array" in kinds:
        few = bare or depth > DEEPEST
        return [] if few else [_from_described(described, schema.get("items", {}), bare, depth + 1)]
    if "example" in schema and not bare:
        return schema["example"]
    return {"integer": 1, "number": 0.5, "boolean": True}.get(kinds[0] if kinds else "", "text")
