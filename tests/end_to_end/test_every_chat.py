"""All five chats behind one server: a generation is the same asked for plainly and as a stream, in any packets."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Call, Dialect, Generation
from tests.chat.support import sse
from tests.chat.test_any_packets import MARK, as_events, as_lines, payloads, usage_elsewhere
from tests.chat.test_conformance import GENERATIONS, asked
from tests.end_to_end.chat import LAST_CHUNK, Chat, chat_house
from tests.toy.raw import (
    Behaviour,
    Exchange,
    answer,
    answer_json,
    chunked_head,
    cut,
    one_chunk,
    render_chunks,
    reset,
    say,
)

KINDS = {"ollama": [("Content-Type", "application/x-ndjson")]}
EVENTS = [("Content-Type", "text/event-stream; charset=utf-8")]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("every")) as started:
        yield started


def told(dialect: Dialect, name: str, seed: int) -> bytes:
    """The generation as a stream, in lines as somebody else would write them."""
    chance = random.Random(seed)
    events = payloads(dialect.stream(GENERATIONS[name], chance))
    return as_lines(events, chance) if dialect.name == "ollama" else as_events(events, chance)


def byte_by_byte(dialect: Dialect, text: bytes) -> Behaviour:
    return say(
        render_chunks((text[at : at + 1] for at in range(len(text))), headers=KINDS.get(dialect.name, EVENTS))
    )


@pytest.mark.parametrize("name", ["thinking, a text and calls", "a text that was cut"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_plain_and_streamed_are_the_same_whatever_the_packets(every: Chat, dialect: Dialect, name: str) -> None:
    params = asked(dialect)
    every.says(answer_json(dialect.whole(GENERATIONS[name])))
    plain = every.ask(params, dialect.skill).json()
    assert plain["stop_reason"], plain
    for seed in range(2):
        every.says(byte_by_byte(dialect, told(dialect, name, seed)))
        streamed = every.stream(params, dialect.skill)
        assert streamed.done == plain
        assert streamed.text() == (plain["content"] or "")


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_whole_reply_under_the_type_of_a_stream_is_the_reply(every: Chat, dialect: Dialect) -> None:
    whole: Any = json.dumps(dialect.whole(GENERATIONS["thinking, a text and calls"])).encode()
    every.says(answer(200, whole, KINDS.get(dialect.name, EVENTS)))
    plain = every.ask(asked(dialect), dialect.skill).json()
    assert plain["content"] == "I look."
    assert every.stream(asked(dialect), dialect.skill).done == plain


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_whole_reply_under_the_type_of_a_stream_may_tell_of_an_error(every: Chat, dialect: Dialect) -> None:
    told = Generation((Call("c1", "note", {"error": {"message": "disk full"}}),))
    whole = json.dumps(dialect.whole(told)).encode()
    every.says(answer(200, whole, KINDS.get(dialect.name, EVENTS)))
    streamed = every.stream(asked(dialect), dialect.skill)
    assert streamed.done["tool_calls"][0]["input"] == {"error": {"message": "disk full"}}


def with_cost(value: Any) -> Any:
    """What is told, with a cost in the usage at the end of it, as gateways tell it in everybody's words."""
    if isinstance(value, list):
        return [with_cost(each) for each in value]
    if not isinstance(value, dict):
        return value
    more = {"cost": 0.25} if 5 in (value.get("output_tokens"), value.get("completion_tokens")) else {}
    return {key: with_cost(each) for key, each in value.items()} | more


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each.skill not in ("gemini", "ollama")], ids=str)
def test_what_a_chat_cost_is_counted_plain_and_streamed(every: Chat, dialect: Dialect) -> None:
    told = GENERATIONS["thinking, a text and calls"]
    every.says(answer_json(with_cost(dialect.whole(told))))
    assert every.ask(asked(dialect), dialect.skill).status_code == 200
    plain = every.row
    events = [each for each in payloads(dialect.stream(told, random.Random(1))) if each != MARK]
    every.says(then(dialect, with_cost(events), say(LAST_CHUNK)))
    assert every.stream(asked(dialect), dialect.skill).end == "done"
    assert every.row["cost"] == plain["cost"] == 0.25


def events_of(dialect: Dialect, name: str) -> list[Any]:
    """The payloads up to the last that is needed; the usage is the last where its provider can tell it so."""
    found = [event for event in payloads(dialect.stream(GENERATIONS[name], random.Random(1))) if event != MARK]
    if dialect.name == "anthropic":
        return found[:-1]  # what tells the finish tells the usage, and the end mark says nothing more
    return usage_elsewhere(found) if dialect.name == "gemini" else found


def then(dialect: Dialect, events: list[Any], end: Behaviour) -> Behaviour:
    """A stream of these events, whose connection then does what `end` says."""
    plain = random.Random(0)
    text = as_lines(events, plain) + b"\n" if dialect.name == "ollama" else sse(*events)
    begin = say(chunked_head(200, KINDS.get(dialect.name, EVENTS)) + one_chunk(text))

    def behave(exchange: Exchange) -> None:
        begin(exchange)
        end(exchange)

    return behave


LATE_USAGE = ("openrouter", "openai-completions", "gemini")
BREAKS: dict[str, Behaviour] = {"a reset": reset(), "no last chunk": cut(b"")}


@pytest.mark.parametrize("end", BREAKS)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_stream_is_whole_with_finish_and_usage_whatever_the_connection_does_then(
    every: Chat, dialect: Dialect, end: str
) -> None:
    name = "thinking, a text and calls"
    every.says(answer_json(dialect.whole(GENERATIONS[name])))
    plain = every.ask(asked(dialect), dialect.skill).json()
    events = events_of(dialect, name)
    every.says(then(dialect, events, BREAKS[end]))
    assert every.stream(asked(dialect), dialect.skill).done == plain
    every.says(then(dialect, events[:-1], BREAKS[end]))
    error = every.stream(asked(dialect), dialect.skill).error
    assert (error["code"], error["partial"]["content"]) == ("upstream_truncated", plain["content"])
    calls = [(call["name"], call["input"]) for call in error["partial"]["tool_calls"]]
    assert calls == [(call["name"], call["input"]) for call in plain["tool_calls"]]
    every.says(then(dialect, events[:-1], say(LAST_CHUNK)))
    regular = every.stream(asked(dialect), dialect.skill)
    assert regular.end == ("done" if dialect.name in LATE_USAGE else "error")


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_failure_in_a_stream_is_its_one_end_with_what_had_arrived(every: Chat, dialect: Dialect) -> None:
    every.says(answer(200, dialect.failing_stream("the otter is out"), KINDS.get(dialect.name, EVENTS)))
    streamed = every.stream(asked(dialect), dialect.skill)
    assert "the otter is out" in streamed.error["error"]
    assert streamed.text() == streamed.error["partial"]["content"] == "Hel"
    assert every.row["outcome"] == "error"
