"""Published schemas as an OpenAPI document carries them: inline, and with descriptions that all consumers take."""

from collections.abc import Mapping

from agentos_runtime.jsontext import Json
from agentos_runtime.visible import visible

LONGEST_SUMMARY = 120
LONGEST_DESCRIPTION = 300
"""Characters of a utility's description; consumers refuse a whole document for a longer one."""
LONGEST_OF_PARAM = 700
_ONE: tuple[str, ...] = ("items", "additionalProperties", "not")
_SEVERAL: tuple[str, ...] = ("oneOf", "anyOf", "allOf", "prefixItems")


def shown_schema(schema: Json) -> Json:
    """The schema with its descriptions fit to be shown; what it accepts stays as it is."""
    if not isinstance(schema, dict):
        return schema
    shown: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "description" and isinstance(value, str):
            shown[key] = text(value, LONGEST_OF_PARAM)
        elif key == "properties" and isinstance(value, dict):
            shown[key] = {name: shown_schema(below) for name, below in value.items()}
        elif key in _ONE:
            shown[key] = shown_schema(value)
        elif key in _SEVERAL and isinstance(value, list):
            shown[key] = [shown_schema(each) for below in value for each in by_type(below, key)]
        else:
            shown[key] = value
    return shown


def by_type(schema: Json, key: str = "anyOf") -> list[Json]:
    """An alternative for each of its types, accepting the same: tools fail at one that has a list of them."""
    types = schema.get("type") if isinstance(schema, dict) else None
    if key not in ("anyOf", "oneOf") or not isinstance(types, list) or not types:
        return [schema]
    if key == "oneOf" and {"integer", "number"} <= {*map(str, types)}:  # 1 would be both, and oneOf refuse it
        types = [each for each in types if each != "integer"]
    return [{**schema, "type": each} for each in types]  # type: ignore[dict-item]


def with_property(schema: Mapping[str, Json], name: str, declared: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of an object with one more property."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return {**schema, "properties": {**known, name: dict(declared)}}


def text(written: str, most: int) -> str:
    """Text of others, fit to be shown, of `most` characters at most."""
    shown = visible(written, keep="\n\t").strip()
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"


def first_sentence(written: str) -> str:
    """The first sentence, on one line."""
    line = " ".join(written.split())
    end = line.find(". ")
    return text(line if end < 0 else line[: end + 1], LONGEST_SUMMARY)
