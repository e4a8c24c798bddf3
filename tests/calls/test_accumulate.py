"""Deltas add up to what the plain call would have returned."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.accumulate import ACCUMULATORS, ChatAccumulator
from agentos_runtime.calls.adding.halves import hide, reveal
from agentos_runtime.calls.adding.texts import DeltaError
from agentos_runtime.jsontext import Json
from tests.sizes import examples


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


@settings(max_examples=examples(150), deadline=None)
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


def joined(*parts: list[Any]) -> list[Any]:
    """What calls add up to, and what a caller that only adds up the deltas has: the same."""
    accumulator = ChatAccumulator()
    seen: dict[int, dict[str, str]] = {}
    heard = [accumulator.add({"tool_calls": [*part]}) for part in parts]
    for news in [*heard, *accumulator.flush()]:
        assert news is None or isinstance(news, dict)
        pieces = news["tool_calls"] if news else []
        assert isinstance(pieces, list)
        for piece in pieces:
            assert isinstance(piece, dict)
            index = piece["index"]
            assert isinstance(index, int)
            call = seen.setdefault(index, {"id": "", "name": "", "input_json": ""})
            for key in call.keys() & piece.keys():
                call[key] += str(piece[key])
    total = accumulator.total()
    assert isinstance(total, dict)
    calls = total["tool_calls"]
    assert isinstance(calls, list)
    told: list[Json] = [{key: value or None for key, value in call.items()} for _, call in sorted(seen.items())]
    named = [call for call in calls if isinstance(call, dict) and call["name"]]
    assert told == [call | {"input_json": call["input_json"] or None} for call in named]
    return calls


def call(identifier: str | None, name: str | None, text: str) -> dict[str, Any]:
    """One piece of a call."""
    return {"id": identifier, "name": name, "input_json": text}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            [[call("a", "f", ""), call("b", "g", "")], [{"id": "a", "input_json": '{"x":1}'}],
             [{"id": "b", "input_json": '{"y"'}], [{"id": "a"}], [{"id": "b", "input_json": ":2}"}]],
            [call("a", "f", '{"x":1}'), call("b", "g", '{"y":2}')], id="without an index the id says whose"),
        pytest.param(
            [[{"id": "a", "input_json": "{"}], [{"id": "a", "input_json": "}"}], [{"id": "a", "name": "f"}]],
            [call("a", "f", "{}")], id="arguments wait for the name"),
        pytest.param(
            [[{"input_json": "{"}], [{"input_json": "}"}], [call("a", "f", "")]],
            [call("a", "f", "{}")], id="arguments wait for the name and the id"),
        pytest.param(
            [[call("a", "f", '{"x":')], [call("a", "f", "1}")], [call("a", "f", "")]],
            [call("a", "f", '{"x":1}')], id="all is repeated on every chunk"),
        pytest.param(
            [[call(None, "f", '{"x":')], [call(None, "f", "1}")], [call(None, "f", "{}")]],
            [call(None, "f", '{"x":1}'), call(None, "f", "{}")], id="nothing but a name, repeated"),
        pytest.param(
            [[{"index": 0} | call("a", "f", "{}")], [{"index": 0} | call("b", "g", "")],
             [{"index": 0, "input_json": "{}"}], [{"index": 1} | call("c", "h", "{}")]],
            [call("a", "f", "{}"), call("b", "g", "{}"), call("c", "h", "{}")], id="one index for two calls"),
        pytest.param(
            [[{"index": 0} | call(None, "f", '{"x":1}')], [{"index": 0} | call(None, "f", '{"x":2}')]],
            [call(None, "f", '{"x":1}'), call(None, "f", '{"x":2}')], id="one index for two calls without an id"),
        pytest.param(
            [[{"index": 0} | call("a", "get", "")], [{"index": 0, "name": "_get"}],
             [{"index": 0, "name": "get_get_x"}],
             [{"index": 0, "name": "get_get_x", "input_json": "{}"}]],
            [call("a", "get_get_x", "{}")], id="a name in pieces and as a whole"),
        pytest.param(
            [[call("a", "edit_", "")], [{"name": "file", "input_json": "{}"}]],
            [call("a", "edit_file", "{}")], id="a name in pieces without an index"),
        pytest.param(
            [[{"key": "x9"} | call(None, "f", "{")], [{"key": "y1"} | call("b", "g", "{}")],
             [{"key": "x9", "id": "a", "input_json": "}"}]],
            [call("a", "f", "{}"), call("b", "g", "{}")], id="a key of any kind"),
        pytest.param(
            [[call("a", "f", "{")], [{"index": 0, "input_json": "}"}], [{"index": 1} | call("b", "g", "{}")]],
            [call("a", "f", "{}"), call("b", "g", "{}")], id="an index from the second piece on"),
        pytest.param(
            [[call("a", "f", "{}")], [{"id": "a", "input_json": '{"x":'}], [{"id": "a", "input_json": "1}"}]],
            [call("a", "f", '{"x":1}')], id="nothing holds the place of the arguments"),
        pytest.param(
            [[call("a", "f", '{"x"')], [call("a", "f", '{"x":1')], [call("a", "f", '{"x":1')],
             [call("a", "f", '{"x":1}')]],
            [call("a", "f", '{"x":1}')], id="each piece tells all so far"),
        pytest.param(
            [[call("a", "f", '{"x":')], [{"input_json": '{"x":'}], [{"input_json": '{"x":[1'}],
             [{"input_json": '{"x":[1]}'}]],
            [call("a", "f", '{"x":[1]}')], id="each piece tells all so far, where a value begins"),
        pytest.param(
            [[call("a", "f", '{"x":')], [{"input_json": '{"x":1}'}], [{"input_json": "{}"}]],
            [call("a", "f", '{"x":1}')], id="the last piece tells all so far"),
        pytest.param(
            [[call("a", "f", '{"x":')], [{"input_json": '{"x":1}'}], [{"input_json": "}"}]],
            [call("a", "f", '{"x":{"x":1}}')], id="a value that begins as the arguments do"),
        pytest.param(
            [[call("a", "f", '{"x":')], [{"input_json": '{"x":'}], [{"input_json": '{"x":1}}}'}]],
            [call("a", "f", '{"x":{"x":{"x":1}}}')], id="a value that begins as the arguments do, twice"),
        pytest.param(
            [[call("a", "f", '{"')], [{"input_json": '{": 1}'}]],
            [call("a", "f", '{"{": 1}')], id="a key that is a brace"),
        pytest.param(
            [[call("a", "f", '{"')], [{"input_json": '{"x": 1}'}]],
            [call("a", "f", '{"x": 1}')], id="a key that is none"),
        pytest.param(
            [[call("a", "f", '{"x": 1}')], [call("a", "f", '{"x":1}')]],
            [call("a", "f", '{"x": 1}')], id="one call twice under its id, otherwise written"),
        pytest.param(
            [[call(None, "f", '{"x":1}')], [call(None, "f", '{"x":1}')]],
            [call(None, "f", '{"x":1}'), call(None, "f", '{"x":1}')], id="one call twice without an id"),
        pytest.param(
            [[{"index": 0} | call("a", "f", '{"x":')], [{"index": 0} | call("b", "f", "1")],
             [{"index": 0} | call("c", "f", "}")]],
            [call("a", "f", '{"x":1}')], id="each piece has an id of its own"),
        pytest.param(
            [[{"index": 0} | call("a", "f", '{"x":')], [{"index": 0} | call("b", "f", '{"x":2}')]],
            [call("a", "f", '{"x":'), call("b", "f", '{"x":2}')], id="a call that was left off, and another"),
    ],
)  # fmt: skip
def test_pieces_of_calls_find_their_call(parts: list[Any], expected: list[Any]) -> None:
    assert joined(*parts) == expected


def details(*parts: dict[str, Json]) -> Json:
    deltas: list[Json] = [{"reasoning_details": [part]} for part in parts]
    sum_of = total(*deltas)
    assert isinstance(sum_of, dict)
    return sum_of["reasoning_details"]


def test_pieces_of_reasoning_find_their_entry() -> None:
    text: dict[str, Json] = {"type": "reasoning.text", "index": 0}
    summary: dict[str, Json] = {"type": "reasoning.summary", "index": 0}
    blob: dict[str, Json] = {"type": "reasoning.encrypted", "index": 0}
    assert details(summary | {"summary": "a"}, summary | {"summary": "b"}) == [summary | {"summary": "ab"}]
    assert details(blob | {"data": "x"}, blob | {"data": "y"}) == [blob | {"data": "x"}, blob | {"data": "y"}]
    assert details(text | {"text": "a", "id": "1"}, text | {"text": "b", "id": "2"}) == [
        text | {"text": "a", "id": "1"},
        text | {"text": "b", "id": "2"},
    ]
    assert details(text | {"text": "a"}, blob | {"data": "x"}, text | {"signature": "s"}) == [
        text | {"text": "a", "signature": "s"},
        blob | {"data": "x"},
    ]
    signed = [text | {"text": "a", "signature": "s"}, text | {"text": "b", "signature": "t"}]
    pieces: list[dict[str, Json]] = [{"text": "a"}, {"signature": "s"}, {"text": "b"}, {"signature": "t"}]
    assert details(*(text | piece for piece in pieces)) == signed
    assert details(text | {"text": "a"}, text | {"index": 1, "text": "b"}) == [
        text | {"text": "a"},
        text | {"index": 1, "text": "b"},
    ]


def test_blocks_and_native_words_add_up_for_the_reply_and_are_no_news() -> None:
    accumulator = ChatAccumulator()
    deltas: list[Json] = [
        {
            "blocks": [{"index": 4, "type": "tool", "id": "a", "input": {"x": 1}}],
            "native": {"in": 10, "cache": 1000},
        },
        {"blocks": [{"index": 5, "type": "text", "text": "\ud83d"}, {"index": 4, "input_json": "{"}]},
        {
            "blocks": [{"index": 5, "text": "\ude00", "cited": [1]}, {"index": 4, "input_json": "}"}],
            "native": {"in": 11},
        },
        {"blocks": [{"index": 5, "cited": [2]}, {"index": 4, "type": "tool", "id": "b"}, {"loose": True}]},
    ]
    assert [accumulator.add(delta) for delta in deltas] == [None] * 4
    assert accumulator.total() == {
        "content": None,
        "blocks": [
            {"type": "tool", "id": "a", "input": {"x": 1}, "input_json": "{}"},
            {"type": "text", "text": "\U0001f600", "cited": [1, 2]},
            {"type": "tool", "id": "b"},
            {"loose": True},
        ],
        "native": {"in": 11, "cache": 1000},
    }


@settings(max_examples=examples(150), deadline=None)
@given(st.text(max_size=20), st.lists(st.integers(0, 80), max_size=8))
def test_halves_of_characters_join_wherever_a_text_is_cut(text: str, places: list[int]) -> None:
    halves = "".join(chr(unit) for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))
    cuts = sorted({min(place, len(halves)) for place in places})
    pieces = [halves[start:end] for start, end in zip([0, *cuts], [*cuts, len(halves)], strict=True)]
    accumulator = ChatAccumulator()
    news = [accumulator.add({"content": piece}) for piece in pieces] + accumulator.flush()
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert accumulator.total() == {"content": whole}
    assert "".join(str(each["content"]) for each in news if isinstance(each, dict)) == whole


@settings(max_examples=examples(200), deadline=None)
@given(
    st.text(st.characters(), max_size=12)
    | st.text(st.sampled_from("a\\u\ud83d\ude00\U0010f123\ud8ff"), max_size=12)
)
def test_halves_get_through_json_as_they_are(text: str) -> None:
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace")
        hidden, first = hide(written)
        hidden.decode()  # no halves: what jq reads it gives back
        read = json.loads(hidden)
        assert not any("\ud800" <= letter <= "\udfff" for letter in read)
        whole = reveal(read, first) if hidden is not written else read
        assert isinstance(whole, str)
        assert whole.encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")


def test_a_half_beside_characters_of_every_range_is_left_as_it_is() -> None:
    every = "".join(map(chr, range(0x100000, 0x10FFFE, 0x400)))
    written = json.dumps(f"{every}\ud83d").encode()
    assert hide(written) == (written, 0)
    assert hide(b'"\\ud83d"', lambda: written)[1] == 0
    assert hide(b'"\\ud83d"', lambda: json.dumps(chr(0x10F400)).encode())[1] not in (0, 0x10F000)
