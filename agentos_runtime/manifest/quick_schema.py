"""JSON Schema that passes quickly over values that are plainly right, which nearly all of a manifest's are.

Every mistake is found by jsonschema itself: this only spares it the descent into a text where a text belongs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

_SAYS_NOTHING = frozenset({"title", "description", "patternErrorMessage"})
_TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}


def plainly_right(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value surely fits a schema of the simplest kind; False for all that is not known at a glance."""
    for keyword, asked in schema.items():
        if keyword == "type":
            kinds = (asked,) if isinstance(asked, str) else asked
            fits = any(type(value) is _TYPES.get(kind) for kind in kinds)
        elif keyword == "minLength":
            fits = isinstance(value, str) and len(value) >= asked
        elif keyword == "enum":
            fits = isinstance(value, str) and value in asked
        else:
            fits = keyword in _SAYS_NOTHING
        if not fits:
            return False
    return True


def _properties(
    validator: Any, properties: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name, value in instance.items():
        below = properties.get(name)
        if below is not None and not plainly_right(below, value):
            yield from validator.descend(value, below, path=name, schema_path=name)


def _if(
    validator: Any, condition: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    holds = plainly_right(condition, instance) or validator.evolve(schema=condition).is_valid(instance)
    branch = "then" if holds else "else"
    below = schema.get(branch)
    if below is not None and not plainly_right(below, instance):
        yield from validator.descend(instance, below, schema_path=branch)


QuickValidator: Any = extend(Draft202012Validator, {"properties": _properties, "if": _if})  # type: ignore[no-untyped-call]
"""Draft 2020-12 with the two keywords above."""
