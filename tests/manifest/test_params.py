"""Params are validated all at once, without a value in any message, and completed with defaults."""

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.errors import InvalidParams
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.shapes import Shape
from tests.counting import calls_made
from tests.manifest.loading import go
from tests.sizes import examples

PARAMS = """
model: {type: string, required: true}
messages:
  type: array
  required: true
  items:
    type: object
    properties:
      role: {type: string, required: true, enum: [system, user, assistant, tool]}
      content: {type: [string, array]}
      name: {type: string, enum: [x, y]}
tools: {type: array}
max_tokens: {type: integer, default: 4096, minimum: 1, maximum: 100000}
temperature: {type: number, default: 0}
stop: {type: [string, array]}
seed: {}
"""
MESSAGES: Json = [{"role": "user", "content": "hi"}]


def chat(more: str = "", params: str = PARAMS) -> Utility:
    return go("url: https://api.example.com/x\nbody: {all: .params}\nmethod: POST", params=params, more=more)


def refused(utility: Utility, given_params: dict[str, Json]) -> dict[str, str]:
    with pytest.raises(InvalidParams) as caught:
        check_params(utility, given_params)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_all_problems_are_named_at_once_with_their_paths() -> None:
    messages: Json = [{"role": "sytem"}, {"content": 5}]
    assert refused(
        chat(), {"modle": "x", "messages": messages, "max_tokens": 0, "temperature": True, "stop": 1}
    ) == {
        "model": "is required",
        "modle": "is not known; did you mean model?",
        "messages[0].role": "must be one of: system, user, assistant, tool",
        "messages[1].role": "is required",
        "messages[1].content": "must be a string or an array, is an integer",
        "max_tokens": "must be at least 1",
        "temperature": "must be a number, is a boolean",
        "stop": "must be a string or an array, is an integer",
    }


def test_no_message_contains_a_value() -> None:
    secret = "sk-canary-0123456789"
    values: dict[str, Json] = {
        "model": [secret],
        "messages": [{"role": secret, "content": {secret: 1}, "name": secret}],
        "tools": secret,
        "max_tokens": secret,
        "temperature": {"a": secret},
    }
    with pytest.raises(InvalidParams) as caught:
        check_params(chat(), values)
    assert secret not in str(caught.value.as_json())
    assert len(caught.value.problems) == 7


def test_defaults_are_put_in_after_validation() -> None:
    given_params: dict[str, Json] = {"model": "x", "messages": MESSAGES}
    assert check_params(chat(), given_params) == {**given_params, "max_tokens": 4096, "temperature": 0}
    assert given_params == {"model": "x", "messages": MESSAGES}


def test_an_explicit_null_unsets_and_beats_the_default() -> None:
    given_params: dict[str, Json] = {"model": "x", "messages": MESSAGES, "max_tokens": None, "stop": None}
    assert check_params(chat(), given_params) == {"model": "x", "messages": MESSAGES, "temperature": 0}


def test_a_null_for_a_required_param_is_a_missing_param() -> None:
    assert refused(chat(), {"model": None, "messages": MESSAGES}) == {"model": "is required"}


def test_a_null_under_an_unknown_name_is_still_an_unknown_name() -> None:
    assert refused(chat(), {"model": "x", "messages": MESSAGES, "sede": None}) == {
        "sede": "is not known; did you mean seed?"
    }


def test_a_null_inside_a_param_unsets_what_is_optional_there() -> None:
    messages: Json = [{"role": "assistant", "content": None, "name": None}]
    assert check_params(chat(), {"model": "x", "messages": messages})["messages"] == messages
    assert refused(chat(), {"model": "x", "messages": [{"role": None}]}) == {
        "messages[0].role": "must be a string, is null"
    }


def test_unknown_params_pass_where_the_utility_says_so() -> None:
    given_params: dict[str, Json] = {"model": "x", "messages": MESSAGES, "brand_new": 1}
    assert check_params(chat("additional_params: true"), given_params)["brand_new"] == 1


def test_whole_floats_are_integers_and_booleans_are_no_numbers() -> None:
    utility = chat(params="n: {type: integer}\nx: {type: number}")
    assert check_params(utility, {"n": 1.0, "x": 1}) == {"n": 1.0, "x": 1}
    assert refused(utility, {"n": 1.5, "x": False}) == {
        "n": "must be an integer, is a number",
        "x": "must be a number, is a boolean",
    }


def test_a_whole_number_with_a_point_is_sent_as_the_integer_that_is_meant() -> None:
    params = "n: {type: integer}\nm: {type: [string, integer]}\nx: {type: number}\nany: {}"
    utility = go("url: https://api.example.com/x\nquery: {all: .params}", params=params)
    found = check_params(utility, dict.fromkeys(("n", "m", "x", "any"), 5.0))
    assert {name: repr(value) for name, value in found.items()} == {"n": "5", "m": "5", "x": "5.0", "any": "5.0"}
    assert repr(check_params(utility, {"n": 1e21})["n"]) == "1000000000000000000000"
    assert check_params(utility, {"n": 1e23})["n"] == 10**23


def test_whole_numbers_with_a_point_inside_of_params_are_sent_as_integers() -> None:
    params = """
ids: {type: array, items: {type: integer}}
order: {properties: {"": {type: number}, lines: {type: array, items: {properties: {size: {type: integer}, price: {type: number}}}}}}
one: {one_of: [{type: integer}, {type: string}]}
two: {one_of: [{type: number}, {type: string}]}
"""  # noqa: E501
    utility = go("url: https://api.example.com/x\nquery: {all: .params}", params=params)
    given: dict[str, Json] = {
        "ids": [5.0, 6, 1e2],
        "order": {"": 1.0, "lines": [{"size": 2.0, "price": 2.0, "more": 3.0}]},
        "one": 7.0,
        "two": 7.0,
    }
    before = repr(given)
    assert repr(check_params(utility, given)) == repr(
        {
            "ids": [5, 6, 100],
            "order": {"": 1.0, "lines": [{"size": 2, "price": 2.0, "more": 3.0}]},
            "one": 7,
            "two": 7.0,
        }
    )
    assert repr(given) == before


def test_a_flood_of_problems_is_cut_short() -> None:
    many: dict[str, Json] = {f"unknown{n}": 1 for n in range(10_000)}
    assert len(refused(chat(), many)) <= 60


def test_limit_all_and_wait_belong_to_the_runtime_unless_declared() -> None:
    plain = "url: https://api.example.com/x"
    assert go(plain).runtime_params == frozenset()
    assert go(f"{plain}\npaginate: {{style: offset}}").runtime_params == {"limit", "all"}
    assert go(f"{plain}\npoll: {{url: .u, until: .done}}").runtime_params == {"wait"}
    assert go(f"{plain}\npaginate: {{style: offset}}", params="limit: {type: integer}").runtime_params == {"all"}


def test_checking_valid_params_costs_a_few_calls_and_no_more_for_what_is_not_given() -> None:
    few: dict[str, Json] = {"model": "x", "messages": MESSAGES}
    unset = "\n".join(f"p{number}: {{type: string}}" for number in range(200))
    for utility in (chat(), chat(params=f"{PARAMS}{unset}\n")):
        check_params(utility, few)
        assert calls_made(functools.partial(check_params, utility, few)) < 100


TYPES = ["string", "integer", "number", "boolean", "array", "object", "null"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.0, 1.0, 1.5, -2.0]),
        st.sampled_from(["", "a", "b"]),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from("abc"), below, max_size=3)
    ),
    max_leaves=8,
)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    plain = {
        "type": st.one_of(
            st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)
        ),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        "description": st.just("x"),
    }
    flat = st.fixed_dictionaries({}, optional=plain)
    return st.recursive(
        flat,
        lambda below: st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from("abc"), below, max_size=3)},
            optional={**plain, "items": below, "additionalProperties": st.just(False)},
        ),
        max_leaves=6,
    )


@pytest.mark.slow
@given(schemas(), st.lists(VALUES, min_size=1, max_size=5))
@settings(max_examples=examples(300), deadline=None)
def test_a_shape_accepts_what_the_published_schema_accepts(schema: dict[str, Any], values: list[Any]) -> None:
    shape, validator = Shape(schema), Draft202012Validator(schema)
    for value in values:
        assert (not shape.problems(value)) == validator.is_valid(value)


def test_a_choice_of_one_does_not_allow_true() -> None:
    utility = chat(params="n: {enum: [1, [0], {a: 1}]}")
    allowed: list[Json] = [1.0, [0], {"a": 1}]
    for value in allowed:
        assert check_params(utility, {"n": value}) == {"n": value}
    others: list[Json] = [True, [False], {"a": True}]
    for value in others:
        assert list(refused(utility, {"n": value})) == ["n"]
