"""Deltas add up to what the plain call would have returned."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.accumulate import ACCUMULATORS, ChatAccumulator, DeltaError
from agentos_runtime.jsontext import Json


def total(*deltas: Json) -> Json:
    accumulator = ChatAccumulator()
    for delta in deltas:
        accumulator.add(delta)
    return accumulator.total()


def test_texts_append() -> None:
    assert total({"content": "Hel"}, {"content": "lo", "reasoning": "a"}, {"reasoning": "b", "refusal": "no"}) == {
        "content": "Hello",
        "reasoning": "ab",
        "refusal": "no",
    }


def test_calls_are_kept_apart_by_index_and_never_by_id() -> None:
    deltas: list[Json] = [
        {"tool_calls": [{"index": 1, "id": "b", "name": "two", "input_json": '{"x"'}]},
        {"tool_calls": [{"index": 0, "id": "a", "name": "one"}, {"index": 1, "id": None, "input_json": ":1}"}]},
        {"tool_calls": [{"index": 0, "id": "", "name": "", "input_json": "{}"}]},
        {"tool_calls": [{"index": 1, "id": "other"}]},
    ]
    assert total(*deltas) == {
        "content": None,
        "tool_calls": [
            {"id": "a", "name": "one", "input_json": "{}"},
            {"id": "b", "name": "two", "input_json": '{"x":1}'},
        ],
    }


def test_reasoning_details_of_one_index_and_type_are_one() -> None:
    part: dict[str, Json] = {"type": "reasoning.text", "index": 0, "format": "f"}
    deltas: list[Json] = [
        {"reasoning_details": [part | {"text": "We "}]},
        {"reasoning_details": [part | {"text": "think", "signature": None}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "index": 0, "data": "xx"}]},
        {"reasoning_details": [part | {"signature": "sig", "format": None}]},
    ]
    assert total(*deltas) == {
        "content": None,
        "reasoning_details": [
            part | {"text": "We think", "signature": "sig"},
            {"type": "reasoning.encrypted", "index": 0, "data": "xx"},
        ],
    }


def test_lists_append_and_everything_else_is_the_last_that_was_said() -> None:
    deltas: list[Json] = [
        {"images": [1], "usage": {"input_tokens": 1}, "model": "a"},
        {"images": [2], "usage": {"input_tokens": 2}, "model": None, "stop_reason": "end_turn"},
    ]
    assert total(*deltas) == {
        "content": None,
        "images": [1, 2],
        "usage": {"input_tokens": 2},
        "model": "a",
        "stop_reason": "end_turn",
    }


def test_audio_appends_its_data_and_its_transcript() -> None:
    deltas: list[Json] = [
        {"audio": {"id": "a", "data": "AA", "transcript": "he"}},
        {"audio": {"data": "BB", "transcript": "y"}},
    ]
    assert total(*deltas) == {"content": None, "audio": {"id": "a", "data": "AABB", "transcript": "hey"}}


def test_only_news_is_passed_on() -> None:
    accumulator = ChatAccumulator()
    assert accumulator.add({"content": "a", "model": "m", "reasoning": None}) == {"content": "a", "model": "m"}
    assert accumulator.add({"content": "b", "model": "m", "tool_calls": []}) == {"content": "b"}
    assert accumulator.add({"content": "", "model": "m"}) is None


@pytest.mark.parametrize(
    "delta",
    ["text", 7, {"content": 7}, {"usage": 7}, {"tool_calls": {}}, {"tool_calls": ["x"]},
     {"tool_calls": [{"index": "0"}]}, {"tool_calls": [{"input_json": {}}]}, {"reasoning_details": [1]},
     {"images": "x"}, {"audio": "x"}],
)  # fmt: skip
def test_a_delta_of_another_shape_is_refused_without_its_data(delta: Json) -> None:
    with pytest.raises(DeltaError):
        ChatAccumulator().add(delta)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_a_text_cut_anywhere_adds_up_to_itself(text: str, places: list[int]) -> None:
    cuts = sorted({min(place, len(text)) for place in places})
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    deltas: list[Json] = [{"content": piece} for piece in pieces]
    assert total(*deltas) == {"content": text}


def test_an_answer_without_a_word_is_an_empty_text_and_no_answer_is_null() -> None:
    assert total({"content": ""}, {"content": None, "id": "x"}) == {"content": "", "id": "x"}
    assert total({"content": None, "id": "x"}) == {"content": None, "id": "x"}


def test_usage_that_is_told_in_two_parts_is_one() -> None:
    accumulator = ChatAccumulator()
    start: Json = {"usage": {"input_tokens": 25, "output_tokens": 1}}
    assert accumulator.add(start) == start
    assert accumulator.add({"usage": {"output_tokens": 15, "input_tokens": None}}) is not None
    assert accumulator.add({"usage": {"output_tokens": 15}}) is None
    assert accumulator.total() == {"content": None, "usage": {"input_tokens": 25, "output_tokens": 15}}


def test_calls_without_an_index_begin_with_their_name() -> None:
    deltas: list[Json] = [
        {"tool_calls": [{"id": None, "name": "one", "input_json": '{"x"'}]},
        {"tool_calls": [{"input_json": ":1}"}]},
        {"tool_calls": [{"name": "two", "input_json": "{}"}, {"name": "two", "input_json": "{}"}]},
    ]
    assert total(*deltas) == {
        "content": None,
        "tool_calls": [
            {"id": None, "name": "one", "input_json": '{"x":1}'},
            {"id": None, "name": "two", "input_json": "{}"},
            {"id": None, "name": "two", "input_json": "{}"},
        ],
    }


def test_other_streams_add_up_as_their_manifest_says() -> None:
    deltas: list[Json] = ["a", "", "b", None]
    results = {}
    for kind in ("text", "list", "last"):
        accumulator = ACCUMULATORS[kind]()
        for delta in deltas:
            accumulator.add(delta)
        results[kind] = accumulator.total()
    assert results == {"text": "ab", "list": ["a", "", "b", None], "last": "b"}


def test_a_text_stream_refuses_what_is_no_text() -> None:
    with pytest.raises(DeltaError):
        ACCUMULATORS["text"]().add({"content": "x"})
