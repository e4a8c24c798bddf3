"""Each provider's answers become the canonical reply, whole or streamed, as the table beside this file says."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError, UpstreamError, UpstreamTruncated
from tests.chat.support import Expressions, ndjson, schema, sse
from tests.reading import read_yaml

TABLE: list[dict[str, Any]] = read_yaml((Path(__file__).parent / "generations.yaml").read_text(encoding="utf-8"))
SKILLS = ("openrouter", "anthropic", "ollama")
ROWS = [(row, skill) for row in TABLE for skill in SKILLS if skill in row]
NAMES = [f"{skill}: {row['name']}" for row, skill in ROWS]
WHOLE = [(row, skill) for row, skill in ROWS if "body" in row[skill]]
HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def wire_format(skill: str, events: list[Any]) -> bytes:
    if skill == "ollama":
        return ndjson(*events)
    return sse(*events, done="[DONE]" if skill == "openrouter" else None)


def chat(**message: Any) -> dict[str, Any]:
    """An OpenRouter body with this message."""
    return {"id": "gen", "choices": [{"finish_reason": "stop", "message": {"role": "assistant"} | message}]}


def calls(*arguments: Any) -> dict[str, Any]:
    """An OpenRouter body with one call for each of the arguments; ... leaves the key out."""
    functions = [{"name": "f"} if a is ... else {"name": "f", "arguments": a} for a in arguments]
    return chat(content=None, tool_calls=[{"id": "c", "function": function} for function in functions])


@pytest.mark.parametrize(("row", "skill"), WHOLE, ids=[f"{skill}: {row['name']}" for row, skill in WHOLE])
def test_a_whole_answer_becomes_the_canonical_reply(
    row: dict[str, Any], skill: str, expressions: Expressions
) -> None:
    case = row[skill]
    reply = expressions.wire(skill).reply(HI | row.get("params", {}), case["body"])
    assert reply == row["reply"] | case["also"]
    Draft202012Validator(schema("chat-reply")).validate(reply)


@pytest.mark.parametrize(("row", "skill"), ROWS, ids=NAMES)
def test_a_streamed_answer_ends_in_the_same_reply(
    row: dict[str, Any], skill: str, expressions: Expressions
) -> None:
    case = row[skill]
    streamed = expressions.wire(skill).stream(HI | row.get("params", {}), wire_format(skill, case["events"]))
    assert streamed.done == row["reply"] | case["also"]
    for delta in streamed.deltas:
        Draft202012Validator(schema("chat-delta")).validate(delta)


@pytest.mark.parametrize(("row", "skill"), ROWS, ids=NAMES)
def test_the_pieces_that_callers_see_add_up_to_the_text(
    row: dict[str, Any], skill: str, expressions: Expressions
) -> None:
    streamed = expressions.wire(skill).stream(HI | row.get("params", {}), wire_format(skill, row[skill]["events"]))
    for name in ("content", "reasoning"):
        assert "".join(delta.get(name, "") for delta in streamed.deltas) == (streamed.done.get(name) or "")


@pytest.mark.parametrize("arguments", ["", "  \n", None, ..., "{}", {}])
def test_no_arguments_are_an_empty_object(arguments: Any, expressions: Expressions) -> None:
    assert expressions.wire("openrouter").reply(HI, calls(arguments))["tool_calls"] == [
        {"id": "c", "name": "f", "input": {}}
    ]


@pytest.mark.parametrize(
    "arguments",
    ['{}{"location": "Paris, France"}', '{"a": ', "[1]", "null", "5", '"text"', "true", "nan", '{"a": NaN}',
     '{"a": -Infinity}', '{"a": 1e999}', "{'a': 1}", "get_weather(Paris)"],
)  # fmt: skip
def test_arguments_that_are_no_json_object_are_handed_on_and_never_made_up(
    arguments: str, expressions: Expressions
) -> None:
    wire = expressions.wire("openrouter")
    (call,) = wire.reply(HI, calls(arguments))["tool_calls"]
    assert (call["input"], call["raw_arguments"]) == (None, arguments)
    assert call["problem"]
    replayed = wire.body({"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]})
    assert replayed["messages"][0]["tool_calls"][0]["function"]["arguments"] == arguments


def test_arguments_that_are_an_object_already_are_taken(expressions: Expressions) -> None:
    given = {"a": 12345678901234567891, "b": [1.5, None, "ü"]}
    (call,) = expressions.wire("openrouter").reply(HI, calls(given))["tool_calls"]
    assert call == {"id": "c", "name": "f", "input": given}


def test_a_list_as_arguments_is_not_an_object(expressions: Expressions) -> None:
    (call,) = expressions.wire("openrouter").reply(HI, calls([1, 2]))["tool_calls"]
    assert (call["input"], call["raw_arguments"]) == (None, "[1,2]")


@pytest.mark.parametrize(
    ("reason", "with_calls", "expected"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        ("tool_calls", True, "tool_use"),
        ("length", False, "max_tokens"),
        ("length", True, "max_tokens"),
        ("content_filter", True, "content_filter"),
        (None, True, "tool_use"),
        (None, False, None),
        ("new_word", True, "tool_use"),
        ("new_word", False, None),
        (7, False, None),
    ],
)
def test_why_it_stopped(reason: Any, with_calls: bool, expected: str | None, expressions: Expressions) -> None:
    body = calls("{}") if with_calls else chat(content="x")
    body["choices"][0]["finish_reason"] = reason
    assert expressions.wire("openrouter").reply(HI, body)["stop_reason"] == expected


def test_the_limit_of_max_completion_tokens_counts_too(expressions: Expressions) -> None:
    body = chat(content="x") | {"usage": {"completion_tokens": 20}}
    body["choices"][0]["finish_reason"] = None
    wire = expressions.wire("openrouter")
    assert wire.reply(HI | {"max_completion_tokens": 20}, body)["stop_reason"] == "max_tokens"
    assert wire.reply(HI | {"max_completion_tokens": 21}, body)["stop_reason"] is None
    assert wire.reply(HI | {"max_tokens": None}, body)["stop_reason"] is None


def test_an_empty_text_is_null_only_beside_calls(expressions: Expressions) -> None:
    wire = expressions.wire("openrouter")
    assert wire.reply(HI, chat(content=""))["content"] == ""
    assert wire.reply(HI, chat(content="", tool_calls=[{"id": "c", "function": {"name": "f"}}]))["content"] is None
    assert (
        wire.reply(HI, chat(content="\n", tool_calls=[{"id": "c", "function": {"name": "f"}}]))["content"] == "\n"
    )


@pytest.mark.parametrize("key", ["annotations", "images", "content"])
def test_what_is_no_object_in_a_list_of_objects_is_left_out(key: str, expressions: Expressions) -> None:
    kept = {"type": "image_url", "image_url": {"url": "data:"}}
    wire = expressions.wire("openrouter")
    reply = wire.reply(HI, chat(**{"content": "x", key: [None, 3, kept, []]}))
    assert reply["parts" if key == "content" else key] == [kept]


FAILURES: list[tuple[str, Any, int, str]] = [
    ("openrouter", {"error": {"code": 429, "message": "slow down"}, "user_id": "u"}, 200, "upstream_rate_limited"),
    ("openrouter", chat(content="part") | {"error": {"code": 502, "message": "x"}}, 200, "upstream_failed"),
    ("openrouter", {"choices": [{"error": {"code": 502, "message": "x"}, "message": {"content": "part"}}]}, 200,
     "upstream_failed"),
    ("openrouter", {"choices": [{"finish_reason": "error", "message": {"content": ""}}]}, 200, "upstream_failed"),
    ("openrouter", {"choices": []}, 200, "upstream_failed"),
    ("openrouter", {"error": "in words", "choices": [{"message": {"content": "x"}}]}, 200, "upstream_failed"),
    ("openrouter", {"choices": [{"error": "in words", "message": {"content": "x"}}]}, 200, "upstream_failed"),
    ("openrouter", {"id": "gen"}, 200, "upstream_failed"),
    ("openrouter", {"choices": [{"finish_reason": "stop", "message": None}]}, 200, "upstream_failed"),
    ("openrouter", [], 200, "upstream_failed"),
    ("openrouter", {"error": {"code": 402, "message": "can only afford 10"}}, 402, "upstream_payment_required"),
    ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529,
     "upstream_unavailable"),
    ("anthropic", {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, 200,
     "upstream_rate_limited"),
    ("anthropic", {"type": "message"}, 200, "upstream_failed"),
    ("anthropic", None, 200, "upstream_failed"),
    ("ollama", {"error": "model 'x' not found"}, 404, "upstream_not_found"),
    ("ollama", {"error": "out of memory"}, 200, "upstream_failed"),
    ("ollama", {"done": True}, 200, "upstream_failed"),
]  # fmt: skip


def test_a_page_in_the_place_of_an_answer_is_named(expressions: Expressions) -> None:
    page = b"<!DOCTYPE html><html><head><title>Just a moment</title></head></html>"
    with pytest.raises(AgentOSError) as caught:
        expressions.wire("openrouter").reply(HI, page)
    assert (caught.value.code, "Just a moment" in caught.value.message) == ("upstream_invalid", True)


@pytest.mark.parametrize(("skill", "body", "status", "code"), FAILURES)
def test_a_failure_is_never_an_answer(
    skill: str, body: Any, status: int, code: str, expressions: Expressions
) -> None:
    with pytest.raises(AgentOSError) as caught:
        expressions.wire(skill).reply(HI, body, status)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("skill", "event", "code", "words"),
    [
        ("openrouter", {"error": {"code": 400, "message": "Token limit reached"}}, "upstream_rejected",
         "Token limit reached"),
        ("openrouter", {"choices": [{"delta": {"content": ""}, "error": {"code": 503, "message": "gone"}}]},
         "upstream_unavailable", "gone"),
        ("openrouter", {"choices": [{"delta": {}, "finish_reason": "error", "native_finish_reason": "MALFORMED"}]},
         "upstream_failed", "MALFORMED"),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
         "upstream_unavailable", "Overloaded"),
        ("ollama", {"error": "model runner has stopped"}, "upstream_failed", "model runner has stopped"),
    ],
)  # fmt: skip
def test_a_failure_in_the_middle_of_a_stream_is_an_error(
    skill: str, event: Any, code: str, words: str, expressions: Expressions
) -> None:
    first = {
        "openrouter": {"choices": [{"delta": {"role": "assistant", "content": "Hel"}}]},
        "anthropic": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        "ollama": {"message": {"content": "Hel"}, "done": False},
    }[skill]
    with pytest.raises(UpstreamError) as caught:
        expressions.wire(skill).stream(HI, wire_format(skill, [first, event]))
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize("skill", ["anthropic", "ollama"])
def test_a_stream_without_its_last_event_is_not_whole(skill: str, expressions: Expressions) -> None:
    events = TABLE[0][skill]["events"]
    without = events[:-2] if skill == "anthropic" else events[:-1]
    with pytest.raises(UpstreamTruncated):
        expressions.wire(skill).stream(HI, wire_format(skill, without))


def test_a_reply_can_be_replayed_as_it_is_with_every_provider(expressions: Expressions) -> None:
    for row, skill in WHOLE:
        wire = expressions.wire(skill)
        reply = wire.reply(HI | row.get("params", {}), row[skill]["body"])
        results = [{"role": "tool", "tool_call_id": c["id"], "content": {"ok": True}} for c in reply["tool_calls"]]
        body = wire.body({"model": "m", "messages": [*HI["messages"], {"role": "assistant"} | reply, *results]})
        text = json.dumps(body)
        assert "stop_reason" not in text
        assert "input_tokens" not in text
        assert not any(message.get("tool_calls") == [] for message in body["messages"])


def test_further_choices_stand_beside_the_reply_whole_or_streamed(expressions: Expressions) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a": 1}'}}
    choices: Any = [
        {"index": 1, "finish_reason": "stop", "message": {"content": "second"}},
        {"index": 0, "finish_reason": "stop", "message": {"content": "first"}},
        {"index": 2, "finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [call]}},
    ]
    wire = expressions.wire("openrouter")
    reply = wire.reply(HI, {"id": "g", "choices": choices})
    assert reply["content"] == "first"
    assert reply["alternatives"] == [
        {"index": 1, "content": "second", "tool_calls": [], "stop_reason": "end_turn"},
        {"index": 2, "content": None, "tool_calls": [{"id": "c", "name": "f", "input": {"a": 1}}],
         "stop_reason": "tool_use"},
    ]  # fmt: skip
    pieces: list[Any] = [
        (0, {"content": "fir"}), (1, {"content": "sec"}), (0, {"content": "st"}), (1, {"content": "ond"}),
        (2, {"tool_calls": [{**call, "function": {"name": "f", "arguments": '{"a"'}}]}),
        (2, {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
    ]  # fmt: skip
    chunks: list[Any] = [{"id": "g", "choices": [{"index": at, "delta": delta}]} for at, delta in pieces]
    ends = [{"index": c["index"], "delta": {}, "finish_reason": c["finish_reason"]} for c in choices]
    streamed = wire.stream(HI, sse(*chunks, {"id": "g", "choices": ends}, done="[DONE]"))
    assert streamed.done == reply
    assert "".join(delta.get("content", "") for delta in streamed.deltas) == "first"


def test_every_number_of_the_usage_arrives(expressions: Expressions) -> None:
    usage = {
        "prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2, "audio_tokens": 3,
                                  "video_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5, "image_tokens": 6, "accepted_prediction_tokens": 7},
        "server_tool_use": {"web_search_requests": 2},
    }  # fmt: skip
    body = chat(content="x") | {"usage": usage, "service_tier": "flex", "system_fingerprint": "fp", "created": 7}
    reply = expressions.wire("openrouter").reply(HI, body)
    assert reply["usage"] == {
        "input_tokens": 9, "output_tokens": 8, "cached_input_tokens": 1, "cache_write_tokens": 2,
        "reasoning_tokens": 5,
        "details": {
            "total_tokens": 17, "is_byok": False, "server_tool_use": {"web_search_requests": 2},
            "prompt_tokens_details": {"audio_tokens": 3, "video_tokens": 4},
            "completion_tokens_details": {"image_tokens": 6, "accepted_prediction_tokens": 7},
        },
    }  # fmt: skip
    assert (reply["service_tier"], reply["system_fingerprint"], reply["created"]) == ("flex", "fp", 7)


def test_the_attempts_that_debug_shows_are_all_kept(expressions: Expressions) -> None:
    shown: list[Any] = [{"echo_upstream_body": {"attempt": n}} for n in range(2)]
    chunks: list[Any] = [{"choices": [], "debug": one} for one in shown]
    end = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    streamed = expressions.wire("openrouter").stream(HI, sse(*chunks, end, done="[DONE]"))
    assert streamed.done["debug"] == shown


WHOLE_LOGPROBS: dict[tuple[str, str], str] = {
    ("openrouter", "{}"): """{"choices": [{"finish_reason": "stop", "message": {"content": "x"},
        "logprobs": {"content": [LOGPROB]}}]}""",
    ("openai", '{"api": "completions"}'): """{"choices": [{"finish_reason": "stop", "message": {"content": "x"},
        "logprobs": {"content": [LOGPROB]}}]}""",
    ("openai", "{}"): """{"status": "completed", "output": [{"type": "message", "content": [
        {"type": "output_text", "text": "x", "logprobs": [LOGPROB]}]}]}""",
    ("ollama", "{}"): """{"message": {"content": "x"}, "done": true, "logprobs": [LOGPROB]}""",
}
STREAMED_LOGPROBS = {
    ("openrouter", "{}"): """{"choices": [{"finish_reason": "stop", "delta": {"content": "x"},
        "logprobs": {"content": [LOGPROB]}}]}""",
    ("openai", '{"api": "completions"}'): """{"choices": [{"finish_reason": "stop", "delta": {"content": "x"},
        "logprobs": {"content": [LOGPROB]}}]}""",
    ("openai", "{}"): """{"type": "response.completed", "response": {"status": "completed", "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "x", "logprobs": [LOGPROB]}]}]}}""",
    ("ollama", "{}"): """{"message": {"content": "x"}, "done": true, "logprobs": [LOGPROB]}""",
}
LOGPROB = '{"token": "NaN", "logprob": -Infinity, "top_logprobs": [{"token": "y", "logprob": NaN}]}'
READ_LOGPROB = {"token": "NaN", "logprob": None, "top_logprobs": [{"token": "y", "logprob": None}]}


@pytest.mark.parametrize("whose", WHOLE_LOGPROBS)
@pytest.mark.parametrize("end", ["\n\n", ""])
def test_a_probability_that_is_no_number_is_not_known_and_spoils_nothing(
    whose: tuple[str, str], end: str, expressions: Expressions
) -> None:
    wire, asked = expressions.wire(whose[0]), HI | json.loads(whose[1]) | {"logprobs": True}
    plain = wire.reply(asked, WHOLE_LOGPROBS[whose].replace("LOGPROB", LOGPROB).encode())
    told = STREAMED_LOGPROBS[whose].replace("\n", "").replace("LOGPROB", LOGPROB) + end
    streamed = wire.stream(asked, [(told if whose[0] == "ollama" else f"data: {told}").encode()])
    assert streamed.done == plain
    assert (plain["content"], plain["logprobs"]) == ("x", [READ_LOGPROB])


@pytest.mark.parametrize(
    "elsewhere", ['"cost": NaN', '"logprob": NaN, "content": -Infinity', '"logprob": NaN, "a": }']
)
def test_what_is_no_number_anywhere_else_is_no_answer(elsewhere: str, expressions: Expressions) -> None:
    body = '{"choices": [{"finish_reason": "stop", "message": {"content": "x"}}], "more": {' + elsewhere + "}}"
    with pytest.raises(AgentOSError) as caught:
        expressions.wire("openrouter").reply(HI, body.encode())
    assert caught.value.code == "upstream_invalid"
