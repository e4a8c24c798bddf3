"""The YAML that is written, and the edits that are made in YAML that a person wrote."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.merge import MISSING, merge
from agentos_runtime.importers.messages import singular, snake, summary
from agentos_runtime.importers.skill_file import joined, read_file, rewrite, sections, write_file
from agentos_runtime.importers.yamltext import utility_text
from agentos_runtime.jsontext import Json
from tests.sizes import examples

ODD = [
    "no",
    "true",
    "null",
    "1.10",
    "010",
    "2024-01-01",
    "1:30",
    "a: b",
    "- x",
    "~",
    ".params.x",
    "5m",
    "…",
    "\ufeff",
]
texts = (
    st.text(max_size=30) | st.text("ab :#-'\"{}[],&*!|>%@`\n\t?~=\r\x0c\x85", max_size=150) | st.sampled_from(ODD)
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
keys = st.sampled_from(["utilities", "params", "rest", "auth", "description", "enum", "x", "y"]) | st.text(
    "abc-_: #{\"'1", min_size=1, max_size=8
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4), max_leaves=25
)
maps = st.dictionaries(keys, values, min_size=1, max_size=5)


def written(value: dict[str, Json], docs: str) -> str:
    """A new file that says this."""
    below = value.get("utilities")
    texts = {name: utility_text(name, one) for name, one in below.items()} if isinstance(below, dict) else {}
    return write_file(value, docs, texts)


@settings(max_examples=examples(300), deadline=None)
@given(maps)
def test_what_is_written_is_read_back_the_same(value: dict[str, Json]) -> None:
    assert read_file(written(value, "# Title\n"), "skill.md").values == value


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(maps, maps)
def test_a_file_can_be_made_to_say_anything_in_place(before: dict[str, Json], after: dict[str, Json]) -> None:
    file = read_file(written(before, "# Title\n"), "skill.md")
    assert read_file(rewrite(file, after, file.docs, "skill.md"), "skill.md").values == after


@settings(max_examples=examples(200), deadline=None)
@given(maps)
def test_a_file_that_already_says_it_is_not_touched(value: dict[str, Json]) -> None:
    text = written(value, "# Title\n\nProse.\n\n## More\n\nProse.\n")
    file = read_file(text, "skill.md")
    assert rewrite(file, value, file.docs, "skill.md") == text


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(maps, maps, maps)
def test_the_three_rules_of_merging(base: dict[str, Json], one: dict[str, Json], other: dict[str, Json]) -> None:
    assert merge(base, one, base).value == one
    assert merge(base, base, one).value == one
    both = merge(base, one, one)
    assert (both.value, both.conflicts) == (one, [])
    merged = merge(base, one, other)
    found: Any = merged.value
    for key in base.keys() | one.keys() | other.keys():
        if one.get(key, MISSING) != base.get(key, MISSING) and not isinstance(one.get(key), dict):
            assert found.get(key, MISSING) == one.get(key, MISSING)


HAND = """\
---
# A person wrote this
id:    mine   # an id
name: 'Mine'

auth: &way {type: basic}   # how

utilities:

  # The first
  one:
    description: >-
      Several
      lines
    params:
      a: {type: string}   # a letter
      b:
        type: integer
        # why two
        maximum: 2

    rest: {url: "https://api.example.com/one"}


  two:
    description: |
      Text

    rest:
      url: https://api.example.com/two
---
# Mine
"""


def changed(**paths: Any) -> tuple[str, dict[str, Json]]:
    file = read_file(HAND, "mine.md")
    wanted: Any = dict(file.values)
    for path, value in paths.items():
        here = wanted
        *steps, last = path.split("__")
        for step in steps:
            here[step] = dict(here[step])
            here = here[step]
        if value is ...:
            del here[last]
        else:
            here[last] = value
    return rewrite(file, wanted, file.docs, "mine.md"), wanted


def test_only_the_changed_characters_change() -> None:
    text, _ = changed(utilities__one__params__a={"type": "number"})
    assert text == HAND.replace("a: {type: string}   # a letter", "a: {type: number}   # a letter")
    text, _ = changed(id="yours")
    assert text == HAND.replace("id:    mine   # an id", "id:    yours   # an id")


def test_new_entries_stand_beside_their_neighbours() -> None:
    text, _ = changed(utilities__one__params__c={"type": "boolean"})
    assert "        maximum: 2\n      c: {type: boolean}\n\n    rest:" in text
    text, _ = changed(utilities__three={"description": "Third", "rest": {"url": "https://api.example.com/3"}})
    assert text.endswith(
        "      url: https://api.example.com/two\n\n  three:\n    description: Third\n    rest:\n"
        "      url: https://api.example.com/3\n---\n# Mine\n"
    )


def test_a_comment_stays_when_its_value_needs_more_lines() -> None:
    long = {"type": "string", "description": "word " * 30 + "end"}
    text, _ = changed(utilities__one__params__a=long)
    assert "      a:  # a letter\n        type: string\n        description: >-\n" in text


def test_what_is_removed_goes_and_comments_of_others_stay() -> None:
    text, _ = changed(utilities__one__params__b__maximum=...)
    assert "        type: integer\n        # why two\n" in text
    text, wanted = changed(utilities__two=...)
    assert "two" not in read_file(text, "mine.md").utilities
    assert text.count("# The first") == 1
    assert read_file(text, "mine.md").values == wanted


def test_a_layout_that_cannot_be_changed_in_place_is_said() -> None:
    text = "---\nid: a\none: &x {a: 1}\ntwo: *x\n---\n"
    file = read_file(text, "a.md")
    with pytest.raises(ImportProblem, match="cannot be changed in place"):
        rewrite(file, {"id": "a", "two": {"a": 1}}, "", "a.md")
    flow = read_file("---\n{id: a, b: 1}\n---\n", "a.md")
    with pytest.raises(ImportProblem, match="lines of `key: value`"):
        rewrite(flow, {"id": "a"}, "", "a.md")


def test_an_alias_keeps_what_it_stands_for() -> None:
    text = "---\nid: a\none: &x {a: 1}\ntwo: *x  # the same\nthree: 3\n---\n"
    wanted: dict[str, Json] = {"id": "a", "one": {"a": 1}, "two": {"a": 2}, "three": 3}
    assert "one: &x {a: 1}\ntwo: {a: 2}\nthree: 3\n" in rewrite(read_file(text, "a.md"), wanted, "", "a.md")


@given(st.text("# ab\n", max_size=60))
def test_markdown_is_cut_into_sections_and_put_together(text: str) -> None:
    assert "".join(map(str, sections(text).values())) == text
    assert joined(sections("# A\n\none\n\n## B\n\ntwo\n")) == "# A\n\none\n\n## B\n\ntwo\n"


WORDS = [
    ("listBYOKKeys", "list_byok_keys"), ("HTTPServer2Go", "http_server_2_go"), ("ListAPIs", "list_apis"),
    ("get-thing.by_id", "get_thing_by_id"), ("ünïcode", "n_code"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), WORDS)
def test_names_are_cut_into_words(name: str, expected: str) -> None:
    assert snake(name) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("keys", "key"), ("categories", "category"), ("boxes", "box"), ("status", "status"), ("news", "news")],
)
def test_one_thing_of_many(word: str, expected: str) -> None:
    assert singular(word) == expected


SUMMARIES = [
    ("One. Two. Three.", "One. Two"),
    ("See **the** [docs](https://x.example), e.g. `here`.\n\n- a\n- b", "See the docs, e.g. here"),
    ("Up to 1.5 times", "Up to 1.5 times"),
]


@pytest.mark.parametrize(("text", "expected"), SUMMARIES)
def test_descriptions_become_one_or_two_plain_sentences(text: str, expected: str) -> None:
    assert summary(text) == expected


def test_a_sentence_that_is_too_long_is_cut_at_a_word() -> None:
    cut = summary("word " * 60)
    assert cut.endswith("word…")
    assert 150 < len(cut) <= 160
