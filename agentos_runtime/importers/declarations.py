"""How declarations of params are written, whatever they were made from."""

from collections.abc import Mapping

from agentos_runtime.importers.api import Declaration
from agentos_runtime.jsontext import Json

MAX_DEPTH = 3
"""Params, their properties, and the properties of those."""
DEEPEST = 6
"""Levels of a param of which there is little."""
BEARER: Mapping[str, Json] = {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
"""The credential of most services."""
WORTH_SAYING: Mapping[str, str] = {
    "date-time": "ISO 8601 time",
    "date": "YYYY-MM-DD",
    "byte": "base64",
    "duration": "ISO 8601 duration",
}
"""Formats that a caller must know, in words."""
_ORDER = (
    "type", "required", "enum", "default", "minimum", "maximum", "description", "example", "one_of", "items",
    "properties",
)  # fmt: skip


def ordered(declaration: Declaration) -> Declaration:
    """The keys in the order in which people read them."""
    return {key: declaration[key] for key in _ORDER if key in declaration}


def with_note(declaration: Mapping[str, Json], note: str) -> str:
    said = declaration.get("description")
    return f"{said} ({note})" if said else note[:1].upper() + note[1:]
