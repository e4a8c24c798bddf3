"""Compile errors point at the character that the author wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.jq.pool import CompileProblem, WorkerPool
from tests.jq.support import check, open_pool, with_pool
from tests.sizes import examples

PROBLEMS = {
    ".a | foo": (1, 6, 3, "`foo` is not defined, neither in jq nor in `definitions`"),
    "foo(1; 2)": (1, 1, 3, "`foo` with 2 arguments is not defined, neither in jq nor in `definitions`"),
    '"ü😀" |\n "é" | foo': (2, 8, 3, "`foo` is not defined, neither in jq nor in `definitions`"),
    ".a |": (1, 4, 1, "unexpected end"),
    ".a ^ b": (1, 4, 1, "unexpected `^`"),
    ".a\n| 'b'": (2, 3, 1, "unexpected `'`: jq strings stand in double quotes"),
    ".a && .b": (1, 4, 1, "unexpected `&`: jq writes `and`"),
    "[1, 2": (1, 5, 1, "unexpected end, expecting '|' or ',' or ']'"),
    "1)": (1, 2, 1, "unexpected `)`: no `(` is open here"),
    ".a b": (1, 4, 1, "unexpected a name"),
    "{a: 1": (1, 5, 1, "unexpected end, expecting '}'"),
    "$nope": (1, 1, 5, "$nope is not defined"),
    ".a | env.X": (1, 6, 3, "`env` is not available in a skill"),
    ".environment, .env, (input)": (1, 22, 5, "`input` is not available in a skill"),
    "def f: 1;": (1, 9, 1, "ends after a definition: say after it what the expression gives"),
    'import "a" as $a; 1': (1, 1, 6, "modules are not available in a skill"),
    'include "a"; 1': (1, 1, 7, "modules are not available in a skill"),
    '"\\q"': (1, 2, 2, "a string has an escape that JSON does not know"),
    "  ": (1, 1, 0, "the expression is empty"),
    "1 + \0": (1, 5, 1, "a character that jq cannot read"),
    '"\n\ud800"': (2, 1, 1, "a character that jq cannot read"),
    ".é": (1, 2, 1, 'try .["field"] instead of .field for unusually named fields'),
}  # fmt: skip


@pytest.mark.parametrize("source", PROBLEMS, ids=ascii)
def test_a_problem_is_found_at_its_character(source: str) -> None:
    problem = with_pool(lambda pool: check(pool, source, "def known: 1;\n"))
    assert isinstance(problem, CompileProblem)
    line, column, length, message = PROBLEMS[source]
    said = problem.message.split(", expecting end")[0]
    assert (problem.line, problem.column, problem.length, said) == (line, column, length, message)
    assert not problem.in_definitions


def test_a_problem_in_the_definitions_is_said_to_be_there() -> None:
    problem = with_pool(lambda pool: check(pool, "b", "def a: 1;\ndef b: a | nope;\n"))
    assert problem == CompileProblem(
        "`nope` is not defined, neither in jq nor in `definitions`", 2, 12, 4, in_definitions=True
    )


@pytest.mark.parametrize("source", ["$params.x", "$settings", "def f: 1; f", "known", "1 # \\", "limit(3; .[])"])
def test_what_compiles_has_no_problem(source: str) -> None:
    assert with_pool(lambda pool: check(pool, source, "def known: 1;")) is None


def test_only_a_reply_has_a_response() -> None:
    async def use(pool: WorkerPool) -> tuple[object, object]:
        return await check(pool, "$response.status"), await check(pool, "$response.status", request=True)

    reply, request = with_pool(use)
    assert reply is None
    assert isinstance(request, CompileProblem)


def test_the_same_check_is_made_once() -> None:
    async def use(pool: WorkerPool) -> None:
        first = await check(pool, ".a |")
        for pid in pool.pids:
            assert pid
        assert await check(pool, ".a |") is first

    with_pool(use)


def test_every_text_gets_a_place_inside_itself_or_compiles() -> None:
    tokens = st.sampled_from(
        [".a", "|", "(", ")", "é", "\n", '"', "1", "foo", "if", "end", "{", "}", "#", "\\", "'"]
    )

    with open_pool() as (run, pool):

        @settings(deadline=None, max_examples=examples(150))
        @given(st.lists(tokens, min_size=1, max_size=8).map(" ".join))
        def probe(source: str) -> None:
            problem = run(check(pool, source))
            if problem is not None:
                assert isinstance(problem, CompileProblem)
                lines = source.split("\n")
                assert 1 <= problem.line <= len(lines)
                assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1

        probe()
