"""Texts that a YAML document writes without quotes: `default: 1.10` of a string is `1.10`, no number."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import yaml

Pairs: TypeAlias = list[tuple[Any, Any]]

_TEXT = "tag:yaml.org,2002:str"
_OTHERS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool"))
_VALUES = frozenset({"default", "example", "const", "enum", "examples"})


def written(pairs: Pairs) -> Pairs:
    """The entries of a map, with the values of a schema of texts as they are written, and so the version of an API.

    Null stays null, since a text that may be null lists it among its choices.
    """
    said = {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode)}
    if "type" in said or "schema" in said:
        return _texts(pairs, _VALUES) if _of_texts(said) else pairs
    if "title" in said and "version" in said:
        return _texts(pairs, {"version"})
    if "url" in said and isinstance(said.get("variables"), yaml.MappingNode):
        for variable in said["variables"].value:
            if isinstance(variable[1], yaml.MappingNode):
                variable[1].value = _texts(variable[1].value, _VALUES)
    return pairs


def _of_texts(said: dict[str, Any]) -> bool:
    """Whether a schema, or that of a parameter, is one of texts."""
    if isinstance(schema := said.get("schema"), yaml.MappingNode):
        said = {key.value: value for key, value in schema.value if isinstance(key, yaml.ScalarNode)}
    kind = said.get("type")
    kinds = [each.value for each in (kind.value if isinstance(kind, yaml.SequenceNode) else [kind]) if each]
    return "string" in kinds and {*map(str, kinds)} <= {"string", "null"}


def _texts(pairs: Pairs, names: Iterable[str]) -> Pairs:
    return [(key, _text(value) if key.value in names else value) for key, value in pairs]


def _text(node: Any) -> Any:
    """A new node: one that an alias repeats may be a number elsewhere."""
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, [*map(_text, node.value)], node.start_mark, node.end_mark)
    if isinstance(node, yaml.ScalarNode) and node.tag in _OTHERS:
        return yaml.ScalarNode(_TEXT, node.value, node.start_mark, node.end_mark)
    return node
