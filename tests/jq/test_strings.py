"""How the strings of a manifest are read: the table in strings.json, and what holds for every string."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.jq.program import classify, looks_like_jq

TABLE = json.loads(Path(__file__).with_name("strings.json").read_text(encoding="utf-8"))
strings = st.text() | st.lists(
    st.sampled_from(
        [".params", ".auth", " | ", "x", "/", ":", ".", "[", " ", "if", "not", "$a", "http://", "é", "\n"]
    )
).map("".join)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['text']!r}-{row['kind']}")
def test_a_string_is_read_as_the_table_says(row: dict[str, object]) -> None:
    definitions = row.get("definitions", [])
    assert isinstance(definitions, list)
    assert classify(str(row["text"]), frozenset(definitions)) == row["kind"]


@settings(deadline=None)
@given(strings, st.frozensets(st.sampled_from(["x", "if", "a_b", "params"])))
def test_every_string_is_read_one_way_and_a_url_never_by_accident(text: str, names: frozenset[str]) -> None:
    kind = classify(text, names)
    assert kind in ("literal", "url", "jq")
    assert (kind == "url") == text.startswith(("http://", "https://", "/"))
    assert isinstance(looks_like_jq(text), bool)


@settings(deadline=None)
@given(strings)
def test_a_definition_turns_text_into_jq_and_nothing_else(text: str) -> None:
    without, with_names = classify(text, frozenset()), classify(text, frozenset({"x", "not", "if"}))
    assert with_names == without or (without, with_names) == ("literal", "jq")


@pytest.mark.parametrize("text", ["items | length", "id // none", "a.params.b", "join(1)", "x $params"])
def test_a_literal_that_looks_like_jq_deserves_a_warning(text: str) -> None:
    assert looks_like_jq(text)


@pytest.mark.parametrize(
    "text",
    ["application/json", "a|b", "full", "/a | b", "https://x/ | y", "join us", "x.auth.us-east-1.amazonaws.com"],
)
def test_ordinary_text_deserves_no_warning(text: str) -> None:
    assert not looks_like_jq(text)
