"""A conversation moves from provider to provider: each gets what it takes, in an order of its own making."""

import itertools
import json
import re
from typing import Any

import pytest

from tests.chat.support import Expressions

SKILLS = ("openrouter", "anthropic", "ollama")
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("look", "note")]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def claude(turn: int) -> dict[str, Any]:
    """Thinking between calls, and a tool of Anthropic's own."""
    blocks = [
        {"type": "thinking", "thinking": f"first {turn}", "signature": f"CLAUDE{turn}a"},
        {"type": "tool_use", "id": f"toolu_{turn}", "name": "look", "input": {"n": turn}},
        {"type": "thinking", "thinking": "then", "signature": f"CLAUDE{turn}b"},
        {"type": "server_tool_use", "id": f"srvtoolu_{turn}", "name": "web_search", "input": {"query": "otters"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": f"srvtoolu_{turn}",
            "content": [{"encrypted_content": "E"}],
        },
        {"type": "text", "text": "Both."},
        {"type": "tool_use", "id": f"toolu_{turn}_b", "name": "note", "input": {}},
    ]
    return {"id": "msg", "type": "message", "model": "claude", "content": blocks, "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip


def kimi(turn: int) -> dict[str, Any]:
    """By way of OpenRouter: the same two ids in every turn, which no other maker takes; a text of white space."""
    calls = [
        {"id": f"functions.{name}:{place}", "type": "function", "function": {"name": name, "arguments": '{"n": 1}'}}
        for place, name in enumerate(("look", "note"))
    ]
    details = [{"type": "reasoning.text", "index": 0, "text": "hm", "signature": "KIMI", "format": "moonshot-v1"}]
    message = {"content": "\n\n", "reasoning": "hm", "reasoning_details": details, "tool_calls": calls}
    return {"id": f"gen-{turn}", "model": "kimi", "choices": [{"finish_reason": "tool_calls", "message": message}]}


def llama(turn: int) -> dict[str, Any]:
    """No ids at all."""
    calls = [{"function": {"name": name, "arguments": {"n": turn}}} for name in ("look", "look")]
    return {"model": "m", "message": {"content": "", "thinking": "so", "tool_calls": calls}, "done": True,
            "done_reason": "stop"}  # fmt: skip


ANSWERS = {"openrouter": kimi, "anthropic": claude, "ollama": llama}


def claude_takes(body: Any) -> None:
    """What Anthropic is reported to refuse."""
    seen: set[str] = set()
    for message, following in itertools.pairwise([*body["messages"], {"content": []}]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        for block in blocks:
            assert block["type"] != "text" or block["text"].strip()
            assert block["type"] != "thinking" or block["signature"].startswith("CLAUDE")
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert all(re.fullmatch("[a-zA-Z0-9_-]+", call) for call in calls)
        assert not seen & set(calls)
        seen |= set(calls)
        assert len(set(calls)) == len(calls)
        if calls:
            assert [
                block["tool_use_id"] for block in following["content"] if block["type"] == "tool_result"
            ] == calls


def openrouter_takes(body: Any) -> None:
    waiting: list[str] = []
    seen: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        assert not {"parts", "usage", "stop_reason", "native_stop_reason"} & set(message)
        for call in message.get("tool_calls", []):
            assert json.loads(call["function"]["arguments"]) is not None
            waiting.append(call["id"])
        assert not seen & set(waiting)
        seen |= set(waiting)


def ollama_takes(body: Any) -> None:
    names: dict[str, str] = {}
    for message in body["messages"]:
        assert isinstance(message["content"], str)
        assert message.get("thinking") in (None, "so"), "another maker's thinking"
        for call in message.get("tool_calls", []):
            assert call["id"] not in names
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool":
            assert message["tool_name"] == names[message["tool_call_id"]]


TAKES = {"openrouter": openrouter_takes, "anthropic": claude_takes, "ollama": ollama_takes}


@pytest.mark.parametrize("order", list(itertools.permutations(SKILLS)), ids="-".join)
def test_twelve_turns_with_another_provider_in_each(order: tuple[str, ...], expressions: Expressions) -> None:
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Look."}, PICTURE]}]
    for turn in range(12):
        skill = order[turn % 3]
        wire = expressions.wire(skill)
        params: dict[str, Any] = {"model": "m", "messages": messages, "tools": TOOLS}
        body = wire.body(params)
        TAKES[skill](body)
        reply = wire.reply(params, ANSWERS[skill](turn))
        assert reply["stop_reason"] == "tool_use"
        calls = reply["tool_calls"]
        assert len({call["id"] for call in calls}) == len(calls) == 2
        results = [{"role": "tool", "tool_call_id": call["id"], "content": f"{turn}"} for call in calls]
        messages = [*messages, {"role": "assistant", **reply}, *results]
    blocks = [
        m["content"] for m in expressions.wire("anthropic").body({**params, "messages": messages})["messages"]
    ]
    for turn in range(order.index("anthropic"), 12, 3):
        assert claude(turn)["content"] in blocks, "Claude's own blocks go back as they came"


def replayed(expressions: Expressions, skill: str, **changes: Any) -> Any:
    """The assistant's message in the body that follows Claude's answer."""
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    reply = expressions.wire("anthropic").reply({"model": "m", "messages": messages}, claude(0))
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "r"} for call in reply["tool_calls"]]
    conversation = [*messages, {"role": "assistant", **reply, **changes}, *results]
    return expressions.wire(skill).body({"model": "m", "messages": conversation})["messages"][1]


def test_blocks_go_back_only_as_long_as_the_message_is_the_one_that_came(expressions: Expressions) -> None:
    assert replayed(expressions, "anthropic")["content"] == claude(0)["content"]
    edited = replayed(expressions, "anthropic", content="Something else.")["content"]
    assert [block["type"] for block in edited] == ["thinking", "thinking", "text", "tool_use", "tool_use"]
    assert {"type": "text", "text": "Something else."} in edited
    [call] = replayed(expressions, "anthropic", tool_calls=[{"id": "toolu_0", "name": "look", "input": {}}])[
        "content"
    ][3:]
    assert call == {"type": "tool_use", "id": "toolu_0", "name": "look", "input": {}}
    for skill in ("openrouter", "ollama"):
        assert "srvtoolu" not in json.dumps(replayed(expressions, skill))


def test_a_paused_turn_goes_on_when_its_reply_is_appended(expressions: Expressions) -> None:
    blocks = [*claude(0)["content"][3:5], {"type": "text", "text": "Wait."}]
    wire = expressions.wire("anthropic")
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    reply = wire.reply(asked, claude(0) | {"content": blocks, "stop_reason": "pause_turn"})
    assert (reply["stop_reason"], reply["native_stop_reason"], reply["tool_calls"]) == (None, "pause_turn", [])
    again = wire.body({**asked, "messages": [*asked["messages"], {"role": "assistant", **reply}]})
    assert again["messages"][1:] == [{"role": "assistant", "content": blocks}]


def test_one_id_for_two_calls_of_one_reply_is_told_apart_by_the_order_of_the_results(
    expressions: Expressions,
) -> None:
    calls = [{"id": "x", "name": "look", "input": {"n": n}} for n in range(2)]
    results = [{"role": "tool", "tool_call_id": "x", "content": f"r{n}"} for n in range(2)]
    messages: list[Any] = [{"role": "assistant", "content": None, "tool_calls": calls}, *results]
    assistant, user = expressions.wire("anthropic").body({"model": "m", "messages": messages})["messages"]
    assert [block["input"]["n"] for block in assistant["content"]] == [0, 1]
    assert [b["tool_use_id"] for b in user["content"]] == [b["id"] for b in assistant["content"]]
    assert [b["content"] for b in user["content"]] == ["r0", "r1"]


def test_ids_that_are_given_are_the_next_of_the_conversation(expressions: Expressions) -> None:
    call = {"id": "call_41", "name": "look", "input": {}}
    said: list[Any] = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    for skill, answer in (("ollama", llama(0)), ("openrouter", kimi(0))):
        for each in answer.get("choices", [{}])[0].get("message", {}).get("tool_calls", []):
            del each["id"]
        reply = expressions.wire(skill).reply({"model": "m", "messages": said}, answer)
        assert [each["id"] for each in reply["tool_calls"]] == ["call_42", "call_43"]
