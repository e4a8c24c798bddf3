"""One table over all chat skills: what is asked, how it is answered, streamed, refused and replayed."""

import itertools
import json
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError, UpstreamError
from tests.chat.dialects import DIALECTS, FIVE, Call, Dialect, Generation, Refused, Text, Thinking, canonical
from tests.chat.support import Expressions, schema
from tests.sizes import PART

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
LOOK = {
    "name": "look",
    "description": "Looks",
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
}
NOTE = {"name": "note", "input_schema": {"type": "object"}}
HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
BIG = 12345678901234567891

GENERATIONS = {
    "a text": Generation((Text("Hello, otter 🦦!"),)),
    "a call": Generation((Call("c1", "look", {"n": BIG}),)),
    "two calls of one tool": Generation((Call("c1", "look", {"n": 1}), Call("c2", "look", {"n": 2}))),
    "a call without arguments": Generation((Call("c1", "note", {}),)),
    "thinking and a text": Generation((Thinking("Two and two."), Text("Four."))),
    "thinking, a text and calls": Generation(
        (Thinking("Hm."), Text("I look."), Call("c1", "look", {"n": 1}), Call("c2", "note", {"text": "äöü"}))
    ),
    "a text that was cut": Generation((Text("Once upon"),), finish="limit"),
    "a text that was filtered": Generation((Text("Well"),), finish="filter"),
}
EVERY_ANSWER = [pytest.param(d, name, id=f"{d}: {name}") for d in DIALECTS for name in GENERATIONS]


def expected(dialect: Dialect, generation: Generation) -> dict[str, Any]:
    reply = canonical(generation)
    if dialect.no_ids:
        for place, call in enumerate(reply["tool_calls"]):
            call["id"] = f"call_{place}"
    if dialect.no_thoughts:
        reply.pop("reasoning", None)
    if dialect.no_filter and generation.finish == "filter":
        reply["stop_reason"] = "end_turn"
    if dialect.name == "ollama" and reply["content"] is None and not reply["tool_calls"]:
        reply["content"] = ""
    return reply


def asked(dialect: Dialect, **more: Any) -> dict[str, Any]:
    return {**HI, **dialect.params, "tools": [LOOK, NOTE], **more}


@pytest.mark.parametrize(("dialect", "name"), EVERY_ANSWER)
def test_one_generation_is_one_reply_whoever_tells_it_whole_or_in_pieces(
    dialect: Dialect, name: str, expressions: Expressions
) -> None:
    wire, generation = expressions.wire(dialect.skill), GENERATIONS[name]
    reply = wire.reply(asked(dialect), dialect.whole(generation))
    wanted = expected(dialect, generation)
    assert {key: reply.get(key) for key in wanted} == wanted
    assert (reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]) == (3, 5)
    Draft202012Validator(schema("chat-reply")).validate(reply)
    for seed in range(3):
        streamed = wire.stream(asked(dialect), dialect.stream(generation, random.Random(seed)))
        assert streamed.done == reply
        told = "".join(delta.get("content", "") for delta in streamed.deltas)
        assert told == (reply["content"] or "")
        for delta in streamed.deltas:
            Draft202012Validator(schema("chat-delta")).validate(delta)


@pytest.mark.parametrize(("dialect", "name"), EVERY_ANSWER)
def test_a_reply_goes_back_as_it_came(dialect: Dialect, name: str, expressions: Expressions) -> None:
    wire, generation = expressions.wire(dialect.skill), GENERATIONS[name]
    reply = wire.reply(asked(dialect), dialect.whole(generation))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": {"ok": True}} for call in reply["tool_calls"]
    ]
    following = results or [{"role": "user", "content": "Go on."}]
    body = wire.body(asked(dialect, messages=[*HI["messages"], {"role": "assistant", **reply}, *following]))
    dialect.takes(body)
    sent = json.dumps(body, ensure_ascii=False)
    for block in generation.blocks:
        if isinstance(block, Call):
            given = json.dumps(block.given, ensure_ascii=False, separators=(",", ":"))
            assert given in sent.replace('\\"', '"').replace('": ', '":')
        elif isinstance(block, Text) or not dialect.no_thoughts:
            assert block.text in sent


FEATURES: dict[str, dict[str, Any]] = {
    "a system prompt": {"system": "Be brief."},
    "a system prompt in parts": {"system": [{"type": "text", "text": "Be brief."}]},
    "messages of role system": {"messages": [{"role": "system", "content": "Be brief."}, *HI["messages"]]},
    "text in parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
    "a picture": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, PICTURE]}]},
    "no tools": {"tools": [], "tool_choice": "auto", "parallel_tool_calls": False},
    "a tool of OpenAI's shape": {
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    },
    "a tool of an MCP server": {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]},
    "a choice left to the model": {"tool_choice": "auto"},
    "no call wanted": {"tool_choice": "none"},
    "few tokens": {"max_tokens": 16},
    "as many tokens as there are": {"max_tokens": None},
    "a temperature": {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
    "sampling that some do not know": {
        "seed": 7,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "repetition_penalty": 1.1,
    },
    "one call at a time": {"parallel_tool_calls": False},
    "thinking": {"reasoning": {"effort": "high"}, "max_tokens": 9000},
    "no thinking": {"reasoning": {"enabled": False}},
    "a budget for thinking": {"reasoning": {"max_tokens": 2000}},
    "a user, a length and a cache": {"user": "u-1", "verbosity": "low", "cache_control": {"type": "ephemeral"}},
    "JSON of a schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    },
    "text as the only modality": {"modalities": ["text"]},
}


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_what_all_honour_or_ignore_is_taken_by_each(dialect: Dialect, name: str, expressions: Expressions) -> None:
    given = asked(dialect, **FEATURES[name])
    wire = expressions.wire(dialect.skill)
    assert wire.refusal(given) is None
    dialect.takes(wire.body(given))


FORCED = {"tool_choice": "required"}
AUDIO = {
    "messages": [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}
    ]
}
FAR = {
    "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}
    ]
}
MATRIX: dict[str, tuple[dict[str, Any], str]] = {
    # what is asked: the skills that refuse it before anything is sent
    "a tool that has to be called": (FORCED, "ollama"),
    "a tool by its name": ({"tool_choice": {"name": "look"}}, "ollama"),
    "any JSON": ({"response_format": {"type": "json_object"}}, "anthropic"),
    "probabilities": ({"logprobs": True, "top_logprobs": 2}, "anthropic"),
    "where to stop": ({"stop": ["END"]}, "openai"),
    "a picture by its address": (FAR, "ollama"),
    "sound": (AUDIO, "anthropic ollama openai"),
    "pictures as an answer": ({"modalities": ["text", "image"]}, "anthropic ollama openai openai-completions"),
    "speech as an answer": ({"modalities": ["text", "audio"]}, "anthropic ollama openai"),
    "an empty picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "openrouter anthropic ollama openai openai-completions gemini",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_what_a_provider_cannot_do_is_refused_by_name_and_nothing_else(
    dialect: Dialect, name: str, expressions: Expressions
) -> None:
    given, refusing = MATRIX[name]
    wire = expressions.wire(dialect.skill)
    refusal = wire.refusal(asked(dialect, **given))
    assert (refusal is not None) == (dialect.name in refusing.split()), refusal
    if refusal is None:
        dialect.takes(wire.body(asked(dialect, **given)))


FAILURES = [
    (400, "upstream_rejected"), (401, "credential_rejected"), (404, "upstream_not_found"),
    (429, "upstream_rate_limited"), (500, "upstream_failed"), (503, "upstream_unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), FAILURES)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_failure_keeps_its_status_and_its_words(
    dialect: Dialect, status: int, code: str, expressions: Expressions
) -> None:
    with pytest.raises(AgentOSError) as caught:
        expressions.wire(dialect.skill).reply(asked(dialect), dialect.failure(status, "the otter is out"), status)
    assert caught.value.code == code
    assert "the otter is out" in caught.value.message


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_failure_in_a_success_or_a_stream_is_no_reply(dialect: Dialect, expressions: Expressions) -> None:
    wire = expressions.wire(dialect.skill)
    wrong: tuple[Any, ...] = (dialect.failure(500, "the otter is out"), {}, None, [])
    for answer in wrong:
        with pytest.raises(UpstreamError):
            wire.reply(asked(dialect), answer)
    with pytest.raises(UpstreamError, match="the otter is out"):
        wire.stream(asked(dialect), dialect.failing_stream("the otter is out"))


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_stream_that_is_cut_anywhere_is_never_whole(dialect: Dialect, expressions: Expressions) -> None:
    wire = expressions.wire(dialect.skill)
    generation = GENERATIONS["thinking, a text and calls"]
    told = dialect.stream(generation, random.Random(1))
    whole = wire.reply(asked(dialect), dialect.whole(generation))
    ends = [place + 1 for place, byte in enumerate(told) if byte == ord("\n")]
    for end in ends[: len(ends) * 2 // 3 : 2]:
        try:
            streamed = wire.stream(asked(dialect), told[:end])
        except UpstreamError:
            continue
        assert streamed.done == whole


def turn_of(dialect: Dialect, turn: int) -> Generation:
    """The same two ids in every turn, of a form that others refuse; a text of white space."""
    ids = [f"functions.{name}:{turn % 2}" + "x" * 50 for name in ("look", "note")]
    thought = {"ollama": "so"}.get(dialect.name, f"hm {turn}")
    calls = (Call(ids[0], "look", {"n": turn}), Call(ids[1], "note", {}))
    return Generation((Thinking(thought), *([Text("\n\n")] if dialect.name == "openrouter" else []), *calls))


def own(dialect: Dialect, turn: int) -> Generation:
    generation = turn_of(dialect, turn)
    if dialect.name == "openrouter":
        return generation
    calls = [Call(f"call{turn}{place}", call.name, call.given) for place, call in enumerate(generation.calls)]
    return Generation((*(block for block in generation.blocks if not isinstance(block, Call)), *calls))


@pytest.mark.slow
@pytest.mark.parametrize("first", FIVE, ids=str)
def test_twelve_turns_with_another_provider_in_each_in_every_order(
    first: Dialect, expressions: Expressions
) -> None:
    question = {"role": "user", "content": [{"type": "text", "text": "Look."}, PICTURE]}
    others = [dialect for dialect in FIVE if dialect is not first]
    turned = [(*others[n:], *others[:n]) for n in range(len(others))]  # each comes after each other all the same
    orders = [*turned, *[*itertools.permutations(others)][::PART]]
    seen: dict[tuple[str, ...], Any] = {(): [question]}
    for rest in orders:
        order = (first, *rest)
        for turn in range(12):
            path = tuple(order[n % 5].name for n in range(turn + 1))
            if path not in seen:
                seen[path] = continued(order[turn % 5], turn, seen[path[:-1]], expressions)


def continued(dialect: Dialect, turn: int, messages: list[Any], expressions: Expressions) -> list[Any]:
    """The conversation after one more turn."""
    params = asked(dialect, messages=messages, reasoning={"effort": "low"}, max_tokens=9000, temperature=0.5)
    wire = expressions.wire(dialect.skill)
    body = wire.body(params)
    try:
        dialect.takes(body)
    except Refused as refusal:
        raise AssertionError(f"turn {turn}: {dialect} refuses: {refusal}: {json.dumps(body)}") from refusal
    reply = wire.reply(params, dialect.whole(own(dialect, turn)))
    assert reply["stop_reason"] == "tool_use"
    results = [{"role": "tool", "tool_call_id": call["id"], "content": f"{turn}"} for call in reply["tool_calls"]]
    again = [] if turn % 3 else [{"role": "user", "content": "And now?"}]
    return [*messages, {"role": "assistant", **reply}, *results, *again]
