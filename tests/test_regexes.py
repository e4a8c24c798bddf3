"""Regular expressions of modules are what `re.compile` gives, from their first use on."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentos_runtime
from agentos_runtime.regexes import regex

PACKAGE = Path(agentos_runtime.__file__).parent


@given(st.text("ab1 "), st.sampled_from([r"a+", r"(?P<word>\w+) ?", r"\d|$"]), st.sampled_from([0, re.IGNORECASE]))
def test_it_finds_what_a_compiled_one_finds(text: str, pattern: str, flags: int) -> None:
    ours, theirs = regex(pattern, flags), re.compile(pattern, flags)
    assert [match.span() for match in ours.finditer(text)] == [match.span() for match in theirs.finditer(text)]
    assert ours.sub("x", text) == theirs.sub("x", text)
    assert ours.split(text) == theirs.split(text)
    assert (ours.groups, ours.groupindex, ours.pattern) == (theirs.groups, theirs.groupindex, theirs.pattern)


def test_it_is_compiled_when_something_is_asked_of_it() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.match("x")


def named(tree: ast.Module) -> Iterator[str]:
    """The variables of a module whose values are made with `regex`."""
    for statement in tree.body:
        calls = (each for each in ast.walk(statement) if isinstance(each, ast.Call))
        if any(isinstance(call.func, ast.Name) and call.func.id == "regex" for call in calls):
            targets = (
                statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            )
            yield from (each.id for each in targets if isinstance(each, ast.Name))


def patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, (tuple, list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from patterns(each)
    elif hasattr(value, "pattern"):
        yield value


@pytest.mark.slow
def test_those_of_all_modules_can_be_compiled() -> None:
    found: list[re.Pattern[Any]] = []
    for file in sorted(PACKAGE.rglob("*.py")):
        variables = [*named(ast.parse(file.read_text()))]
        if variables:
            module = import_module(".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts))
            values = [*patterns([getattr(module, name) for name in variables])]
            assert values, file
            found += values
    assert len(found) > 300
    for each in found:
        assert each.groups >= 0
