"""The JSON Schema of AgentOS's skill files for editors, made of the tables that the runtime reads them by.

`python -m tests.language.agentos_schema` writes it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos_runtime.manifest.dialects import shapes
from agentos_runtime.resources import schemas_folder

NAME = "agentos-skill"
_TYPES = {"text": "string", "map": "object", "list": "array", "flag": "boolean", "number": "number"}


def schema() -> dict[str, Any]:
    """For dialects C, D and E."""
    top = keys(shapes.TOP)
    callables = {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/callable"}}
    connection = {"$ref": "#/$defs/connection"}
    own: dict[str, Any] = {
        "operations": callables,
        "utilities": callables,
        "auth": {"anyOf": [{"type": ["string", "null"]}, connection]},
        "connections": {"type": ["object", "null"], "additionalProperties": connection},
    }
    executors: dict[str, Any] = {name: {"$ref": f"#/$defs/{name}"} for name in shapes.EXECUTORS}
    params = {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/param"}}
    response = {"$ref": "#/$defs/response"}
    executors["steps"] = {"anyOf": [{"type": "array"}, executors["steps"]]}
    param = keys(shapes.PARAM)
    param["type"] = {"enum": [*sorted(shapes.TYPES), None]}
    defs: dict[str, Any] = {
        "callable": closed(keys(shapes.CALLABLE) | executors | {"params": params, "response": response}),
        "response": closed(keys(shapes.RESPONSE)),
        "param": {"anyOf": [{"type": "string"}, closed(param)]},
        "connection": closed(keys(shapes.CONNECTION) | {"account_params": params}),
    }
    for name, table in shapes.EXECUTORS.items():
        defs[name] = closed(keys(table) | ({"response": response} if "response" in table else {}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://agentos-runtime.dev/schemas/agentos-skill.schema.json",
        "title": "A skill file of AgentOS (dialects C, D and E)",
        **closed(top | own),
        "required": ["id", "name", "description"],
        "$defs": defs,
    }


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A map of these keys; others are a warning of the runtime, not a mistake of the file."""
    return {"type": ["object", "null"], "properties": dict(properties)}


def keys(table: Mapping[str, str]) -> dict[str, Any]:
    return {name: {} if kinds == "any" else {"type": types(kinds)} for name, kinds in table.items()}


def types(kinds: str) -> list[str]:
    return [*(_TYPES[kind] for kind in kinds.split("|")), "null"]


def file() -> Path:
    return schemas_folder() / f"{NAME}.schema.json"


def text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    file().write_text(text())
