"""Mistakes whose advice, followed to the letter, has to make a file that passes: and what was read silently otherwise."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from agentos_runtime.diagnostics import Problem
from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

Edits = tuple[tuple[str, str], ...]
MISTAKES: dict[str, tuple[Edits, list[tuple[str, str, str]]]] = {
    "query-python": (
        (
            (
                "      query: {q: .params.q, limit: .params.limit}",
                "      query: {q: params['q'], limit: .params.limit}",
            ),
        ),
        [("16:18", "the `[` in this text ends it, since it has n", "Write it in quotes: `q: '.params.q'`")],
    ),
    "query-key-brackets": (
        (
            (
                "      query: {q: .params.q, limit: .params.limit}",
                "      query: {filter[q]: .params.q, limit: .params.limit}",
            ),
        ),
        [("16:15", "the `[` in this key begins a list, since the", 'Write the key in quotes: `"filter[q]": …`')],
    ),
    "extra-comma": (
        (("{type: string, required: true}", "{type: string,, required: true}"),),
        [("11:24", "there is nothing before this `,`", "Remove one of the commas")],
    ),
    "semicolon": (
        (("{type: string, required: true}", "{type: string; required: true}"),),
        [("11:23", "a `;` parts nothing in YAML", "Write `,`")],
    ),
    "equals": (
        (("      url: /things\n", "      url = /things\n"),),
        [("15:7", "`=` is not how a key and its value are separ", "Write `url: /things`")],
    ),
    "extra-brace": (
        (("{type: string, required: true}", "{type: string, required: true}}"),),
        [("11:40", "there is one `}` too many", "Remove it")],
    ),
    "paren": (
        (("{type: string, required: true}", "(type: string, required: true)"),),
        [("11:10", "`(` opens no map", "Write `{` and `}` in place of the parentheses")],
    ),
    "odd-indent-1": (
        (("      url: /things\n", "       url: /things\n"),),
        [("15:8", "this line is further in than the lines that ", "Begin it with 6 spaces, as they do")],
    ),
    "dedent-query": (
        (("      query: {q", "    query: {q"),),
        [("16:5", "this line is less far in than the lines that", "Begin it with 6 spaces, as they do")],
    ),
    "indent-desc": (
        (("    description: Find things\n", "   description: Find things\n"),),
        [("9:4", "this line is less far in than the lines that", "Begin it with 4 spaces, as they do")],
    ),
    "utilities-indent": (
        (("  search:\n", "search:\n"),),
        [("8:1", "this line is less far in than the lines that", "Begin it with 2 spaces, as they do")],
    ),
    "desc-bracket": (
        (("description: Find things", "description: [beta] Find things"),),
        [("9:18", "`[` begins a list, and text follows behind i", "Put the whole value in quotes")],
    ),
    "desc-brace": (
        (("description: Find things", "description: {beta} Find things"),),
        [("9:18", "`{` begins a map, and text follows behind it", "Put the whole value in quotes")],
    ),
}

FOLLOWED: dict[str, Edits] = {
    "query-python": (("q: .params.q,", "q: '.params.q',"),),
    "query-key-brackets": (("{q: .params.q,", '{"filter[q]": .params.q,'),),
    "desc-bracket": (("description: Find things", "description: '[beta] Find things'"),),
}
"""What is written where the advice is followed."""


def written(edits: Edits) -> bytes:
    text = SHOP
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[Problem, ...]]:
    names = [*MISTAKES, *(f"followed: {name}" for name in FOLLOWED)]
    edits = [*(edits for edits, _ in MISTAKES.values()), *FOLLOWED.values()]
    return dict(zip(names, all_problems(map(written, edits)), strict=True))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_at_its_place_with_what_to_write(
    name: str, said: dict[str, tuple[Problem, ...]]
) -> None:
    places = [(problem.place.position.line, problem.place.position.column) for problem in said[name]]
    found = [
        (f"{line}:{column}", problem.message, problem.fix or "")
        for (line, column), problem in zip(places, said[name], strict=True)
    ]
    expected = MISTAKES[name][1]
    assert len(found) == len(expected), found
    for (at, message, fix), (place, begins, starts) in zip(found, expected, strict=True):
        assert at == place, found
        assert message.startswith(begins), message
        assert fix.startswith(starts), fix


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_advice_makes_a_file_that_passes(name: str, said: dict[str, tuple[Problem, ...]]) -> None:
    assert name in MISTAKES
    assert [problem.message for problem in said[f"followed: {name}"]] == []
