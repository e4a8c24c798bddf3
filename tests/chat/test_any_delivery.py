"""However a provider delivers a generation: a stream ends in the plain reply, which goes back as it came."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.support import Expressions, Wire, sse
from tests.sizes import examples

HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SOME = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STYLES = ("by index", "by id", "one index", "one after the other", "name last", "name in pieces", "all repeated")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
inputs = st.dictionaries(texts, texts | st.integers(-(10**20), 10**20) | st.none(), max_size=3)


def cut(text: str, random: Any, most: int = 3) -> list[str]:
    """The text in pieces, none of them empty."""
    places = sorted({random.randint(0, len(text)) for _ in range(most)} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def part(function: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**more, "type": "function", "function": function}


def delivered(style: str, calls: list[Any], random: Any) -> list[list[dict[str, Any]]]:
    """Each call's pieces, in the order in which they come."""
    rows = []
    for index, call in enumerate(calls):
        name, text, identifier = call["name"], json.dumps(call["input"]), call["id"]
        pieces = cut(text, random)
        if style == "by index":
            first = part({"name": name, "arguments": ""}, index=index, id=identifier)
            rest = [part({"arguments": p}, index=index, id=random.choice([None, ""])) for p in pieces]
        elif style == "name in pieces":
            first = part({"name": name[:2]}, index=index, id=identifier)
            rest = [part({"name": name[2:]}, index=index), *(part({"arguments": p}, index=index) for p in pieces)]
        elif style == "one index":
            first = part({"name": name, "arguments": ""}, index=0, id=identifier)
            rest = [part({"arguments": p}, index=0) for p in pieces]
        elif style == "one after the other":
            first = part({"name": name, "arguments": pieces[0]}, id=identifier)
            rest = [part({"arguments": p}) for p in pieces[1:]]
        elif style == "name last":
            first, *rest = [part({"arguments": p}, id=identifier) for p in pieces]
            rest.append(part({"name": name}, id=identifier))
        elif style == "all repeated":
            first, *rest = [part({"name": name, "arguments": p}, id=identifier) for p in pieces]
        else:
            first = part({"name": name, "arguments": ""}, id=identifier)
            rest = [part({"arguments": p}, id=identifier) for p in pieces]
        rows.append([first, *rest])
    return rows


def interleaved(rows: list[list[Any]], random: Any) -> list[Any]:
    """The first pieces in their order, the others of all rows in any."""
    opening, waiting = [row[0] for row in rows], [row[1:] for row in rows if len(row) > 1]
    following = []
    while waiting:
        row = random.choice(waiting)
        following.append(row.pop(0))
        waiting = [each for each in waiting if each]
    return opening + following


@SOME
@given(
    st.sampled_from(STYLES),
    st.lists(st.tuples(st.sampled_from(["look", "look_up", "note"]), inputs), min_size=1, max_size=3),
    st.booleans(),
    st.randoms(use_true_random=False),
    st.sampled_from([("openrouter", {}), ("openai", {"api": "completions"})]),
)
def test_calls_are_those_of_the_plain_reply_however_they_come(
    expressions: Expressions,
    style: str,
    made: list[Any],
    late_usage: bool,
    random: Any,
    whose: tuple[str, dict[str, Any]],
) -> None:
    calls = [{"id": f"c{i}", "name": name, "input": given} for i, (name, given) in enumerate(made)]
    rows = delivered(style, calls, random)
    in_order = style in ("one index", "one after the other")
    pieces = [piece for row in rows for piece in row] if in_order else interleaved(rows, random)
    chunks: list[Any] = [{"id": "g", "choices": [{"index": 0, "delta": {"tool_calls": [each]}}]} for each in pieces]
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    finish = {"id": "g", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    chunks += [finish, {"id": "g", "choices": [], **usage}] if late_usage else [{**finish, **usage}]
    whole = [part({"name": call["name"], "arguments": json.dumps(call["input"])}, id=call["id"]) for call in calls]
    body: Any = {"id": "g", "choices": [{"finish_reason": "tool_calls", "message": {"tool_calls": whole}}], **usage}
    wire, asked = expressions.wire(whose[0]), {**HI, **whose[1]}
    streamed = wire.stream(asked, sse(*chunks, done="[DONE]"))
    assert streamed.done == wire.reply(asked, body)
    assert streamed.done["tool_calls"] == calls
    assert added_up(streamed.deltas) == [(call["id"], call["name"], call["input"]) for call in calls]


def added_up(deltas: list[Any]) -> list[Any]:
    """The calls as a caller has them that only adds strings up by index."""
    calls: dict[int, dict[str, str]] = {}
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls", [])):
        call = calls.setdefault(piece["index"], {"id": "", "name": "", "input_json": ""})
        for key in call.keys() & piece.keys():
            call[key] += piece[key]
    return [(call["id"], call["name"], json.loads(call["input_json"])) for _, call in sorted(calls.items())]


said = texts.filter(lambda text: text.strip() != "")
BLOCKS: dict[str, st.SearchStrategy[Any]] = {
    "thinking": st.fixed_dictionaries({"thinking": texts, "signature": said}),
    "redacted_thinking": st.fixed_dictionaries({"data": said}),
    "text": st.fixed_dictionaries({"text": texts}),
    "tool_use": st.fixed_dictionaries({"name": st.just("look"), "input": inputs}),
    "server_tool_use": st.fixed_dictionaries({"name": st.just("web_search"), "input": inputs}),
    "web_search_tool_result": st.fixed_dictionaries({"content": st.lists(inputs, max_size=2)}),
}
blocks = st.lists(
    st.sampled_from(sorted(BLOCKS)).flatmap(lambda kind: BLOCKS[kind].map(lambda block: {"type": kind, **block})),
    max_size=6,
)


def numbered(made: list[Any]) -> list[Any]:
    """The blocks with an id where they have one."""
    return [
        {**block, "id": f"toolu_{i}"} if block["type"].endswith("tool_use") else block
        for i, block in enumerate(made)
    ]


def events(made: list[Any], random: Any) -> list[Any]:
    """A message's blocks as Anthropic streams them."""
    found: list[Any] = [
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 2}}}
    ]
    for index, block in enumerate(made):
        start, deltas = dict(block), []
        if "input" in block:
            start["input"] = {}
            pieces = ["", *cut(json.dumps(block["input"]), random)]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        for key, kind in (("thinking", "thinking_delta"), ("text", "text_delta"), ("signature", "signature_delta")):
            if key in block:
                start[key] = ""
                deltas += [{"type": kind, key: piece} for piece in cut(block[key], random)]
        found.append({"type": "content_block_start", "index": index, "content_block": start})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    return [*found, ending, {"type": "message_stop"}]


def merged(made: list[Any]) -> list[Any]:
    """The blocks without blank texts, texts in a row as one."""
    kept: list[Any] = []
    for block in made:
        if block["type"] == "text" and kept and kept[-1]["type"] == "text":
            kept[-1] = {"type": "text", "text": kept[-1]["text"] + block["text"]}
        elif block["type"] != "text" or block["text"].strip():
            kept.append(block)
    return kept


def replayed(wire: Wire, reply: Any) -> list[Any]:
    """What goes back of a reply."""
    messages = [*HI["messages"], {"role": "assistant", **reply}, *HI["messages"]]
    sent = wire.body({"model": "m", "messages": messages})["messages"][1:-1]
    return [block for message in sent for block in message["content"]]


@pytest.mark.slow
@SOME
@given(blocks.map(numbered), st.randoms(use_true_random=False))
def test_blocks_of_claude_are_one_reply_whole_or_streamed_and_go_back_as_they_came(
    expressions: Expressions, made: list[Any], random: Any
) -> None:
    wire = expressions.wire("anthropic")
    body: Any = {"type": "message", "id": "m", "model": "c", "content": made, "stop_reason": "end_turn"}
    whole = wire.reply(HI, {**body, "usage": {"input_tokens": 2, "output_tokens": 5}})
    streamed = wire.stream(HI, sse(*events(made, random)))
    assert streamed.done == whole
    assert "".join(delta.get("content", "") for delta in streamed.deltas) == (whole["content"] or "")
    own = [block["id"] for block in made if block["type"] == "server_tool_use"]
    assert not any(identifier in json.dumps(streamed.deltas) for identifier in own)
    kept = merged([block for block in made if block["type"] != "text" or block["text"].strip()])
    while kept and kept[-1]["type"] in ("thinking", "redacted_thinking"):
        kept.pop()  # Claude refuses a turn that ends in a thought
    assert merged(replayed(wire, whole)) == kept
