"""Tools are called by the caller's names, whatever names their providers take."""

import random
import re
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Call, Dialect, Generation, Text
from tests.chat.support import Expressions

LONG = "mcp__files__" + "read" * 20
NAMES = ["files.read", "files/read", "files_read", "files read", LONG, LONG + "2", "größe", "2nd", "-f", "Look"]
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in NAMES]
HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TAKEN = {
    "openai": "[A-Za-z0-9_-]{1,64}",
    "anthropic": "[A-Za-z0-9_-]{1,64}",
    "gemini": "[A-Za-z_][A-Za-z0-9_.:-]{0,63}",
    "openrouter": "[A-Za-z_][A-Za-z0-9_-]{0,63}",
    "ollama": ".+",
}
"""What is reported of each."""
EACH = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


def asked(dialect: Dialect, **more: Any) -> dict[str, Any]:
    return {**HI, **dialect.params, "tools": TOOLS, **more}


def names_of(tools: Any) -> list[str]:
    if "functionDeclarations" in tools[0]:
        return [each["name"] for each in tools[0]["functionDeclarations"]]
    return [tool.get("function", tool)["name"] for tool in tools]


def names_called(body: Any) -> list[str]:
    """The names of all calls in what is sent."""
    if isinstance(body, list):
        return [name for each in body for name in names_called(each)]
    if not isinstance(body, dict):
        return []
    if body.get("type") in ("tool_use", "function_call"):
        return [body["name"]]
    found = [body["functionCall"]["name"]] if "functionCall" in body else []
    found += [call["function"]["name"] for call in body.get("tool_calls", [])]
    return found + [name for key, each in body.items() if key != "tool_calls" for name in names_called(each)]


@EACH
def test_a_provider_gets_names_that_it_takes_each_of_them_once(dialect: Dialect, expressions: Expressions) -> None:
    wire = expressions.wire(dialect.skill)
    sent = names_of(wire.body(asked(dialect))["tools"])
    assert all(re.fullmatch(TAKEN[dialect.skill], name) for name in sent), sent
    assert len(set(sent)) == len(NAMES)
    for own, other in zip(NAMES, sent, strict=True):
        assert own == other or not re.fullmatch(TAKEN[dialect.skill], own), "what is taken stays"
    assert names_of(wire.body(asked(dialect))["tools"]) == sent


@EACH
def test_callers_get_their_own_names_back_and_send_them_again(dialect: Dialect, expressions: Expressions) -> None:
    wire = expressions.wire(dialect.skill)
    sent = names_of(wire.body(asked(dialect))["tools"])
    generation = Generation(tuple(Call(f"c{place}", name, {"n": place}) for place, name in enumerate(sent)))
    reply = wire.reply(asked(dialect), dialect.whole(generation))
    assert [call["name"] for call in reply["tool_calls"]] == NAMES
    streamed = wire.stream(asked(dialect), dialect.stream(generation, random.Random(1)))
    assert streamed.done == reply
    told = [piece["name"] for delta in streamed.deltas for piece in delta.get("tool_calls", []) if "name" in piece]
    assert told == NAMES
    results = [
        {"role": "tool", "tool_call_id": call["id"], "name": call["name"], "content": "r"}
        for call in reply["tool_calls"]
    ]
    messages = [*HI["messages"], {"role": "assistant", **reply}, *results]
    body = wire.body(asked(dialect, messages=messages))
    dialect.takes(body)
    assert names_called(body) == sent
    fewer = names_called(wire.body(asked(dialect, messages=messages, tools=TOOLS[:1])))
    assert all(re.fullmatch(TAKEN[dialect.skill], name) for name in fewer), "tools that are gone were called too"
    assert len(set(fewer)) == len(NAMES)


@EACH
def test_what_a_provider_wrote_goes_back_under_the_names_that_it_knows(
    dialect: Dialect, expressions: Expressions
) -> None:
    wire = expressions.wire(dialect.skill)
    sent = names_of(wire.body(asked(dialect))["tools"])
    generation = Generation((Call("c1", sent[1], {}), Text("So."), Call("c2", sent[4], {})))
    reply = wire.reply(asked(dialect), dialect.whole(generation))
    assert ("parts" in reply) == (dialect.name not in ("openrouter", "ollama", "openai-completions"))
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "r"} for call in reply["tool_calls"]]
    body = wire.body(asked(dialect, messages=[*HI["messages"], {"role": "assistant", **reply}, *results]))
    dialect.takes(body)
    assert names_called(body) == [sent[1], sent[4]]
    assert "files/read" not in str(body) or dialect.skill == "ollama"


@EACH
def test_a_tool_is_forced_by_its_own_name(dialect: Dialect, expressions: Expressions) -> None:
    wire = expressions.wire(dialect.skill)
    params = asked(dialect, tool_choice={"name": "files/read"})
    if dialect.skill == "ollama":
        assert "force" in (wire.refusal(params) or "")
        return
    body = wire.body(params)
    sent = names_of(body["tools"])[NAMES.index("files/read")]
    choice = str(body.get("tool_choice") or body["toolConfig"])
    assert repr(sent) in choice
    assert "files/read" not in choice


@EACH
def test_the_shape_of_openai_is_no_way_around(dialect: Dialect, expressions: Expressions) -> None:
    shaped = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in NAMES]
    wire = expressions.wire(dialect.skill)
    assert names_of(wire.body(asked(dialect, tools=shaped))["tools"]) == names_of(
        wire.body(asked(dialect))["tools"]
    )
