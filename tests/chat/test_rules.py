"""The rules of the canonical chat, one by one, over every skill."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.chat.dialects import DIALECTS, Dialect
from tests.chat.support import Expressions, schema
from tests.chat.test_conformance import LOOK, asked

EACH = pytest.mark.parametrize("dialect", DIALECTS, ids=str)
REPLY = Draft202012Validator(schema("chat-reply"))
DEEP = '{"a":' * 400 + "1" + "}" * 400


def completion(message: Any = None, finish: Any = "stop", **usage: Any) -> Any:
    told = {"usage": {"prompt_tokens": usage["read"], "completion_tokens": usage["written"]}} if usage else {}
    return {"choices": [{"index": 0, "finish_reason": finish, "message": message or {"content": "x"}}], **told}


def response(output: Any = None, status: Any = "completed", why: Any = None, **usage: Any) -> Any:
    told = {"usage": {"input_tokens": usage["read"], "output_tokens": usage["written"]}} if usage else {}
    text = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "x", "annotations": []}]}
    return {"object": "response", "status": status, "output": output or [text], **told} | (
        {"incomplete_details": {"reason": why}} if why else {}
    )


def message(content: Any = None, reason: Any = "end_turn", **usage: Any) -> Any:
    told = {"usage": {"input_tokens": usage["read"], "output_tokens": usage["written"]}} if usage else {}
    return {"type": "message", "content": content or [{"type": "text", "text": "x"}], "stop_reason": reason, **told}


def line(said: Any = None, reason: Any = "stop", **usage: Any) -> Any:
    told = {"prompt_eval_count": usage["read"], "eval_count": usage["written"]} if usage else {}
    return {"message": said or {"content": "x"}, "done": True, "done_reason": reason, **told}


def candidates(parts: Any = None, reason: Any = "STOP", **usage: Any) -> Any:
    told = {"promptTokenCount": usage["read"], "candidatesTokenCount": usage["written"]} if usage else None
    one = {"content": {"role": "model", "parts": parts or [{"text": "x"}]}, "finishReason": reason, "index": 0}
    return {"candidates": [one]} | ({"usageMetadata": told} if told else {})


WHOLE: dict[str, Callable[..., Any]] = {
    "openrouter": completion, "openai-completions": completion, "openai": response,
    "anthropic": message, "ollama": line, "gemini": candidates,
}  # fmt: skip


def called(dialect: Dialect, *inputs: Any, identifier: Any = "c") -> Any:
    """What a message holds that makes calls with these arguments, in the form in which the provider tells them."""
    names = {"id": identifier} if identifier is not None else {}
    if dialect.name in ("openrouter", "openai-completions"):
        made = [{**names, "type": "function", "function": {"name": "look", "arguments": each}} for each in inputs]
        return {"content": "", "tool_calls": made}
    if dialect.name == "openai":
        own = {"call_id": identifier} if identifier is not None else {}
        return [{"type": "function_call", "id": "f", **own, "name": "look", "arguments": each} for each in inputs]
    if dialect.name == "anthropic":
        return [{"type": "tool_use", **names, "name": "look", "input": each} for each in inputs]
    if dialect.name == "ollama":
        return {"content": "", "tool_calls": [{"function": {"name": "look", "arguments": each}} for each in inputs]}
    return [{"functionCall": {"name": "look", "args": each}} for each in inputs]


def reply(dialect: Dialect, expressions: Expressions, *told: Any, ask: Any = None, **usage: Any) -> Any:
    made = expressions.wire(dialect.skill).reply(asked(dialect, **(ask or {})), WHOLE[dialect.name](*told, **usage))
    REPLY.validate(made)
    return made


@EACH
@pytest.mark.parametrize("written", ["", " ", None, "{}", {}])
def test_no_arguments_are_an_empty_object(dialect: Dialect, written: Any, expressions: Expressions) -> None:
    (call,) = reply(dialect, expressions, called(dialect, written))["tool_calls"]
    assert call["input"] == {}
    assert "problem" not in call


@EACH
@pytest.mark.parametrize("written", ['{"a"', "[1]", "null", '{}{"a": 1}', '{"a": NaN}', DEEP], ids=str)
def test_arguments_that_are_no_object_are_told_as_they_came_with_what_is_wrong(
    dialect: Dialect, written: str, expressions: Expressions
) -> None:
    (call,) = reply(dialect, expressions, called(dialect, written))["tool_calls"]
    assert (call["input"], call["raw_arguments"], bool(call["problem"])) == (None, written, True)
    assert reply(dialect, expressions, called(dialect, [1]))["tool_calls"][0]["raw_arguments"] == "[1]"


FINISHES: dict[str, tuple[Any, ...]] = {
    # the words for: a regular end, calls, the limit, a filter, a reason that nobody knows
    "openrouter": ("stop", "tool_calls", "length", "content_filter", "brand_new"),
    "openai-completions": ("stop", "tool_calls", "length", "content_filter", "brand_new"),
    "openai": (
        "completed",
        None,
        ("incomplete", "max_output_tokens"),
        ("incomplete", "content_filter"),
        "brand_new",
    ),
    "anthropic": ("end_turn", "tool_use", "max_tokens", "refusal", "brand_new"),
    "ollama": ("stop", "tool_calls", "length", None, "brand_new"),
    "gemini": ("STOP", None, "MAX_TOKENS", "SAFETY", "BRAND_NEW"),
}


def ended(dialect: Dialect, expressions: Expressions, which: int, said: Any = None) -> Any:
    words = FINISHES[dialect.name][which]
    return reply(dialect, expressions, said, *(words if isinstance(words, tuple) else (words,)))


@EACH
def test_why_it_stopped_is_one_of_four_words_or_null_with_the_providers_own(
    dialect: Dialect, expressions: Expressions
) -> None:
    calls = called(dialect, {} if dialect.name in ("anthropic", "ollama", "gemini") else "{}")
    words = FINISHES[dialect.name]
    for which, alone, with_calls in ((0, "end_turn", "tool_use"), (2, "max_tokens", "max_tokens"),
                                     (3, "content_filter", "content_filter"), (4, None, "tool_use")):  # fmt: skip
        if words[which] is None:
            continue
        assert ended(dialect, expressions, which)["stop_reason"] == alone
        assert ended(dialect, expressions, which, calls)["stop_reason"] == with_calls
    assert ended(dialect, expressions, 4)["native_stop_reason"] == words[4]
    if words[1] is not None:
        lonely = ended(dialect, expressions, 1)
        assert (lonely["tool_calls"], lonely["stop_reason"], lonely["native_stop_reason"]) == ([], None, words[1])
        assert ended(dialect, expressions, 1, calls)["stop_reason"] == "tool_use"


@EACH
def test_nothing_said_why_it_stopped(dialect: Dialect, expressions: Expressions) -> None:
    silent = reply(dialect, expressions, None, None)
    assert (silent["stop_reason"], silent["usage"]) == (None, {"input_tokens": None, "output_tokens": None})
    full = reply(dialect, expressions, None, None, ask={"max_tokens": 20}, read=3, written=20)
    assert (full["stop_reason"], full["usage"]["output_tokens"]) == ("max_tokens", 20)
    assert (
        reply(dialect, expressions, None, None, ask={"max_tokens": 21}, read=3, written=20)["stop_reason"] is None
    )


@EACH
def test_an_empty_text_beside_calls_is_null(dialect: Dialect, expressions: Expressions) -> None:
    given = {"n": 1} if dialect.name in ("anthropic", "ollama", "gemini") else '{"n": 1}'
    assert reply(dialect, expressions, called(dialect, given))["content"] is None


@EACH
def test_ids_that_are_ours_are_one_more_than_the_highest_of_the_conversation(
    dialect: Dialect, expressions: Expressions
) -> None:
    calls = [{"id": f"call_{n}", "name": "look", "input": {}} for n in (2, 7)]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "r"} for call in calls]
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *results,
    ]
    given = {} if dialect.name in ("anthropic", "ollama", "gemini") else "{}"
    told = called(dialect, given, given, identifier=None)
    for _ in range(2):
        made = reply(dialect, expressions, told, ask={"messages": said})["tool_calls"]
        assert [call["id"] for call in made] == ["call_8", "call_9"]


@EACH
def test_of_several_choices_the_first_is_the_reply_in_whatever_order(
    dialect: Dialect, expressions: Expressions
) -> None:
    key = {"gemini": "candidates"}.get(dialect.name, "choices")
    body = WHOLE[dialect.name]()
    if key not in body:
        pytest.skip("it has one choice only")
    (first,) = body[key]
    second = json.loads(json.dumps(first).replace('"x"', '"y"')) | {"index": 1}
    for choices in ([first, second], [second, first]):
        assert expressions.wire(dialect.skill).reply(asked(dialect), {**body, key: choices})["content"] == "x"


def sent(dialect: Dialect, expressions: Expressions, **params: Any) -> Any:
    given = asked(dialect, **params)
    assert expressions.wire(dialect.skill).refusal(given) is None
    return expressions.wire(dialect.skill).body(given)


@EACH
def test_what_is_not_set_is_not_sent(dialect: Dialect, expressions: Expressions) -> None:
    bare = sent(dialect, expressions, tools=[], tool_choice="auto", parallel_tool_calls=True, system="", stop=[])
    usual = sent(dialect, expressions, tools=None)
    assert bare == usual
    assert "tool" not in json.dumps(usual)
    assert ("temperature" in json.dumps(usual)) == (dialect.name == "openrouter")
    assert "4096" in json.dumps(usual)
    without = json.dumps(sent(dialect, expressions, tools=None, max_tokens=None, temperature=None))
    assert ("4096" in without) == (dialect.name == "anthropic")  # which wants one
    assert "null" not in without
    assert "temperature" not in without


@EACH
def test_extra_is_merged_in_last(dialect: Dialect, expressions: Expressions) -> None:
    body = sent(dialect, expressions, temperature=0.5, extra={"brand_new": {"a": [1]}, "temperature": 0.25})
    assert (body["brand_new"], body["temperature"]) == ({"a": [1]}, 0.25)


@EACH
@pytest.mark.parametrize("name", ["models", "provider", "plugins", "preset", "structured_outputs"])
def test_what_is_openrouters_own_is_unknown_elsewhere(
    dialect: Dialect, name: str, expressions: Expressions
) -> None:
    own = {"models": ["a/b"], "provider": {}, "plugins": [], "preset": "p", "structured_outputs": True}
    refused = expressions.wire(dialect.skill).refused(asked(dialect, **{name: own[name]}))
    assert (refused is None) == (dialect.name == "openrouter")
    assert refused is None or [problem.path for problem in refused.problems] == [name]


CANONICAL: dict[str, Any] = {
    "system": "s", "tools": [LOOK], "tool_choice": "auto", "parallel_tool_calls": False, "max_tokens": 99,
    "temperature": 0.5, "top_p": 0.9, "top_k": 5, "stop": "END", "seed": 1, "frequency_penalty": 0.5,
    "presence_penalty": 0.5, "repetition_penalty": 1.1, "logprobs": True, "top_logprobs": 2,
    "response_format": {"type": "json_object"}, "reasoning": {"effort": "low"}, "reasoning_effort": "low",
    "verbosity": "low", "modalities": ["text", "image"], "user": "u", "cache_control": {"type": "ephemeral"},
}  # fmt: skip
CHANGES_THE_ANSWER = {"logprobs", "top_logprobs", "response_format", "modalities", "stop", "tool_choice"}


@EACH
@pytest.mark.parametrize("name", CANONICAL)
def test_every_canonical_param_is_honoured_named_as_ignored_or_refused_since_the_answer_would_be_another(
    dialect: Dialect, name: str, expressions: Expressions
) -> None:
    wire, bare = expressions.wire(dialect.skill), asked(dialect)
    if name in ("tools", "max_tokens"):
        bare.pop(name, None)
    refusal = wire.refusal({**bare, name: CANONICAL[name]})
    if refusal is not None:
        assert name in CHANGES_THE_ANSWER, refusal
        assert "not known" not in refusal
        return
    given = {**bare, name: CANONICAL[name]}
    honoured = wire.body(given) != wire.body(bare)
    assert honoured != (name in wire.ignored(given)), name


@EACH
def test_a_call_has_to_be_made_or_it_is_refused(dialect: Dialect, expressions: Expressions) -> None:
    for choice in ("required", {"name": "look"}, {"type": "function", "function": {"name": "look"}}):
        given = asked(dialect, tool_choice=choice)
        refusal = expressions.wire(dialect.skill).refusal(given)
        assert (refusal is not None) == (dialect.name == "ollama")
        assert refusal is not None or "look" in json.dumps(expressions.wire(dialect.skill).body(given))
