"""Conversations as callers have them: results apart from their calls, or without an id; what was thought twice."""

import copy
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Dialect, openai
from tests.chat.dialects.generation import Call, Generation, Text, Thinking
from tests.chat.support import Expressions, sse

HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TWO = Generation((Call("c1", "look", {"n": 1}), Call("c2", "look", {"n": 2})))
EACH = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


def replied(dialect: Dialect, generation: Generation, expressions: Expressions) -> tuple[Any, list[Any]]:
    """A reply as a message, and the results of its calls."""
    reply = expressions.wire(dialect.skill).reply({**HI, **dialect.params}, dialect.whole(generation))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"r{place}"}
        for place, call in enumerate(reply["tool_calls"])
    ]
    return {"role": "assistant", **reply}, results


def sent(dialect: Dialect, messages: list[Any], expressions: Expressions) -> Any:
    params = {"model": "m", **dialect.params, "messages": messages}
    assert expressions.wire(dialect.skill).refusal(params) is None
    return expressions.wire(dialect.skill).body(params)


@EACH
@pytest.mark.parametrize("place", [0, 1, 2])
def test_results_come_right_after_their_calls_for_gemini_in_their_order(
    dialect: Dialect, place: int, expressions: Expressions
) -> None:
    assistant, results = replied(dialect, TWO, expressions)
    hurry = {"role": "user", "content": "Hurry up."}
    usual = sent(dialect, [*HI["messages"], assistant, *results, hurry], expressions)
    dialect.takes(usual)
    said = [*results[:place], hurry, *results[place:]]
    assert sent(dialect, [*HI["messages"], assistant, *said], expressions) == usual
    backwards = sent(dialect, [*HI["messages"], assistant, hurry, *reversed(results)], expressions)
    dialect.takes(backwards)
    in_order = sent(dialect, [*HI["messages"], assistant, *reversed(results), hurry], expressions)
    assert backwards == in_order == (usual if dialect.name == "gemini" else in_order)


@EACH
def test_a_result_says_which_call_it_answers(dialect: Dialect, expressions: Expressions) -> None:
    assistant, results = replied(dialect, TWO, expressions)
    del results[1]["tool_call_id"]
    messages = [*HI["messages"], assistant, *results]
    refused = expressions.wire(dialect.skill).refused({"model": "m", **dialect.params, "messages": messages})
    assert refused is not None
    assert [problem.path for problem in refused.problems] == ["messages[3].tool_call_id"]


@EACH
def test_calls_without_ids_are_answered_without_them(dialect: Dialect, expressions: Expressions) -> None:
    calls = [{"name": "look", "input": {"n": n}} for n in range(2)]
    results = [{"role": "tool", "name": "look", "content": f"r{n}"} for n in range(2)]
    messages = [*HI["messages"], {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    dialect.takes(sent(dialect, messages, expressions))


def test_a_thought_of_openai_that_stands_twice_is_sent_once(expressions: Expressions) -> None:
    dialect = openai.RESPONSES
    generation = Generation((Thinking("Hm."), Text("I look."), Call("c1", "look", {})))
    assistant, results = replied(dialect, generation, expressions)
    again = copy.deepcopy(assistant) | {"content": "I look again."}
    other = copy.deepcopy(assistant)
    other["tool_calls"][0]["id"] = "c9"
    for second in (again, other):
        answer = [{**results[0], "tool_call_id": second["tool_calls"][0]["id"]}]
        body = sent(dialect, [*HI["messages"], assistant, *results, second, *answer], expressions)
        ids = [item["id"] for item in body["input"] if "id" in item]
        assert len(set(ids)) == len(ids)
        assert [item["type"] for item in body["input"] if item.get("type") == "reasoning"] == ["reasoning"]
        assert len([item for item in body["input"] if item.get("type") == "function_call"]) == 2
        dialect.takes(body)


def chunk(*calls: Any, finish: str | None = None) -> Any:
    return {"id": "g", "choices": [{"index": 0, "delta": {"tool_calls": [*calls]}, "finish_reason": finish}]}


def piece(name: str | None, arguments: str | None, **more: Any) -> Any:
    return {"index": 0, **more, "function": {"name": name, "arguments": arguments}}


PIECES = {
    "one after the other": [piece("mcp_ser", "", id="c1"), piece("ver_tool", None), piece(None, "{}")],
    "more of it each time": [piece("mcp_ser", "", id="c1"), piece("mcp_server_tool", None), piece(None, "{}")],
    "again with all arguments": [piece("mcp_server_tool", "{", id="c1"), piece("mcp_server_tool", "}")],
    "another one afterwards": [piece("mcp_server_tool", "{", id="c1"), piece("look", "}")],
    "without arguments": [piece("mcp_server", None, id="c1"), piece("_tool", None)],
}


@pytest.mark.parametrize("told", PIECES)
@pytest.mark.parametrize(
    "params", [("openrouter", {}), ("openai", {"api": "completions"})], ids=["openrouter", "openai"]
)
def test_a_name_that_comes_in_pieces_is_the_callers_own(
    params: tuple[str, Any], told: str, expressions: Expressions
) -> None:
    skill, more = params
    tools = [{"name": "mcp.server/tool"}, {"name": "mcp"}, {"name": "look"}]
    asked = {**HI, **more, "tools": tools}
    events = sse(*map(chunk, PIECES[told]), chunk(finish="tool_calls"), done="[DONE]")
    streamed = expressions.wire(skill).stream(asked, events)
    assert streamed.done["tool_calls"] == [{"id": "c1", "name": "mcp.server/tool", "input": {}}]
    names = [call["name"] for delta in streamed.deltas for call in delta.get("tool_calls", []) if "name" in call]
    assert names == ["mcp.server/tool"]
