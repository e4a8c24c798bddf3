"""Schemas as they are sent: nothing in them that a client or a model is known to choke on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.skills.tool_schemas import PROPERTY, sent_schema
from tests.mcp.lab import lab
from tests.sizes import examples

KEYWORDS = {
    "type", "description", "default", "enum", "properties", "required", "additionalProperties", "items", "anyOf",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
}  # fmt: skip


def faults(schema: Any, path: str = "") -> Iterator[str]:
    """What some client is known not to take, by where it stands."""
    if not isinstance(schema, dict):
        yield f"{path}: {schema!r} is no schema"
        return
    yield from words(schema, path)
    for name, below in schema.get("properties", {}).items():
        if not PROPERTY.fullmatch(name):
            yield f"{path}: the name {name!r}"
        yield from faults(below, f"{path}.{name}")
    for number, below in enumerate(schema.get("anyOf", ())):
        yield from faults(below, f"{path}|{number}")
    for key in ("items", "additionalProperties"):
        if key in schema and schema[key] is not False:
            yield from faults(schema[key], f"{path}.{key}")


def words(schema: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}: {key}" for key in schema.keys() - KEYWORDS)
    if "type" in schema and not isinstance(schema["type"], str):
        yield f"{path}: a list of types"
    if schema.get("type") == "null":
        yield f"{path}: null"
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield f"{path}: an array without items"
    if None in schema.get("enum", ()):
        yield f"{path}: null in an enum"
    if len(schema.get("anyOf", "ab")) < 2:
        yield f"{path}: a choice of less than two"
    for name in schema.get("required", ()):
        if name not in schema.get("properties", {}):
            yield f"{path}: {name} is required and not there"


TYPES = ["string", "integer", "number", "boolean", "array", "object", "null", "unheard-of"]
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
SCHEMAS: Any = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional={"type": st.sampled_from(TYPES)}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), max_size=4) | st.none(),
            "description": st.text(max_size=6) | st.none(),
            "default": VALUES,
            "const": VALUES,
            "enum": st.lists(VALUES, max_size=3),
            "examples": st.lists(VALUES, max_size=2),
            "properties": st.dictionaries(
                st.sampled_from(["a", "b[c]", "$ref", "", "__proto__"]), inner, max_size=3
            ),
            "required": st.lists(st.sampled_from(["a", "b[c]", "zz"]), max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "oneOf": st.lists(inner, max_size=3),
            "anyOf": st.lists(inner, max_size=3),
            "allOf": st.lists(inner, max_size=3),
            "$ref": st.just("#/$defs/x"),
            "format": st.just("date"),
            "pattern": st.just("^x"),
            "minimum": st.integers(),
            "maxLength": st.integers(),
        },
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=examples(400), deadline=None)
@given(schema=SCHEMAS)
def test_whatever_a_schema_says_what_is_sent_has_no_known_fault(schema: Any) -> None:
    sent = sent_schema(schema)
    assert sent["type"] == "object"
    assert [*faults(sent)] == []


def test_a_schema_without_end_is_cut() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": schema}}
    assert [*faults(sent_schema(schema))] == []


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ({"type": ["string", "array"]}, {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}),
        ({"type": ["integer", "null"], "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"type": ["integer", "number"]}, {"type": "number"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (True, {}),
        ({"enum": ["a", None]}, {"enum": ["a"]}),
        ({"const": "x"}, {"enum": ["x"]}),
        (
            {"type": "string", "examples": ["x"], "description": "A name"},
            {"description": 'A name e.g. "x"', "type": "string"},
        ),
        ({"type": "string", "format": "date", "pattern": "^2"}, {"type": "string"}),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"type": "string", "description": "a\u202eb"}, {"description": "a\\u202eb", "type": "string"}),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "f[x]": {}}, "required": ["a", "f[x]"]},
            {
                "description": 'Further keys: "f[x]"',
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
            },
        ),
    ],
)
def test_what_is_sent_of_a_param(declared: Any, sent: Any) -> None:
    assert sent_schema({"type": "object", "properties": {"p": declared}})["properties"] == {"p": sent}


def test_no_tool_of_a_bundled_skill_has_a_known_fault(tmp_path: Path) -> None:
    with lab(tmp_path, only_skills=False) as it:
        client = it.client(path="/mcp?mode=tools")
        tools = client.ask("tools/list")["tools"]
        assert len(tools) > 60
        assert {tool["name"]: found for tool in tools if (found := [*faults(tool["inputSchema"])])} == {}
        assert [tool["name"] for tool in tools] == sorted(tool["name"] for tool in tools)
        assert max(len(tool["name"]) for tool in tools) <= 56
