"""`one_of`: a param that has exactly one of several shapes."""

# ruff: noqa: E501  (a row of a table is one line)

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.manifest.shapes import Shape
from tests.cli.console import Console
from tests.language.support import ORIGIN, serving
from tests.manifest.loading import HEAD, go, texts, utility
from tests.manifest.test_params import VALUES, schemas
from tests.toy.raw import answer_json

SAY = f"""
api: {{base_url: {ORIGIN}}}
utilities:
  say:
    description: Say
    params:
      content:
        required: true
        description: Text, or parts
        one_of:
          - {{type: string}}
          - type: array
            items:
              type: object
              one_of:
                - properties:
                    type: {{type: string, required: true, enum: [text]}}
                    text: {{type: string, required: true}}
                - properties:
                    type: {{type: string, required: true, enum: [image]}}
                    url: {{type: string, required: true}}
                    detail: {{one_of: [{{type: integer}}, {{type: string, enum: [low, high]}}]}}
      size: {{default: small, one_of: [{{type: string, enum: [small, large]}}, {{type: integer, minimum: 1}}]}}
    rest: {{method: POST, url: /say, body: .params}}
"""


@pytest.mark.parametrize(
    "params",
    [
        {"content": "hi"},
        {"content": [{"type": "text", "text": "a"}, {"type": "image", "url": "u", "detail": "low"}], "size": 3},
        {"content": [{"type": "image", "url": "u", "detail": None}], "size": "large"},
        {"content": []},
    ],
)
def test_a_value_of_one_shape_is_sent_as_it_is(tmp_path: Path, params: dict[str, Any]) -> None:
    with serving(tmp_path, SAY, answer_json({}), head=HEAD) as (house, toy):
        response = house.call("demo", "say", params)
        assert response.status_code == 200, response.text
    assert json.loads(toy.requests[0].body) == {"size": "small"} | params


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"content": 5}, {"content": "must be a string, or an array, is an integer"}),
        (
            {"content": [{"type": "image", "detail": "low"}]},
            {"content[0].url": "is required (the nearest of 2 shapes: an object with type, url)"},
        ),
        (
            {"content": [{"type": "vidoe", "url": "u"}]},
            {"content[0].type": "must be one of: image (the nearest of 2 shapes: an object with type, url)"},
        ),
        ({"content": "hi", "size": 0}, {"size": "must be at least 1 (the nearest of 2 shapes: an integer)"}),
        (
            {"content": "hi", "size": "medium"},
            {"size": "must be one of: small, large (the nearest of 2 shapes: a string)"},
        ),
        ({"size": 1}, {"content": "is required"}),
    ],
)
def test_what_has_no_shape_is_told_by_the_nearest(
    tmp_path: Path, params: dict[str, Any], problems: dict[str, str]
) -> None:
    with serving(tmp_path, SAY, answer_json({}), head=HEAD) as (house, toy):
        refused = house.call("demo", "say", params)
        assert toy.requests == []
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params")
    assert {each["path"]: each["message"] for each in refused.json()["problems"]} == problems


def test_a_value_of_two_shapes_is_refused_and_both_are_named() -> None:
    made = go(
        "url: https://api.example.com/x\nmethod: POST\nbody: .params",
        params="a: {one_of: [{type: object, properties: {b: {required: true}}}, {type: object, properties: {c: {required: true}}}]}",
    )
    assert [(p.path, p.message) for p in made.shape.problems({"a": {"b": 1, "c": 2}})] == [
        ("a", "must have exactly one of its 2 shapes, and has 2: an object with b and an object with c")
    ]
    assert made.shape.problems({"a": {"c": 2}}) == []


def test_it_is_published_as_json_schema_and_shown(tmp_path: Path) -> None:
    with serving(tmp_path, SAY, answer_json({}), head=HEAD) as (house, _):
        schema = house.client.get("/api/skills/demo/say").json()["params"]
        shown = Console(tmp_path / "other", house.skills).run("show", "demo", "say")
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["size"] == {
        "default": "small",
        "oneOf": [{"type": "string", "enum": ["small", "large"]}, {"type": "integer", "minimum": 1}],
    }
    assert schema["properties"]["content"]["oneOf"][1]["items"]["oneOf"][1]["properties"]["detail"]["oneOf"][
        -1
    ] == {"type": "null"}
    assert "string or array of" in shown.out
    assert "string or integer, at least 1" in shown.out or "string or integer" in shown.out


@pytest.mark.parametrize(
    ("argument", "sent"), [("size=3", b"3"), ("size=large", b'"large"'), ('size:="small"', b'"small"')]
)
def test_an_argument_of_the_command_line_is_read_as_what_a_shape_allows(
    tmp_path: Path, argument: str, sent: bytes
) -> None:
    with serving(tmp_path, SAY, answer_json({}), head=HEAD) as (house, toy):
        console = Console(tmp_path / "other", house.skills, {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"})
        done = console.run("call", "demo", "say", "content=1", argument)
    assert done.code == 0, done
    assert sent in toy.requests[0].body
    assert b'"content":"1"' in toy.requests[0].body


@given(st.lists(schemas(), min_size=1, max_size=3), schemas(), st.lists(VALUES, min_size=1, max_size=5))
@settings(deadline=None)
def test_a_shape_of_several_accepts_what_the_published_schema_accepts(
    branches: list[dict[str, Any]], beside: dict[str, Any], values: list[Any]
) -> None:
    schema = {**beside, "oneOf": branches}
    shape, validator = Shape(schema), Draft202012Validator(schema)
    for value in values:
        assert (not shape.problems(value)) == validator.is_valid(value)


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("{one_of: []}", "`one_of` is empty"),
        ("{one_of: [string, {type: integer}]}", "`one_of[0]` must be a map, is text. Write it as a map: `{type: string}`"),
        ("{one_of: [{type: string}]}", "`one_of` has one shape. Write it without `one_of`"),
        ("{one_of: [{type: string}, {type: string, description: Another}]}", "this shape is the same as number 1 of `one_of`, so no value has exactly one. Remove one"),
        ("{one_of: [{type: number}, {type: integer, minimum: 1}]}", "whatever has this shape also has number 1 of `one_of`, so it never has exactly one"),
        ("{one_of: [{type: string}, {type: [integer, string], enum: [1, a]}]}", "this choice also has shape number 1 of `one_of`, so it is always refused"),
        ("{one_of: [{type: string}, {minimum: 1}]}", "a shape of `one_of` says no type, so that every value has it. Add `type: …`"),
        ("{type: string, one_of: [{enum: [a]}, {type: integer}]}", "nothing has this shape: `type` beside `one_of` allows string only"),
        ("{enum: [a, b], one_of: [{type: string}, {type: integer}]}", "nothing has this shape: none of the `enum` beside `one_of` does"),
        ("{default: 0.5, one_of: [{type: string}, {type: integer}]}", "the default must be a string, or an integer, is a number"),
        ("{one_of: [{type: string, default: x}, {type: integer}]}", "a default in a shape of `one_of` is never put in. Write it beside `one_of`"),
        ("{one_of: [{type: string, required: true}, {type: integer}]}", "a shape of `one_of` is not required by itself. Write `required: true` beside `one_of`"),
        ("{one_of: [{type: file}, {type: integer}]}", "a file is a param, or an entry of a param that is an array"),
        ("{type: array, items: {one_of: [{type: integer}, {type: intger}]}}", "`type` is `intger`; it must be one of"),
        ("{oneOf: [{type: string}, {type: integer}]}", "`oneOf` is not a key of `a`. Write `one_of`"),
        ("{anyOf: [{type: string}, {type: integer}]}", "`anyOf` is not a key of `a`. Write `one_of`"),
    ],
)  # fmt: skip
def test_shapes_that_no_value_has_are_an_error_at_their_place(param: str, expected: str) -> None:
    found = texts(utility("method: POST\nurl: https://api.example.com/x\nbody: .params", params=f"a: {param}"))
    assert len(found) == 1, found
    assert expected in found[0]
    assert all(text.startswith("9:") for text in found), found


def test_an_example_and_a_default_that_fit_one_shape_are_fine() -> None:
    params = "a: {default: x, example: 3, one_of: [{type: string}, {type: integer}]}"
    front = utility("method: POST\nurl: https://api.example.com/x\nbody: .params", params=params)
    assert texts(front) + texts(front, "warning") == []
