"""Whatever type anything in a chat has: a request that the provider reads, or 400 with the place of the mistake."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.chat.dialects import DIALECTS, Dialect
from tests.chat.support import Expressions
from tests.reading import read_yaml
from tests.sizes import examples

TYPES: dict[str, Any] = read_yaml((Path(__file__).parent / "dialects" / "types.yaml").read_text("utf-8"))
READERS = {dialect.name: Draft202012Validator(TYPES[dialect.name]) for dialect in DIALECTS}
MANY = settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ODD: list[Any] = [None, True, False, 0, 7, 0.5, -1, "", "odd", [], [7], [[]], ["odd"], [None], {}, {"odd": 7},
                  [{"type": "text"}], {"type": 7}, {"type": "text", "text": []}]  # fmt: skip
MARK = {"type": "ephemeral"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
USUAL: dict[str, Any] = {
    "model": "m",
    "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        {
            "role": "user",
            "name": "ann",
            "content": [{"type": "text", "text": "hi", "cache_control": MARK}, PICTURE],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning": "hm",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "index": 0,
                    "text": "hm",
                    "signature": "s",
                    "format": "anthropic-claude-v1",
                    "id": "r",
                }
            ],
            "tool_calls": [
                {"id": "c1", "name": "look", "input": {"n": 1}},
                {"id": "c2", "type": "function", "function": {"name": "note", "arguments": "{}"}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 2},
            "id": "r1",
            "model": "m",
        },
        {"role": "tool", "tool_call_id": "c1", "content": {"ok": True}},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "well"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [
        {
            "name": "look",
            "description": "Looks",
            "input_schema": {
                "type": "object",
                "properties": {"n": {"type": "integer"}},
                "required": ["n"],
                "anyOf": [{"required": ["n"]}],
            },
        },
        {
            "type": "function",
            "function": {
                "name": "note",
                "description": "Notes",
                "strict": False,
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
    },
    "parallel_tool_calls": False,
    "max_tokens": 9000,
    "temperature": 1,
    "top_p": 0.99,
    "top_k": 3,
    "seed": 7,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "repetition_penalty": 1.1,
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "n",
            "strict": True,
            "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
        },
    },
    "reasoning": {"effort": "low", "max_tokens": None, "enabled": True, "exclude": False, "summary": "auto"},
    "verbosity": "low",
    "user": "u-1",
    "cache_control": MARK,
    "modalities": ["text"],
    "logprobs": False,
}
MORE: dict[str, dict[str, Any]] = {
    "openrouter": {
        "stop": ["END"],
        "provider": {"order": ["a"], "sort": {"by": "price"}, "require_parameters": True},
        "plugins": [{"id": "web"}],
        "models": ["a/b"],
        "metadata": {"a": "b"},
        "attribution": {"title": "t", "referer": "https://a.example", "categories": "c"},
        "prediction": {"type": "content", "content": "x"},
        "logit_bias": {"5": 1},
    },
    "anthropic": {"stop": ["END"], "betas": ["b"]},
    "ollama": {"stop": ["END"], "keep_alive": "1m", "options": {"mirostat": 1}, "num_ctx": 1},
    "openai": {"include": ["x"], "metadata": {"a": "b"}},
    "openai-completions": {
        "stop": ["END"],
        "logit_bias": {"5": 1},
        "prediction": {"type": "content", "content": "x"},
    },
    "gemini": {"stop": ["END"], "image_config": {"aspect_ratio": "1:1"}, "audio": {"voice": "Kore"}},
}


def usual(dialect: Dialect) -> dict[str, Any]:
    """A request with something of everything, which the provider reads."""
    made: dict[str, Any] = json.loads(json.dumps({**USUAL, **dialect.params, **MORE[dialect.name]}))
    return made


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*path, key)
        yield from places(below, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = copy.deepcopy(new)


def refusal(dialect: Dialect, params: dict[str, Any], expressions: Expressions) -> str | None:
    """The place that is named and why; None when the request goes out and the provider reads it."""
    wire = expressions.wire(dialect.skill)
    refused = wire.refused(params)
    if refused:
        return " ".join([refused.message, *(problem.path for problem in refused.problems)])
    wrong = [
        f"{error.json_path}: {error.message[-99:]}"
        for error in READERS[dialect.name].iter_errors(wire.body(params))
    ]
    assert wrong == []
    wire.ignored(params)
    return None


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_usual_request_is_read(dialect: Dialect, expressions: Expressions) -> None:
    assert refusal(dialect, usual(dialect), expressions) is None


values = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("a1 é🦦", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "text", "name", "content", "function", "url", "odd"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


@MANY
@given(st.sampled_from(DIALECTS), st.lists(st.tuples(st.integers(0, 10**6), values), min_size=1, max_size=3))
def test_what_is_of_an_odd_type_is_named_or_the_request_is_read(
    expressions: Expressions, dialect: Dialect, changes: list[tuple[int, Any]]
) -> None:
    params, changed = usual(dialect), set()
    for number, new in changes:
        where = [*places(params)]
        path = where[number % len(where)]
        put(params, path, new)
        changed.add(str(path[0]))
    said = refusal(dialect, params, expressions)
    assert said is None or any(name in said for name in changed), said


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("text", [None, 7, ["a"]])
def test_a_part_of_an_unknown_type_with_an_odd_text_is_named_or_the_request_is_read(
    expressions: Expressions, dialect: Dialect, text: Any
) -> None:
    part = {"type": "odd", "text": text}
    for name, value in (("system", [part]), ("messages", [{"role": "user", "content": [part]}])):
        said = refusal(dialect, usual(dialect) | {name: value}, expressions)
        assert said is None or name in said, said


NAMED = [
    # what is asked for, the place that is named
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": 5}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "usr", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]},
        "messages[0].content[0]",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": 5, "name": "f"}]}]}, "messages[0].tool_calls[0].id"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].name"),
    ({"system": [{"type": "text"}]}, "system[0].text"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    (
        {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": []}}]},
        "tools[0].input_schema.properties",
    ),
    ({"tool_choice": "f"}, "tool_choice"),
    ({"stop": [5]}, "stop[0]"),
    ({"cache_control": {}}, "cache_control.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
]


@pytest.mark.parametrize(("wrong", "place"), NAMED, ids=[place for _, place in NAMED])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_place_of_what_is_wrong_is_a_problem_of_its_own(
    dialect: Dialect, wrong: dict[str, Any], place: str, expressions: Expressions
) -> None:
    hi: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    refused = expressions.wire(dialect.skill).refused({**hi, **dialect.params, **wrong})
    assert refused is not None
    assert [problem.path for problem in refused.problems] == [place]
    assert place in refused.message
