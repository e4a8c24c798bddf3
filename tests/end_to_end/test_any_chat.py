"""Whatever an OpenRouter says, plain or streamed: a canonical reply or the upstream's error."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chat.test_any_answer import envelope
from tests.end_to_end.chat import ASK, REPLY, Chat, Streamed, check_error, chunk, sse, stream_bytes, streaming
from tests.end_to_end.oracle import ANY, canonical, whole_body
from tests.sizes import examples
from tests.toy.raw import answer_json, say

SOME = settings(max_examples=examples(120), deadline=None)
FAILURES = {"credential_rejected", *(f"upstream_{name}" for name in (
    "payment_required", "forbidden", "not_found", "conflict", "rate_limited", "failed", "invalid", "truncated",
    "unavailable", "timeout", "rejected"))}  # fmt: skip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
big = st.integers(-(10**30), 10**30)
inputs = st.dictionaries(texts, big | texts | st.none() | st.booleans() | st.lists(big, max_size=2), max_size=3)
written = (
    inputs.map(json.dumps)
    | inputs.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1))
    | st.sampled_from(["", " ", "{}{}", '{"a": 1', "[1]", "7", "null", "false", "nope", '{"a": 1}x'])
)
finishes = st.sampled_from(["stop", "tool_calls", "length", "content_filter", "brand_new", None])


def refused_properly(response: httpx.Response) -> None:
    """An error that says whose fault it is: never ours."""
    body = response.json()
    check_error(body)
    assert body["code"] in FAILURES, body


def says_error(chunk_or_body: Any) -> bool:
    """Whether there is an error in it at any level, as the contract has it."""
    if not isinstance(chunk_or_body, dict):
        return False
    choices = chunk_or_body.get("choices")
    holders = [chunk_or_body, *(choices if isinstance(choices, list) else [])]
    for holder in holders:
        error = holder.get("error") if isinstance(holder, dict) else None
        if isinstance(error, dict) and any(error.get(key) not in (None, "") for key in ("message", "code")):
            return True
        if holder is not chunk_or_body and isinstance(holder, dict) and holder.get("finish_reason") == "error":
            return True
    return False


def calls_in(message: Any) -> list[Any]:
    """The inputs of a whole message's tool calls, however odd they are."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return (
        [input_of(call.get("function")) for call in calls or [] if isinstance(call, dict)] if is_list(calls) else []
    )


def as_told(said: Any) -> Any:
    """Without the lists whose items are handed on as they came, even when they are no objects."""
    return {key: value for key, value in said.items() if key not in ("annotations", "images", "parts", "logprobs")}


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def input_of(function: Any) -> Any:
    """The arguments when they are an object; their text when they are not; {} only when there are none."""
    given = function.get("arguments") if isinstance(function, dict) else None
    if given is None and isinstance(function, dict):
        given = function.get("input")
    text = given if isinstance(given, str) else "" if given is None else json.dumps(given)
    try:
        value = json.loads(text, parse_constant=no_constant) if text.strip() else {}
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def no_constant(name: str) -> Any:
    raise ValueError(name)


def inputs_of(calls: list[Any]) -> list[Any]:
    return [call["raw_arguments"] if call["input"] is None else call["input"] for call in calls]


def same_input(expected: Any, got: Any) -> bool:
    """Texts of unusable arguments that were no text to begin with may be written differently."""
    if isinstance(expected, str) and isinstance(got, str) and expected != got:
        return bool(json.loads(expected) == json.loads(got))
    return bool(expected == got)


@SOME
@given(envelope("message"), st.none() | st.integers(1, 9))
def test_any_body_is_a_canonical_reply_or_the_upstreams_error(
    shared_chat: Chat, body: Any, limit: int | None
) -> None:
    shared_chat.says(answer_json(body))
    response = shared_chat.ask({**ASK, "max_tokens": limit})
    assert len(shared_chat.toy.requests) == 1
    if response.status_code != 200:
        refused_properly(response)
        return
    reply = response.json()
    REPLY.validate(as_told(reply))
    assert not says_error(body)
    expected = calls_in(body["choices"][0].get("message"))
    got = inputs_of(reply["tool_calls"])
    assert len(got) == len(expected)
    assert all(same_input(one, other) for one, other in zip(expected, got, strict=True)), (expected, got)


@SOME
@given(st.lists(envelope("delta"), max_size=5), st.booleans())
def test_any_stream_ends_once_in_a_canonical_reply_or_the_upstreams_error(
    shared_chat: Chat, chunks: list[Any], done: bool
) -> None:
    shared_chat.says(streaming(*chunks, done=done))
    response = shared_chat.house.call("openrouter", "chat", {**ASK, "stream": True})
    assert len(shared_chat.toy.requests) == 1
    if response.status_code != 200:
        refused_properly(response)
        return
    streamed = Streamed.of(response.text, told=as_told)
    if streamed.end == "error":
        assert streamed.error["code"] in FAILURES, streamed.error
        REPLY.validate(as_told(streamed.error["partial"]))
    else:
        assert not any(says_error(part) for part in chunks)


@st.composite
def generations(draw: st.DrawFn) -> tuple[list[Any], int | None]:
    """One generation as a stream tells it, with the habits of many providers; and the limit it was asked with."""
    limit = draw(st.none() | st.integers(1, 9))
    parts = [chunk(draw(st.sampled_from([None, ""])))] if draw(st.booleans()) else []
    parts += [chunk(piece) for piece in draw(st.lists(texts, max_size=3))]
    parts += [thinking(piece) for piece in draw(st.lists(texts.filter(bool), max_size=2))]
    for index, arguments in enumerate(draw(st.lists(written, max_size=3))):
        parts += draw(st.just(call_chunks(draw, index, arguments)))
    finish = draw(finishes)
    usage: dict[str, Any] = {
        "prompt_tokens": draw(st.integers(0, 9)),
        "completion_tokens": draw(st.integers(0, 9)),
    }
    if draw(st.booleans()):
        usage |= {"cost": 0.25, "prompt_tokens_details": {"cached_tokens": 2}}
    return parts + ending(draw, finish, usage), limit


def thinking(text: str) -> Any:
    detail = {"type": "reasoning.text", "text": text, "format": None, "index": 0}
    return chunk("", reasoning=text, reasoning_details=[detail])


def call_chunks(draw: st.DrawFn, index: int, arguments: str) -> list[Any]:
    """A call opened with its id and name, then its arguments; later pieces repeat the id as null or ""."""
    cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
    pieces = [arguments[a:b] for a, b in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
    opening = {
        "index": index,
        "id": f"call_{index}",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    silent: list[dict[str, Any]] = [{}, {"id": None}, {"id": ""}, {"id": None, "type": None}]
    nameless: list[dict[str, Any]] = [{}, {"name": None}, {"name": ""}]
    again, named = draw(st.sampled_from(silent)), draw(st.sampled_from(nameless))
    rest = [{"index": index, **again, "function": {**named, "arguments": piece}} for piece in pieces]
    return [chunk(draw(st.sampled_from([None, ""])), tool_calls=[one]) for one in [opening, *rest]]


def ending(draw: st.DrawFn, finish: str | None, usage: Any) -> list[Any]:
    """The finish chunk and the usage, in each shape that was seen."""
    last = chunk("", finish)
    shapes = [
        [chunk("", finish, usage=usage)],
        [last, {**chunk("", None), "usage": usage}],
        [last, {**last, "choices": [], "usage": usage}],
        [last, {**last, "usage": usage}],
    ]
    return draw(st.sampled_from(shapes))


@SOME
@given(generations(), st.lists(st.integers(0, 2000), max_size=4))
def test_a_stream_the_plain_call_and_the_rules_say_the_same_of_every_generation(
    shared_chat: Chat, generation: tuple[list[Any], int | None], cuts: list[int]
) -> None:
    chunks, limit = generation
    body = whole_body(chunks)
    expected = canonical(body, limit)
    data = sse(*chunks)
    marks = [0, *sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
    shared_chat.says(say(stream_bytes(data[a:b] for a, b in pairwise(marks))), answer_json(body))
    streamed = shared_chat.stream({**ASK, "max_tokens": limit}).done
    assert streamed == expected
    plain = shared_chat.ask({**ASK, "max_tokens": limit})
    assert plain.json() == expected
    assert shared_chat.house.rows()[0]["output_tokens"] == expected["usage"]["output_tokens"]


def test_the_odd_arguments_that_were_seen_are_told_and_never_made_up(chat: Chat) -> None:
    told: dict[Any, Any] = {
        "": {}, " \n": {}, None: {}, "{}": {},
        '{"n": 12345678901234567890123}': {"n": 12345678901234567890123},
        '{}{"location": "Paris, France"}': None, '{"location": "Pa': None, "[1]": None, "null": None, "7": None,
        '{"a": NaN}': None, '{"a": 1e999}': None, "false": None,
    }  # fmt: skip
    for arguments, value in told.items():
        call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        expected = {"id": "c", "name": "f", "input": value}
        if value is None:
            expected |= {"raw_arguments": arguments, "problem": ANY}
        chunks = [chunk(None, tool_calls=[call]), chunk("", "stop")]
        chat.says(streaming(*chunks), answer_json(whole_body(chunks)))
        assert chat.stream().done["tool_calls"] == [expected], arguments
        assert chat.ask().json()["tool_calls"] == [expected], arguments


@pytest.mark.parametrize(
    ("pieces", "value"),
    [
        (["{}", "{", "}"], {}),
        (["{}", "{}"], {}),
        (["{}", "{}", '{"a"', ": 1}"], {"a": 1}),
        (["{", "}", "{", "}"], None),
        (["{}{", "}"], None),
        (["{}", "[", "]"], None),
    ],
)
def test_empty_arguments_before_others_hold_their_place_where_they_are_a_piece(
    chat: Chat, pieces: list[str], value: Any
) -> None:
    """A plain reply of the same generation has no such place, and two objects in one text are none."""
    calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": piece}} for piece in pieces]
    chunks = [*(chunk(None, tool_calls=[call]) for call in calls), chunk("", "stop")]
    chat.says(streaming(*chunks), answer_json(whole_body(chunks)))
    streamed, plain = chat.stream().done["tool_calls"], chat.ask().json()["tool_calls"]
    assert streamed == plain
    assert streamed[0]["input"] == value


def test_arguments_that_are_no_text_are_read_as_what_they_are(chat: Chat) -> None:
    for given_arguments, value in [
        ({"a": 2**70}, {"a": 2**70}),
        (False, None),
        (0, None),
        ([], None),
        (True, None),
    ]:
        call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": given_arguments}}
        body = whole_body([chunk("", "stop")])
        body["choices"][0]["message"]["tool_calls"] = [call]
        chat.says(streaming(chunk(None, tool_calls=[call]), chunk("", "stop")), answer_json(body))
        streamed, plain = chat.stream().done, chat.ask().json()
        assert streamed["tool_calls"] == plain["tool_calls"]
        assert plain["tool_calls"][0]["input"] == value
        if value is None:
            assert plain["tool_calls"][0]["raw_arguments"] == json.dumps(given_arguments)


def test_a_calls_id_may_come_before_its_function(chat: Chat) -> None:
    opened = [{"index": index, "id": f"call_{index}", "type": "function"} for index in (0, 1)]
    named = [{"index": index, "function": {"name": "f", "arguments": json.dumps({"i": index})}} for index in (0, 1)]
    chat.says(streaming(chunk(tool_calls=opened), chunk(tool_calls=named), chunk("", "tool_calls")))
    assert chat.stream().done["tool_calls"] == [
        {"id": f"call_{index}", "name": "f", "input": {"i": index}} for index in (0, 1)
    ]


def test_an_index_that_is_no_count_says_nothing(chat: Chat) -> None:
    odd: list[Any] = [None, "0", "x", -1, 1.5, True, [], {}]
    for index in odd:
        call = {"index": index, "id": "c", "function": {"name": "f", "arguments": '{"a":'}}
        rest = {"index": index, "function": {"arguments": " 1}"}}
        chat.says(streaming(chunk(tool_calls=[call]), chunk(tool_calls=[rest]), chunk("", "tool_calls")))
        assert chat.stream().done["tool_calls"] == [{"id": "c", "name": "f", "input": {"a": 1}}], index
