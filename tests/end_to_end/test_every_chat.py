"""All five chats behind one server: a generation is the same asked for plainly and as a stream, in any packets."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Dialect
from tests.chat.test_any_packets import as_events, as_lines, payloads
from tests.chat.test_conformance import GENERATIONS, asked
from tests.end_to_end.chat import Chat, chat_house
from tests.toy.raw import Behaviour, answer, answer_json, render_chunks, say

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
def test_a_plain_call_that_is_answered_in_events_has_its_reply(every: Chat, dialect: Dialect) -> None:
    name, headers = "thinking, a text and calls", KINDS.get(dialect.name, EVENTS)
    events = told(dialect, name, 3)
    every.says(answer_json(dialect.whole(GENERATIONS[name])), answer(200, events, headers))
    plain, in_events = (every.ask(asked(dialect), dialect.skill) for _ in range(2))
    assert (in_events.status_code, in_events.json()) == (200, plain.json())
    assert {row["output_tokens"] for row in every.house.rows()[:2]} == {5}
    every.says(answer(200, dialect.failing_stream("the otter is out"), headers))
    failed = every.ask(asked(dialect), dialect.skill)
    assert failed.status_code >= 400
    assert "the otter is out" in failed.json()["error"]
    every.says(answer(200, events[: len(events) // 3], headers))
    assert every.ask(asked(dialect), dialect.skill).status_code == 502
    mislabelled: Any = json.dumps(dialect.whole(GENERATIONS[name])).encode()
    every.says(answer(200, mislabelled, headers))
    assert every.ask(asked(dialect), dialect.skill).json() == plain.json()
