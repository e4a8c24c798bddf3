"""A mistake inside a jq string is shown at its character in the file, however the string was written."""

import asyncio

import pytest

from agentos_runtime.diagnostics import Position
from agentos_runtime.jq.pool import CompileProblem, WorkerPool
from agentos_runtime.manifest.model import Jq, Literal
from agentos_runtime.manifest.result import LoadResult
from tests.manifest.loading import HEAD, load, utility

URL = "url: https://api.example.com/x"
STYLES = {
    "plain": "transform: .a | nosuch",
    "plain over lines": "transform: .a |\n    .b | nosuch",
    "single quoted": "transform: '\"it''s\" | nosuch'",
    "double quoted": 'transform: "\\"\\u00e9\\" | nosuch"',
    "literal": "transform: |\n    # a remark\n    .a\n      | nosuch\n    | .b",
    "folded": "transform: >-\n    .a |\n    .b |\n    nosuch",
}


def mistakes(result: LoadResult) -> list[Position]:
    async def check() -> list[Position]:
        async with WorkerPool(size=0) as pool:
            found = zip(result.checks, await pool.check(result.checks), strict=True)
        return [
            check.locate(wrong.line, wrong.column) for check, wrong in found if isinstance(wrong, CompileProblem)
        ]

    return asyncio.run(check())


def shown(front: str) -> str:
    """The rest of the file's line from where the only mistake is shown."""
    result = load(front)
    assert result.skill is not None, result.problems
    (position,) = mistakes(result)
    return f"---\n{HEAD}{front}\n".splitlines()[position.line - 1][position.column - 1 :]


@pytest.mark.parametrize("style", STYLES)
def test_a_mistake_in_a_jq_string_is_shown_at_its_character(style: str) -> None:
    assert shown(utility(f"{URL}\nresponse:\n  {STYLES[style]}")).startswith("nosuch")


def test_a_mistake_in_a_definition_is_shown_at_its_character() -> None:
    assert shown(f"definitions:\n  first: .a\n  'second($x)': '.b | nosuch'\n{utility(URL)}").startswith("nosuch")
    assert shown(f"definitions: |\n  def one: .a;\n  def two: one | nosuch;\n{utility(URL)}").startswith("nosuch")


def test_definitions_inside_definitions_are_their_own_affair() -> None:
    text = r"""
definitions: |
  def outer($x; f): def inner: ";#(" | length; [inner, $x] | map(f);  # def remark: nosuch;
  def later: reduce .[] as $i (0; . + $i) | {"a;b": (. as $d | $d)};
"""
    result = load(text.strip() + "\n" + utility(f"{URL}\nheaders: {{A: inner, B: 'later'}}"))
    assert result.skill is not None
    assert mistakes(result) == []
    headers = dict(result.skill.utilities["go"].rest.headers.entries)
    assert isinstance(headers["A"], Literal)
    assert isinstance(headers["B"], Jq)


def test_what_is_right_has_no_mistakes() -> None:
    front = utility(
        f"{URL}\nquery: {{a: 'shout(.params.a)'}}\nresponse: {{transform: '[$params.a, $response] | shout(.)'}}",
        above="definitions: {'shout($x)': '$x | tostring | ascii_upcase  # loud'}",
        params="a: {}",
    )
    result = load(front)
    assert len(result.checks) == 3
    assert mistakes(result) == []
