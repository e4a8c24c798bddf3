"""Utilities that a service no longer has, and which definitions an expression is compiled with."""

from tests.manifest.loading import load

GONE = """\
definitions: |
  def one: 1;
  def two: one + one;
  def three: two + 1; # not four
  def four: 4;
utilities:
  add:
    description: Adds
    rest: {url: "https://api.example.com/add", response: {transform: ". + three"}}
  old:
    description: Gone
    gone: Use add
"""


def test_a_utility_that_is_gone_needs_no_call_and_is_known_with_what_to_do_instead() -> None:
    skill = load(GONE).skill
    assert skill is not None
    assert (set(skill.utilities), skill.gone) == ({"add"}, {"old": "Use add"})


def test_a_utility_that_is_gone_calls_nothing() -> None:
    both = GONE.replace("gone: Use add", "gone: Use add\n    rest: {url: https://api.example.com/old}")
    [problem] = load(both).problems
    assert problem.message == "a utility that is gone calls nothing: `gone` and `rest` exclude each other"
    assert problem.place.key == "utilities.old.rest"


def test_an_expression_is_compiled_with_the_definitions_that_it_may_use_and_no_others() -> None:
    [check] = [one for one in load(GONE).checks if one.source == ". + three"]
    assert [name for name in ("one", "two", "three", "four") if f"def {name}:" in check.definitions] == [
        "one",
        "two",
        "three",
    ]
