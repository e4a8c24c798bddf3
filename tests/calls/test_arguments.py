"""Pieces of arguments add up wherever they are cut, and whether each tells what is new or all so far."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.calls.adding.arguments import Arguments

words = st.text(st.sampled_from('a{}[]":, \\🦦'), max_size=3)
values = st.recursive(
    words | st.integers(0, 9), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2)
)
nested = st.integers(1, 3).map(lambda depth: json.loads('{"a":' * depth + "1" + "}" * depth))
written = (st.dictionaries(words, values, max_size=3) | nested).flatmap(
    lambda value: st.sampled_from(
        [
            json.dumps(value),
            json.dumps(value, separators=(",", ":"), ensure_ascii=False),
            json.dumps(value, indent=1),
        ]
    )
)


def told(pieces: list[str]) -> str:
    arguments = Arguments()
    said = "".join([arguments.take(piece) for piece in pieces])
    assert arguments.is_complete
    return said + arguments.end()


@given(written, st.lists(st.integers(0, 40), max_size=4))
def test_pieces_add_up_wherever_they_are_cut(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    assert told([text[start:end] for start, end in itertools.pairwise(places)]) == text


@given(written, st.lists(st.integers(0, 40), max_size=4), st.booleans())
def test_pieces_that_each_tell_all_so_far_are_told_once(text: str, cuts: list[int], ends_empty: bool) -> None:
    places = sorted({len(text), *(1 + cut % len(text) for cut in cuts)})
    pieces = [text[:place] for place in places]
    first = pieces[0]
    if "".join(first.split()) == '{"' and text[len(first) :].lstrip().startswith(":"):
        return  # as a key that is a brace goes on
    assert told([*pieces, "{}"] if ends_empty else pieces) == text


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (['{"', '{" ', '{" ": []}'], '{" ": []}'),
        (['{"', '{"', '{"a": 1}'], '{"a": 1}'),
        (['{"', '{" ', '": []}'], '{"{" ": []}'),
        (['{"', '{"', ": 1}"], '{"{": 1}'),
    ],
)
def test_a_piece_that_may_be_a_key_or_all_so_far_is_what_follows_shows(pieces: list[str], whole: str) -> None:
    arguments = Arguments()
    assert "".join([*(arguments.take(piece) for piece in pieces), arguments.end()]) == whole


@pytest.mark.timeout(20)
def test_long_arguments_in_small_pieces_are_added_up_in_a_moment() -> None:
    arguments = Arguments()
    pieces = ['{"a": [', *(50_000 * ['"word"', ", "]), '"last"]}']
    assert "".join([*(arguments.take(piece) for piece in pieces), arguments.end()]) == "".join(pieces)
