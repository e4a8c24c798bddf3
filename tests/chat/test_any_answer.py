"""Whatever OpenRouter sends, odd or broken: a reply of the canonical shape or an upstream error, nothing else."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError
from tests.chat.support import Expressions, Wire, schema, sse
from tests.sizes import examples

HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
REPLY = Draft202012Validator(schema("chat-reply"))
DELTA_KEYS = set(schema("chat-delta")["properties"])
FEW = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(max_size=12) | st.sampled_from(["", "null", "x", "{}"])
scalars = st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.sampled_from([0.5, 1e3]) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
objects = st.dictionaries(texts, values, max_size=4)


def odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what one expects, sometimes anything."""
    return st.one_of(usual, usual, usual, usual, st.none(), values)


def having(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object of which any field may be missing."""
    return st.fixed_dictionaries({}, optional=fields)


arguments = (
    objects.map(json.dumps) | objects | texts | st.sampled_from(["", '{}{"a": 1}', '{"a', "[1]", "nan"])
) | values
call = having(
    index=odd(st.integers(0, 3)),
    id=odd(texts),
    type=st.just("function"),
    function=odd(having(name=odd(texts), arguments=arguments)),
)
part = having(type=odd(st.sampled_from(["text", "image_url"])), text=odd(texts))
detail = having(
    type=odd(st.just("reasoning.text")), index=odd(st.integers(0, 2)), text=odd(texts), signature=odd(texts)
)
message = having(
    role=st.just("assistant"),
    content=odd(texts | st.lists(odd(part), max_size=3)),
    reasoning=odd(texts),
    reasoning_details=odd(st.lists(odd(detail), max_size=3)),
    tool_calls=odd(st.lists(odd(call), max_size=3)),
    refusal=odd(texts),
    images=odd(st.lists(objects, max_size=2)),
    annotations=odd(st.lists(objects, max_size=2)),
    audio=odd(having(id=texts, data=texts)),
)
reasons = odd(st.sampled_from(["stop", "tool_calls", "length", "content_filter", "error", "paused", ""]))
usage = having(
    prompt_tokens=odd(st.integers(0, 9)),
    completion_tokens=odd(st.integers(0, 9)),
    cost=odd(st.just(0.5)),
    prompt_tokens_details=odd(having(cached_tokens=odd(st.integers(0, 9)))),
    completion_tokens_details=odd(having(reasoning_tokens=odd(st.integers(0, 9)))),
)


def envelope(name: str) -> st.SearchStrategy[Any]:
    choice = having(finish_reason=reasons, native_finish_reason=odd(texts), logprobs=st.none() | values) | having(
        **{name: odd(message), "finish_reason": reasons}
    )
    return having(
        id=odd(texts),
        model=odd(texts),
        provider=odd(texts),
        choices=odd(st.lists(odd(choice), min_size=1, max_size=2)),
        usage=odd(usage),
        error=st.none() | odd(having(code=odd(st.integers(400, 599)), message=odd(texts))),
        debug=st.none() | values,
    )


@FEW
@given(envelope("message"), st.none() | st.integers(1, 9))
def test_any_body_is_a_canonical_reply_or_an_upstream_error(
    expressions: Expressions, body: Any, limit: int | None
) -> None:
    try:
        reply = wire(expressions).reply(HI | {"max_tokens": limit}, body)
    except AgentOSError as error:
        if error.upstream is None:
            raise
        return
    REPLY.validate(lenient(reply))
    assert body["choices"][0].get("finish_reason") != "error"
    assert not told_error(body.get("error"))


@FEW
@given(st.lists(envelope("delta"), max_size=5))
def test_any_stream_ends_in_a_canonical_reply_or_an_upstream_error(
    expressions: Expressions, chunks: list[Any]
) -> None:
    try:
        streamed = wire(expressions).stream(HI, sse(*chunks, done="[DONE]"))
    except AgentOSError as error:
        if error.upstream is None:
            raise
        return
    REPLY.validate(lenient(streamed.done))
    for delta in streamed.deltas:
        assert set(delta) <= DELTA_KEYS


@FEW
@given(st.lists(objects, max_size=3), st.randoms(use_true_random=False))
def test_arguments_arrive_exactly_whole_or_in_any_pieces(
    expressions: Expressions, inputs: list[Any], random: Any
) -> None:
    written = [json.dumps(one, ensure_ascii=random.random() < 0.5) for one in inputs]
    calls = [
        {"index": i, "id": f"c{i}", "function": {"name": "f", "arguments": text}} for i, text in enumerate(written)
    ]
    body: Any = {"choices": [{"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": calls}}]}
    chunks = [chunk for i, text in enumerate(written) for chunk in pieces(i, text, random)]
    finish = {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": "tool_calls"}]}
    whole = wire(expressions).reply(HI, body)
    streamed = wire(expressions).stream(HI, sse(*chunks, finish, done="[DONE]")).done
    expected = [{"id": f"c{i}", "name": "f", "input": one} for i, one in enumerate(inputs)]
    assert whole["tool_calls"] == streamed["tool_calls"] == expected


@FEW
@given(st.lists(objects, min_size=1, max_size=3), values)
def test_a_replayed_call_is_the_call_that_was_made(
    expressions: Expressions, inputs: list[Any], result: Any
) -> None:
    calls = [{"id": f"c{i}", "name": "f", "input": one} for i, one in enumerate(inputs)]
    messages: list[Any] = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c0", "content": result},
    ]
    assistant, tool = wire(expressions).body({"model": "m", "messages": messages})["messages"]
    assert [json.loads(call["function"]["arguments"]) for call in assistant["tool_calls"]] == inputs
    assert tool["content"] == result if isinstance(result, str) else json.loads(tool["content"]) == result


@pytest.mark.parametrize("skill", ["openrouter", "ollama"])
@pytest.mark.parametrize("result", [["a", "b"], [""], ["a", {"type": "text", "text": "b"}], [1], {"a": [None]}])
def test_a_result_that_is_no_text_and_no_parts_is_its_json(
    expressions: Expressions, skill: str, result: object
) -> None:
    calls = [{"id": "c0", "name": "f", "input": {}}]
    messages: list[Any] = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c0", "content": result},
    ]
    *_, told = expressions.wire(skill).body({"model": "m", "messages": messages})["messages"]
    assert json.loads(told["content"]) == result


def wire(expressions: Expressions) -> Wire:
    return expressions.wire("openrouter")


def pieces(index: int, text: str, random: Any) -> list[Any]:
    """A call's arguments as a stream brings them: an opening chunk with its name, then the text in pieces."""
    cuts = sorted(random.randint(0, len(text)) for _ in range(3))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    opening = {
        "index": index,
        "id": f"c{index}",
        "type": "function",
        "function": {"name": "f", "arguments": parts[0]},
    }
    rest = [
        {"index": index, "id": random.choice([None, ""]), "function": {"arguments": part}} for part in parts[1:]
    ]
    return [
        {"choices": [{"delta": {"role": "assistant", "content": None, "tool_calls": [one]}}]}
        for one in [opening, *rest]
    ]


def told_error(error: Any) -> bool:
    """An error that says anything by the contract's default: an object with a message or a code."""
    return isinstance(error, dict) and any(error.get(name) not in (None, "") for name in ("message", "code"))


def lenient(reply: Any) -> Any:
    """Lists that the provider filled with other things than objects are handed on as they came."""
    return {key: value for key, value in reply.items() if key not in ("annotations", "images", "parts", "logprobs")}
