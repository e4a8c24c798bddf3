"""Functions of a skill, and expressions that run together: what is known of them beforehand changes no answer."""

import json
from typing import Any

import pytest

from agentos_runtime.jq.compiled.engine import Engine, Refusal
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.program import request_program, value_program
from agentos_runtime.jsontext import dump
from tests.jq.random_programs import Maker
from tests.jq.test_compiled import Difference

OF_NULL = {
    "if . == null then 1 else error end": "1",
    'if type == "null" and (. | not) then "no" else .a end': '"no"',
    ".a.b": "null",
    ".[0]": "null",
    ".[1:]": "null",
    '.a // "other"': '"other"',
    '. as $v | if $v == null then "bound" else $v end': '"bound"',
    "if . != [] then null else . end": "null",
    "try (. == null) catch 1": "true",
    'def inner: if . == null then "deep" else . end; inner': '"deep"',
    "length": "0",
    "[.]": "[null]",
    ". + 1": "1",
    "tojson": '"null"',
    "first(.a, 1)": "null",
    "$params": '{"b": 2}',
    "now | type": '"number"',
}


@pytest.mark.parametrize("body", OF_NULL)
def test_a_function_gives_of_null_what_it_gives_of_null_in_jq(body: str) -> None:
    # It is called of something else as well, and is too large to stand where it is called.
    padding = 'if type == "array" then [1, 2, 3, 4, 5, 6, 7, 8] else . end'
    source = f"def f: {padding} | {body}; [.body | (.missing | f), (null | f)]"
    program = value_program("", source)
    assert Difference().of(program, dump({"params": {"b": 2}, "body": {"body": {}}})) in (None, "unknown")
    found = Engine().run_at_once(program, ProgramInput.of(dump({"params": {"b": 2}, "body": {"body": {}}})))
    assert found is None or found.outputs == [[[json.loads(OF_NULL[body])] * 2]]


FIELDS = (
    "[.a, .b, .c, .d]",
    "try [.a, .b, .c] catch 1",
    "[.[]? | try [.a, .b, .c] catch 5]",
    ".a as $a | try [$a.a, $a.b, $a.c] catch 7",
    "[(.a, .b) | [.x?, .y?, .z?]]",
    "if .a then [.a, .b, .c] else {b: .b, c: .c, d: .d} end",
    "(.a, .b, .c) as $each | [.a, $each]",
    "def f: [.x, .y, .z]; [.a, .b | try f catch 0]",
)
VALUES: tuple[Any, ...] = (
    None,
    1,
    "a",
    [],
    [1],
    {},
    {"a": {"x": 1}, "b": None},
    {"a": {"a": 1}, "b": [2], "c": "d"},
)


@pytest.mark.parametrize("source", FIELDS)
def test_several_fields_of_one_value_are_what_they_are_one_by_one(source: str) -> None:
    difference, program = Difference(), value_program("", source)
    assert difference.compiles(program)
    for value in VALUES:
        assert difference.of(program, dump({"body": value})) in (None, "unknown"), value
    assert difference.of(program, dump({"body": VALUES[-1]})) is None


@pytest.mark.parametrize("seed", range(4))
def test_expressions_that_run_together_give_what_each_gives_alone(seed: int) -> None:
    maker, difference, compared = Maker(seed), Difference(), 0
    while compared < 60:
        sources = [f"null as $v | .params | {maker.program()}" for _ in range(3)]
        program = request_program("", sources)
        if not difference.compiles(program):
            continue
        for _ in range(4):
            value = maker.value()
            data = dump({"params": value, "settings": {}, "given": [], "auth": {}})
            found = difference.of(program, data)
            assert found in (None, "unknown"), (sources, value, found)
            compared += found is None


@pytest.mark.parametrize("inner", ["", "def inner: small; ", "def other: small; def inner: other; "])
def test_what_a_small_function_costs_is_paid_by_whoever_calls_it(inner: str) -> None:
    small = "def small: [., ., ., ., ., ., ., ., ., ., ., ., ., .] | length; "
    called = "inner" if inner else "small"
    program = value_program(small + inner, f"any(.[]; {called} == 1)")
    engine = Engine(budget=12_000, time=0)
    assert not isinstance(engine.code(program), Refusal)
    assert engine.run_at_once(program, ProgramInput.of(dump({"body": [1] * 100}))) is not None
    assert engine.run_at_once(program, ProgramInput.of(dump({"body": [1] * 1000}))) is None
