"""What a utility returns, as JSON Schema: null is allowed for any property, and so are further properties."""

from collections.abc import Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import JSON_TYPES, sound
from agentos_runtime.manifest.shapes import Shape, nullable
from agentos_runtime.manifest.yaml.values import Cursor

_KEPT = ("type", "description", "enum", "minimum", "maximum")


@dataclass(frozen=True, slots=True)
class Returns:
    """The published schema (None = anything), the same compiled, and whether the reply is always null."""

    schema: Mapping[str, Json] | None = None
    shape: Shape | None = None
    void: bool = False


def read_returns(utility: Cursor, *, of_each: bool = False) -> Returns:
    """Any of the forms: `void`, `array`, a type, `entity`, `entity[]`, or a map of properties.

    `of_each`: whether a map of properties also describes each element of a list, and one entity may be none.
    """
    declared = utility.get("returns")
    if declared is None:
        return Returns()
    if isinstance(declared.json, str):
        return _named(declared.json, may_be_none=of_each)
    if not isinstance(declared.json, dict):
        return Returns()
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {name: nullable(_property(below)) for name, below in declared.items()},
    }
    if of_each:
        schema = {**schema, "type": ["object", "array"], "items": {**schema}}
    return _compiled(schema)


def read_strictness(cursor: Cursor, otherwise: bool = True) -> bool:
    """What `strict_returns` says of a skill or a utility."""
    written = cursor.get("strict_returns")
    return written.json if written is not None and isinstance(written.json, bool) else otherwise


def _named(name: str, *, may_be_none: bool) -> Returns:
    if name == "void":
        return Returns({"type": "null"}, None, True)
    if name == "any":
        return Returns()
    if name in JSON_TYPES:
        return _compiled({"type": name})
    entity: dict[str, Json] = {"type": "object", "title": name.removesuffix("[]")}
    if name.endswith("[]"):
        return _compiled({"type": "array", "items": entity})
    return _compiled(entity | ({"type": ["object", "null"]} if may_be_none else {}))


def _compiled(schema: dict[str, Json]) -> Returns:
    return Returns(schema, Shape(schema))


def _property(cursor: Cursor) -> dict[str, Json]:
    value = cursor.json
    if isinstance(value, str):
        return {"type": value} if value in JSON_TYPES else {}
    schema = {name: below.json for name, below in cursor.items() if name in _KEPT and sound(name, below.json)}
    items, properties = cursor.get("items"), cursor.get("properties")
    if items is not None:
        schema["items"] = _property(items)
    if properties is not None:
        schema["properties"] = {name: nullable(_property(below)) for name, below in properties.items()}
    return schema
