"""A skill's functions and params may have the names of jq's own: jq's functions go on meaning what they mean."""

import itertools
from pathlib import Path

import pytest

from agentos_runtime.jq.compiled.functions.table import FUNCTIONS
from agentos_runtime.jq.compiled.language.library import CALLED_BY_SIGNS
from agentos_runtime.jq.program import value_program
from agentos_runtime.jsontext import Json, dump
from tests.jq.oracle import oracle
from tests.jq.support import with_pool
from tests.jq.test_compiled import Difference, same
from tests.language.support import serving
from tests.toy.raw import answer_json

ITEMS: list[Json] = [{"type": "a", "id": 1}, "x", None, {"type": "b"}, [], 0, {"a": False}]
NAMES = sorted(
    {name for name, params in FUNCTIONS if not params and name[0] != "@"}
    | {"empty", "values", "objects", "strings", "first", "last", "sort", "any", "all", "error"}
)
MADE_OF_OTHERS = (
    "map(objects)", "map(strings)", "map(arrays)", "map(iterables)", "map(scalars)", "map(nulls)", "map(booleans)",
    "map(numbers)", "map(values)", "map(objects | with_entries(.value |= [.]))", "all", "any", "all(.[]; . == 1)",
    "isempty(.[])", "map(objects | with_entries(select(.key == \"a\")))", "[.[] | IN(0, null)]", "first(.[])",
    "(map(objects) | map(map_values([.])))", "[.. | scalars]", "[limit(1; .[])]", "map(select(. == null))",
    "map(objects | del(.[] | select(. == 1)))", "(.[0] | if type == \"object\" then . else {} end + {b: 1})?",
    '[.[] | select(type == "object")]?', "map(try error(\"x\") catch 1)", "map(try (.a | .b) catch empty)",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_functions_that_are_made_of_others_do_not_see_the_skills(name: str) -> None:
    difference, compared = Difference(), 0
    for source in MADE_OF_OTHERS:
        for definitions, called in (
            (f"def {name}: [0];", source),
            (f"def named(${name}): {source};", 'named("a")'),
            (f"def named({name}): {source};", "named([0])"),
        ):
            program = value_program(definitions, called)
            if difference.compiles(program):
                compared += same(difference, program, [dump({"body": ITEMS}), b'{"body":[]}', b'{"body":{"a":1}}'])
    assert compared > 50


@pytest.mark.parametrize(("name", "params"), sorted(CALLED_BY_SIGNS))
def test_signs_that_call_a_function_of_the_skill_in_jq_are_left_to_it(name: str, params: int) -> None:
    difference = Difference()
    for definitions in (
        f"def {name}{'' if not params else '(a)' if params == 1 else '(a; b)'}: 7;",
        *(() if params else (f"def named({name}): .;", f"def named(${name}): .;")),
    ):
        assert not difference.compiles(value_program(definitions, "."))


NAMED_AND_CALLED = (
    ("def f($a): 5 | a;", "f(.)"), ("def f($a): [1, 2] | map(a);", "f(. + 1)"),
    ("def f($a): def g: a; 7 | g;", "f(.)"),
    ("def f($a; $b): [$a, $b, (2 | a), (3 | b)];", "f(. * 2; 4)"), ("def f($type): [.[]? | type];", "f([.])"),
    ("def f($a): def g($b): 9 | a, b; g(1);", "[f(.)]"), ("def f($not): true | not;", "f(.)"),
    ("def f($a): reduce (1, 2) as $x (0; . + (10 | a));", "f(. + 1)"), ("def f($a): a;", "f(.)"),
)  # fmt: skip


@pytest.mark.parametrize(("definitions", "called"), NAMED_AND_CALLED)
@pytest.mark.parametrize("mode", ["auto", "worker"])
def test_a_value_that_is_called_like_a_function_is_what_the_caller_wrote(
    mode: str, definitions: str, called: str
) -> None:
    """In jq that is evaluated anew, of the input at the place of the call; `$a` is the value that was handed in."""
    program = value_program(definitions, called)
    outcome = with_pool(lambda pool: pool.run(program, b'{"body":1}'), mode=mode)
    assert outcome.outputs == oracle().outcome(program, b'{"body":1}').outputs


@pytest.mark.parametrize("mode", ["auto", "worker"])
def test_a_variable_that_stands_twice_in_a_pattern_is_what_it_is_in_jq(mode: str) -> None:
    body = b'{"body":{"a":1,"b":2,"c":[3,[4]]}}'
    patterns = ("{a: $x, b: $x}", "{b: $x, a: $x}", "{$c, a: $x, b: [$x]}", "{c: [$x, [$x]]}", "{a: $x, c: [$x]}")
    for pattern in patterns:
        program = value_program("", f". as {pattern} | $x")
        outcome = with_pool(lambda pool, program=program: pool.run(program, body), mode=mode)  # type: ignore[misc]
        wanted = oracle().outcome(program, body)
        assert (outcome.outputs, outcome.failure is None) == (wanted.outputs, wanted.failure is None), pattern


def test_no_other_function_of_the_skill_changes_what_a_sign_means() -> None:
    difference, compared = Difference(), 0
    signs = [
        "[..]",
        '"a\\(.)"',
        "@base64",
        "-(.)",
        ".[0] |= 1",
        ".[0] = 1",
        ".[0] += 1",
        ".[0] //= 1",
        ". as [$a] | $a",
    ]
    signs += [f". {sign} ." for sign in ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "//", "and")]
    names = {name for name, _ in CALLED_BY_SIGNS} | {"tostring", "tojson", "error", "getpath", "not", "path"}
    for name, params in itertools.product(sorted(names), ("", "(a)", "(a; b)", "(a; b; c)")):
        definitions = f"def {name}{params}: 7;"
        for sign in signs:
            program = value_program(definitions, sign)
            if difference.compiles(program):
                compared += same(difference, program, [b'{"body":3}', b'{"body":[3]}'])
    assert compared > 500


def test_a_param_that_is_called_type_does_not_empty_a_list(tmp_path: Path) -> None:
    front = """\
    definitions: |
      def of($type): [.[] | objects | select(.type == $type)];
    utilities:
      look:
        description: Look
        rest:
          url: /items
          response: {mapping: {found: '.items | of("a")'}}
    """
    for way in ("auto", "worker"):
        with serving(tmp_path / way, front, answer_json({"items": ITEMS}), jq=way) as (house, _):
            assert house.call("demo", "look").json() == {"found": [{"type": "a", "id": 1}]}
