"""One generation is one reply, plain or streamed, in whatever lines, events and packets its provider sends it."""

import itertools
import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.jsontext import dump
from tests.chat.dialects import DIALECTS, Call, Dialect, Generation, Text, Thinking
from tests.chat.support import Expressions
from tests.chat.test_any_delivery import added_up
from tests.chat.test_conformance import asked
from tests.sizes import examples

SOME = settings(
    max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MARK = "[DONE]"
LINE_ENDS = ("\n", "\r\n", "\r")
NOISE = (": ping", ": OPENROUTER PROCESSING", "", "id: 7", "retry: 10")

characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n\r\u2028🦦\ufeff":{}[]')
said = st.text(characters, min_size=1, max_size=12).filter(lambda text: text.strip() != "")
inputs = st.dictionaries(
    st.text(characters, max_size=4), said | st.integers(-(10**20), 10**20) | st.none(), max_size=2
)


def halved(text: str) -> str:
    """Characters beyond the first plane as the two halves of which JSON may tell each in a piece of its own."""
    return "".join(map(halves, text))


def halves(character: str) -> str:
    point = ord(character) - 0x10000
    return character if point < 0 else chr(0xD800 + (point >> 10)) + chr(0xDC00 + (point & 0x3FF))


@st.composite
def generations(draw: st.DrawFn) -> Generation:
    """What any provider can tell: thinking, a text, calls."""
    thought = [Thinking(halved(each)) for each in draw(st.lists(said, max_size=1))]
    text = [Text(halved(each)) for each in draw(st.lists(said, max_size=1))]
    made = draw(st.lists(st.tuples(st.sampled_from(["look", "note"]), inputs), max_size=2))
    calls = [Call(f"c{place}", name, dict(given)) for place, (name, given) in enumerate(made)]
    blocks: tuple[Thinking | Text | Call, ...] = (*thought, *text, *calls)
    finish = draw(st.sampled_from(["end", "limit", "filter"]))
    return Generation(blocks if text or calls else (*blocks, Text("Yes.")), finish)


def payloads(told: bytes) -> list[Any]:
    """What the events of a stream hold; the end mark is a text."""
    lines = [line.removeprefix("data: ") for line in told.decode().split("\n")]
    return [line if line == MARK else json.loads(line) for line in lines if line.startswith(("{", MARK))]


def usage_elsewhere(events: list[Any]) -> list[Any]:
    """The usage with the finish where it came after it, and after it where it came along."""
    *before, last = [event for event in events if event != MARK]
    if last.get("choices") == []:
        return [*before[:-1], {**before[-1], **last, "choices": before[-1]["choices"]}]
    if "usageMetadata" in last:
        rest = {key: value for key, value in last.items() if key != "candidates"}
        return [*before, {key: value for key, value in last.items() if key != "usageMetadata"}, rest]
    return events


def written(payload: Any, random: Random) -> list[str]:
    """A payload as JSON, in one line or in several."""
    if payload == MARK:
        return [MARK]
    text = json.dumps(payload, indent=random.choice([None, None, 1]))
    if random.random() < 0.5 and not has_halves(payload):
        text = json.dumps(payload, ensure_ascii=False)
    return text.split("\n")


def has_halves(value: Any) -> bool:
    return "\\ud" in json.dumps(value)


def as_events(events: list[Any], random: Random) -> bytes:
    """Server-sent events as somebody else would write them."""
    end, space = random.choice(LINE_ENDS), random.choice(["", " "])
    lines: list[str] = []
    for payload in events:
        lines += random.sample(NOISE, random.randint(0, 2))
        if payload != MARK and "type" in payload and random.random() < 0.5:
            lines.append(f"event:{space}{payload['type']}")
        lines += [f"data:{space}{line}" for line in written(payload, random)]
        lines += random.choice([[""], [""], [": within", ""], ["", ""]])
    text = end.join(lines) + random.choice([end, "", end + ": the last" + end])
    return random.choice(["", "\ufeff"]).encode() + text.encode()


def as_lines(events: list[Any], random: Random) -> bytes:
    end = random.choice(["\n", "\r\n"])
    lines = [
        line for payload in events for line in random.choice([[dump(payload).decode()], ["", json.dumps(payload)]])
    ]
    return (end.join(lines) + random.choice([end, "", end * 2])).encode()


def packets(told: bytes, random: Random) -> list[bytes]:
    """The bytes one by one, all at once, or cut anywhere."""
    most = random.choice([0, 3, 12, len(told)])
    cuts = range(len(told)) if most == len(told) else sorted(random.sample(range(len(told)), min(most, len(told))))
    return [told[start:end] for start, end in itertools.pairwise([0, *cuts, len(told)])]


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@SOME
@given(generations(), st.randoms(use_true_random=False))
def test_a_generation_is_the_same_plain_and_streamed_whatever_the_packets(
    dialect: Dialect, expressions: Expressions, generation: Generation, random: Random
) -> None:
    wire = expressions.wire(dialect.skill)
    plain = wire.reply(asked(dialect), json.dumps(dialect.whole(generation)).encode())
    events = payloads(dialect.stream(generation, random))
    if random.random() < 0.3:
        events = usage_elsewhere(events)
    events = [event for event in events if event != MARK]
    if dialect.name == "ollama":
        told = as_lines(events, random)
    else:
        told = as_events([*events, MARK] if random.random() < 0.5 else events, random)
    streamed = wire.stream(asked(dialect), packets(told, random))
    assert streamed.done == plain
    assert "".join(delta.get("content", "") for delta in streamed.deltas) == (plain["content"] or "")
    assert added_up(streamed.deltas) == [(call["id"], call["name"], call["input"]) for call in plain["tool_calls"]]
