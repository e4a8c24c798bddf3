"""Whole numbers that were given as `5.0`, which some senders write, become `5` where an integer is declared."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from agentos_runtime.jsontext import Json

Integers: TypeAlias = "bool | Mapping[str, Integers]"
"""Where integers stand in a value: it is one, or they stand below names; `""` is for each entry of a list."""


def integers_of(schema: Mapping[str, Any]) -> Integers:
    """Where a schema declares integers; False for nowhere."""
    kinds = _kinds(schema)
    if "integer" in kinds:
        return "number" not in kinds
    found = {name: integers_of(below) for name, below in schema.get("properties", {}).items()}
    found[""] = "items" in schema and integers_of(schema["items"])
    return {name: below for name, below in found.items() if below} or False


def _kinds(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types of single values that it takes, in all of its shapes."""
    said = schema.get("type", ())
    kinds = frozenset([said] if isinstance(said, str) else said)
    return kinds.union(*(_kinds(branch) for branch in schema.get("oneOf", ())))


def with_integers(value: Json, integers: Integers) -> Json:
    """The value with its whole numbers written as such; the same object where there is nothing to change."""
    if integers is True:
        # 1e23, and not the double nearest to it
        return int(Decimal(repr(value))) if type(value) is float and value.is_integer() else value
    if integers is False:
        return value
    if isinstance(value, list) and (each := integers.get("")):
        entries = [with_integers(entry, each) for entry in value]
        return entries if any(a is not b for a, b in zip(entries, value, strict=True)) else value
    if isinstance(value, dict):
        fields = {
            name: with_integers(value[name], below) for name, below in integers.items() if name and name in value
        }
        changed = {name: field for name, field in fields.items() if field is not value[name]}
        return {**value, **changed} if changed else value
    return value
