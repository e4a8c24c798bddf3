"""However OpenAI and Gemini tell a generation, and whatever they say: one reply, or an error."""

import itertools
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError
from tests.chat.support import Expressions, Wire, schema, sse
from tests.chat.test_any_answer import lenient, odd
from tests.chat.test_any_delivery import HI, added_up, cut, inputs, said, texts
from tests.sizes import examples

REPLY = Draft202012Validator(schema("chat-reply"))
SOME = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DEEP = '{"a":' * 400 + "1" + "}" * 400
arguments = inputs.map(json.dumps) | st.sampled_from(["", "{", "[1]", '{}{"a": 1}', '"\\ud83e', DEEP])
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "message": st.lists(
        st.fixed_dictionaries({"type": st.just("output_text"), "text": texts, "annotations": st.just([])})
        | st.fixed_dictionaries({"type": st.just("refusal"), "refusal": said}),
        min_size=1,
        max_size=2,
    ).map(lambda content: {"role": "assistant", "content": content}),
    "reasoning": st.fixed_dictionaries(
        {"summary": st.lists(st.fixed_dictionaries({"type": st.just("summary_text"), "text": said}), max_size=2)},
        optional={"encrypted_content": said},
    ),
    "function_call": st.fixed_dictionaries({"name": st.just("look"), "arguments": arguments}),
    "web_search_call": st.fixed_dictionaries({"status": st.just("completed")}),
}
outputs = st.lists(
    st.sampled_from(sorted(ITEMS)).flatmap(lambda kind: ITEMS[kind].map(lambda made: {"type": kind, **made})),
    min_size=1,
    max_size=4,
).map(
    lambda made: [
        {**one, "id": f"i{at}"} | ({"call_id": f"c{at}"} if one["type"] == "function_call" else {})
        for at, one in enumerate(made)
    ]
)


def told(at: int, item: Any, random: Any) -> list[Any]:
    """An item as Responses streams it: begun empty, in pieces, whole; some tell no pieces."""
    empty = {"content": [], "summary": [], "arguments": ""}
    place = {"output_index": at, "item_id": item["id"]}
    events: list[Any] = [
        {"type": "response.output_item.added", "output_index": at,
         "item": {key: empty.get(key, value) for key, value in item.items()}}
    ]  # fmt: skip
    for number, part in enumerate(item.get("content", [])):
        kind = "output_text" if part["type"] == "output_text" else "refusal"
        pieces = cut(part.get("text", part.get("refusal")), random)
        events += [{"type": f"response.{kind}.delta", "content_index": number, "delta": p, **place} for p in pieces]
    for number, part in enumerate(item.get("summary", [])):
        kind = "response.reasoning_summary"
        events.append({"type": f"{kind}_part.added", "summary_index": number, **place})
        pieces = cut(part["text"], random)
        events += [{"type": f"{kind}_text.delta", "summary_index": number, "delta": p, **place} for p in pieces]
    if "arguments" in item and random.random() < 0.8:
        kind = "response.function_call_arguments.delta"
        events += [{"type": kind, "delta": piece, **place} for piece in cut(item["arguments"], random)]
    return [*events, {"type": "response.output_item.done", "output_index": at, "item": item}]


@SOME
@given(outputs, st.sampled_from(["completed", "incomplete"]), st.booleans(), st.randoms(use_true_random=False))
def test_items_of_openai_are_one_reply_whole_or_streamed(
    expressions: Expressions, output: list[Any], status: str, bare_end: bool, random: Any
) -> None:
    wire = expressions.wire("openai")
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    body: Any = {"id": "r", "object": "response", "model": "m", "status": status, "output": output, "usage": usage}
    whole = wire.reply(HI, body)
    events = [event for at, item in enumerate(output) for event in told(at, item, random)]
    last = {"type": f"response.{status}", "response": {**body, "output": [] if bare_end else output}}
    streamed = wire.stream(HI, sse(*events, last))
    assert streamed.done == whole
    REPLY.validate(lenient(whole))
    assert "".join(delta.get("content", "") for delta in streamed.deltas) == (whole["content"] or "")
    check_calls(streamed.deltas, whole)
    assert goes_back(wire, whole, "input") in (readable(output), readable([*filter(says_something, output)]))


def check_calls(deltas: list[Any], whole: Any) -> None:
    if all(call["input"] is not None for call in whole["tool_calls"]):
        told_calls = [(call["id"], call["name"], call["input"]) for call in whole["tool_calls"]]
        assert [(i, n, given or {}) for i, n, given in added_up_leniently(deltas)] == told_calls


def added_up_leniently(deltas: list[Any]) -> list[Any]:
    """Calls without arguments tell none."""
    named = {
        piece["index"]: piece for delta in deltas for piece in delta.get("tool_calls", []) if piece.get("name")
    }
    written = {
        piece["index"] for delta in deltas for piece in delta.get("tool_calls", []) if piece.get("input_json")
    }
    bare = [{"tool_calls": [{"index": at, "input_json": "{}"}]} for at in named.keys() - written]
    return added_up([*deltas, *bare])


def goes_back(wire: Wire, reply: Any, key: str) -> list[Any]:
    """What goes back of a reply between two questions, without results."""
    messages = [*HI["messages"], {"role": "assistant", **reply}, *HI["messages"]]
    found: list[Any] = wire.body({"model": "m", "messages": messages})[key][1:-1]
    return [each["type"] for each in found if each.get("type") in ("reasoning", "web_search_call")]


def says_something(item: Any) -> bool:
    """A message without text may be left out, and a thought before it is then the last."""
    return item["type"] != "message" or any(part.get("text", part.get("refusal")) for part in item["content"])


def readable(output: list[Any]) -> list[Any]:
    """The kinds of what only OpenAI can read, up to the last that is no thought."""
    kept = [one for one in output if one["type"] != "reasoning" or one.get("encrypted_content")]
    while kept and kept[-1]["type"] == "reasoning":
        kept.pop()
    return [one["type"] for one in kept if one["type"] in ("reasoning", "web_search_call")]


PARTS = (
    st.fixed_dictionaries({"text": texts})
    | st.fixed_dictionaries({"text": said, "thought": st.just(True)})
    | st.fixed_dictionaries({"text": texts, "thoughtSignature": st.just("U0lH")})
    | st.builds(
        lambda name, args, more: {"functionCall": {"name": name, **args}, **more},
        st.sampled_from(["look", "note"]),
        st.fixed_dictionaries({"args": inputs}) | st.just({}),
        st.sampled_from([{}, {"thoughtSignature": "U0lH"}]),
    )
    | st.fixed_dictionaries({"executableCode": st.fixed_dictionaries({"code": said})})
)
USAGE: Any = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}


def chunks_of(parts: list[Any], finish: str, shape: str, random: Any) -> list[Any]:
    """The parts in chunks, texts in pieces; the finish with the last part, alone, or before the usage."""
    pieces = []
    for part in parts:
        split = set(part) <= {"text", "thought"} and part["text"]
        pieces += [{**part, "text": piece} for piece in cut(part["text"], random)] if split else [part]
    cuts = [0, *sorted(random.randint(0, len(pieces)) for _ in range(3)), len(pieces)]
    groups = [pieces[start:end] for start, end in itertools.pairwise(cuts)]
    head = {"responseId": "r", "modelVersion": "g"}
    told_parts: list[Any] = [
        {"candidates": [{"content": {"role": "model", "parts": one}, "index": 0}], **head} for one in groups
    ]
    if shape == "with the last part":
        told_parts[-1]["candidates"][0]["finishReason"] = finish
        return [*told_parts[:-1], {**told_parts[-1], "usageMetadata": USAGE}]
    ending = {"candidates": [{"finishReason": finish, "index": 0}], **head}
    if shape == "before the usage":
        return [*told_parts, ending, {"usageMetadata": USAGE, **head}]
    early = {"promptTokenCount": 3, "totalTokenCount": 3}
    return [*({**one, "usageMetadata": early} for one in told_parts), {**ending, "usageMetadata": USAGE}]


@SOME
@given(
    st.lists(PARTS, min_size=1, max_size=5),
    st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "BRAND_NEW"]),
    st.sampled_from(["with the last part", "before the usage", "usage all along"]),
    st.randoms(use_true_random=False),
)
def test_parts_of_gemini_are_one_reply_whole_or_streamed_and_go_back_as_they_came(
    expressions: Expressions, parts: list[Any], finish: str, shape: str, random: Any
) -> None:
    wire = expressions.wire("gemini")
    candidate: Any = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}
    whole = wire.reply(
        HI, {"candidates": [candidate], "responseId": "r", "modelVersion": "g", "usageMetadata": USAGE}
    )
    streamed = wire.stream(HI, sse(*chunks_of(parts, finish, shape, random)))
    assert streamed.done == whole
    REPLY.validate(lenient(whole))
    assert "".join(delta.get("content", "") for delta in streamed.deltas) == (whole["content"] or "")
    check_calls(streamed.deltas, whole)
    messages = [*HI["messages"], {"role": "assistant", **whole}, *HI["messages"]]
    sent = [
        part
        for said_by in wire.body({"model": "m", "messages": messages})["contents"][1:-1]
        for part in said_by["parts"]
    ]
    assert [part["thoughtSignature"] for part in sent if "thoughtSignature" in part] == [
        part["thoughtSignature"] for part in parts if "thoughtSignature" in part
    ]
    assert [part["functionCall"]["name"] for part in sent if "functionCall" in part] == [
        part["functionCall"]["name"] for part in parts if "functionCall" in part
    ]


KEYS = ["type", "output", "item", "content", "parts", "text", "candidates", "functionCall", "args", "name", "id",
        "error", "message", "status", "response", "delta", "output_index", "choices", "finishReason",
        "finish_reason", "tool_calls", "usage", "usageMetadata", "code", "summary"]  # fmt: skip
EVENTS = ["response.output_text.delta", "response.output_item.added", "response.output_item.done", "error",
          "response.function_call_arguments.delta", "response.reasoning_summary_text.delta", "response.failed",
          "response.completed"]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
event = st.builds(
    lambda kind, more: {"type": kind, **more} if isinstance(more, dict) else more, st.sampled_from(EVENTS), anything
)


@SOME
@given(
    st.sampled_from([("openai", {}), ("openai", {"api": "completions"}), ("gemini", {})]),
    odd(anything),
    st.lists(event, max_size=4),
)
def test_any_words_are_a_canonical_reply_or_an_upstream_error(
    expressions: Expressions, whose: tuple[str, dict[str, Any]], body: Any, events: list[Any]
) -> None:
    wire, asked = expressions.wire(whose[0]), {**HI, **whose[1]}

    def speak(*, streaming: bool) -> Any:
        return wire.stream(asked, sse(*events, done="[DONE]")).done if streaming else wire.reply(asked, body)

    for streaming in (False, True):
        try:
            reply = speak(streaming=streaming)
        except AgentOSError as error:
            if error.upstream is None:
                raise
            continue
        REPLY.validate(lenient(reply))
