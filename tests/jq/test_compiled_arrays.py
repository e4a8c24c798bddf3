"""What compiled code does in the order of values, and with what it has computed before, is what jq does."""

import sys
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.jq.compiled.engine import Engine
from agentos_runtime.jq.compiled.errors import JqError
from agentos_runtime.jq.inputs import ProgramInput, Spelling
from agentos_runtime.jq.program import request_program, value_program
from agentos_runtime.jsontext import dump
from tests.jq.test_compiled import Difference

ORDERED = (
    "sort", "unique", "group_by(.)", "min", "max", "to_entries", '. - [.[0], 1, "a"]', ". - .[1:]", ". - []",
    "index(1)", 'rindex("a")', "index(true)", "rindex(1.5)", "map({k: .}) | sort_by(.k)", "map([., 1]) | sort",
    "map({k: [., 2]}) | group_by(.k)", "[.[:2], .[2:]] | sort", ". == sort", "sort == .", "map([.[]?]) | unique",
)  # fmt: skip
plain: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, 2, -1, 1.5, 1e3, "", "a", "ab", "é", "Z", 2**53, {}, {"a": 1}]
)
values = st.lists(plain | st.lists(plain | st.lists(plain, max_size=2), max_size=3), max_size=5)


@pytest.mark.parametrize("source", ORDERED)
def test_arrays_of_anything_are_ordered_and_taken_apart_as_by_jq(source: str) -> None:
    difference, program, answered = Difference(), value_program("", source), 0

    @given(values)
    def same(value: list[Any]) -> None:
        nonlocal answered
        found = difference.of(program, dump({"body": value}))
        assert found in (None, "unknown"), (value, found)
        answered += found is None

    same()
    assert answered


MERGED = (
    ".[0] * .[1]",
    "reduce .[] as $each ({}; . * $each)",
    ".[0] * .[1] | to_entries",
    "(.[0] * .[1]) == (.[1] * .[0])",
)
names = st.sampled_from("abc")
merged = st.recursive(
    st.dictionaries(names, plain, max_size=3), lambda inner: st.dictionaries(names, inner | plain, max_size=3)
)


@pytest.mark.parametrize("source", MERGED)
def test_objects_are_merged_with_all_in_them_as_by_jq(source: str) -> None:
    difference, program = Difference(), value_program("", source)

    @given(st.lists(merged, min_size=2, max_size=3))
    def same(value: list[Any]) -> None:
        found = difference.of(program, dump({"body": value}))
        assert found in (None, "unknown"), (value, found)

    same()
    assert difference.of(program, dump({"body": [{"a": {"b": 1}}, {"a": {"c": 2}, "d": 3}]})) is None


CAUGHT = (
    'try (.[0] + 1) catch error("no")', '(try (.[] + 1) catch error("no"))?', 'try (.a | .b?) catch error("no")',
    '[.[] | try tonumber catch error("x")]', '(try .a catch error(null)) // 1', 'try error("a") catch error("b")',
    '[(try (.[0], .[1] | . + 1) catch error("no"))?]', 'def error(x): 7; try (.[0] + 1) catch error("no")',
)  # fmt: skip


@pytest.mark.parametrize("source", CAUGHT)
def test_a_handler_that_fails_itself_changes_nothing_but_the_words(source: str) -> None:
    difference, program = Difference(), value_program("", source)

    @given(values)
    def same(value: list[Any]) -> None:
        found = difference.of(program, dump({"body": value}))
        assert found in (None, "unknown"), (value, found)

    if difference.compiles(program):
        same()


SHARED = "def plus: . + 1; def changed: map(plus); def same: .; def count: length;"


def test_a_function_that_is_called_again_gives_what_belongs_to_its_value() -> None:
    sources = [
        ".a | changed",
        ".b | changed",
        ".a | changed | changed",
        ".a | same",
        ".b | same | count",
        ".a | count",
    ]
    program, engine = request_program(SHARED, sources), Engine()
    documents: list[dict[str, Any]] = [{"a": [1, 2], "b": [5]}, {"a": [5], "b": []}, {"a": [1, 2], "b": [5]}]
    for document in documents:
        found = engine.answer(program, dump(document)).outputs
        a, b = document["a"], document["b"]
        plus = [each + 1 for each in a]
        assert found == [[plus], [[each + 1 for each in b]], [[each + 1 for each in plus]], [a], [len(b)], [len(a)]]


def test_a_function_that_fails_for_one_value_is_not_taken_to_have_given_another() -> None:
    program = request_program(
        "def less: . - 1; def plus: less + 2;", [".a | plus", "try (.b | plus) catch 0", ".b | length", ".a | plus"]
    )
    assert Engine().answer(program, dump({"a": 1, "b": "x"})).outputs == [[2], [0], [1], [2]]


@pytest.mark.parametrize("fails", [False, True])
def test_compiled_code_holds_nothing_of_a_call_when_it_is_over(fails: bool) -> None:
    program = request_program(SHARED, [".a | changed", ".a | changed", ".b | changed" if fails else ".b | count"])
    text, engine = dump({"a": [1, 2, 3], "b": ["x"]}), Engine()
    given_ = ProgramInput.of(text)
    assert isinstance(given_.document, dict)
    items = given_.document["a"]
    before = sys.getrefcount(items)
    for _ in range(3):
        with pytest.raises(JqError) if fails else nullcontext():
            engine.answer(program, ProgramInput(given_.document, (Spelling(text),), lambda: text))
    assert sys.getrefcount(items) == before
