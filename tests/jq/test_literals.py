"""Literals in every place of an expression: the code that is generated of them is nothing that Python warns of."""

import itertools
import warnings
from pathlib import Path

import pytest

from agentos_runtime.jq.compiled.building import Builder
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.program import value_program
from tests.cli.console import Console
from tests.jq.random_programs import Maker
from tests.jq.test_compiled import Difference, same

DEFINITIONS = 'def one: 1; def nothing: null; def word: "x" == null; def given($v): $v;'
LITERALS = (
    "null", "true", "1", "-1", "1.5", '"x"', "[]", "{}", "[1]", "one", "nothing", "word", 'given("x")', "(1 // 2)",
    "(1 | .)", "(try 1 catch 2)", "(def own: false; own)", "$none", '"a\\(1)"', "first(1)",
)  # fmt: skip
PLACES = (
    "(@)[0]", "(@).a", "(@)[0]?", "@ == null", "null != @", "@ == true", "@ != false", "@ < @", "@ and @",
    "@ | not", "@ | type", '(@ | type) == "null"', "if @ then @ else 1 end", "@ // @", "@ + @", "(@)[1:]",
    "@ as [$p] | $p",
    "@ as {a: $p} | $p", "[@[]?]", "IN(@, @)", "@ | IN(1, null)", "select(@ == null)", "[@, @][0]", '@ | has("a")',
    "@ | length", "@ | floor", "(@ | .a) |= @", "reduce @ as $i (@; .)", "any(@; @)", ".[@]?", "@ | .[0] == null",
)  # fmt: skip


def programs() -> list[str]:
    found = []
    for place in PLACES:
        one, *others = place.split("@")
        for chosen in itertools.product(LITERALS, repeat=len(others)):
            text = one + "".join(literal + rest for literal, rest in zip(chosen, others, strict=True))
            found.append(f"null as $none | {text}")
    return found


def test_python_warns_of_nothing_that_is_generated() -> None:
    maker, compiled = Maker(7), 0
    sources = [*programs(), *(f"null as $v | {maker.program()}" for _ in range(1500))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source in sources:
            try:
                code = Builder().generated(DEFINITIONS, [source], ())
            except Unsupported:
                continue
            compile(code, source, "exec")
            compiled += 1
    assert compiled > 2000


def test_literals_give_what_they_give_in_jq() -> None:
    difference, compared = Difference(), 0
    for source in programs()[::7]:
        program = value_program(DEFINITIONS, source)
        if difference.compiles(program):
            compared += same(difference, program, [b'{"body":null}', b'{"body":[1,null]}'])
    assert compared > 300


@pytest.mark.slow
def test_a_command_says_nothing_of_a_literal_that_is_looked_into(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write(
        "odd.md",
        "---\nid: odd\nname: Odd\ndescription: Odd\nutilities:\n  look:\n    description: Look\n    rest:\n"
        "      url: https://odd.example/look\n      query: {of: '.params | null as $no | $no[0] // (1 == null)'}\n"
        "---\n",
    )
    told = console.spawn("call", "odd", "look", "--dry-run")
    assert (told.code, told.err) == (0, "")
    assert "of=false" in told.out
