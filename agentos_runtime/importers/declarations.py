"""How declarations of params are written, whatever they were made from."""

import re
from collections.abc import Mapping

from agentos_runtime.importers.api import Declaration
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

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
_BYTES = "application/octet-stream"
_MEDIA_TYPE = regex(r"[A-Za-z0-9][\w.+-]*/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*", re.ASCII)
_FILENAME = regex(r"[\w .()+-]{1,100}", re.ASCII)


def ordered(declaration: Declaration) -> Declaration:
    """The keys in the order in which people read them."""
    return {key: declaration[key] for key in _ORDER if key in declaration}


def file_written(declaration: Declaration, content_type: str, filename: str = "") -> str:
    """The jq that sends a file with a type, and a name, where its caller says none; `{}` where there is neither."""
    kind = content_type.strip()
    said = [("content_type", kind)] if _MEDIA_TYPE.fullmatch(kind) and kind.lower() != _BYTES else []
    said += [("filename", filename)] if _FILENAME.fullmatch(filename) else []
    filled = " | ".join(f'.{key} //= "{value}"' for key, value in said)
    if not filled:
        return "{}"
    filled = f"map({filled})" if declaration.get("type") == "array" else filled
    return f"{{}} | if . then {filled} else . end"


def with_note(declaration: Mapping[str, Json], note: str) -> str:
    said = declaration.get("description")
    return f"{said} ({note})" if said else note[:1].upper() + note[1:]
