"""Generations whose words stand elsewhere, or in another form, than the description of the service has them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Told:
    """One generation: the bodies of the plain answer and of the stream, and what the reply has."""

    skill: str
    reply: dict[str, Any]
    whole: Any = None
    events: Sequence[Any] = ()
    text: bytes = b""
    """The body of a stream as it stands, instead of `events`."""
    params: dict[str, Any] = field(default_factory=dict)


def choice(content: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of Chat Completions; `more` stands beside its choices."""
    return {"id": "g", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


def whole_choice(**more: Any) -> dict[str, Any]:
    return {"id": "g", "choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}], **more}


def page(**said: str) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": said}


SOURCES: dict[str, Any] = {
    "citations": ["https://a.example/1", "https://b.example/2"],
    "search_results": [{"title": "One", "url": "https://a.example/1", "date": None, "snippet": "first"}],
}
CITED = [page(url="https://a.example/1", title="One", content="first"), page(url="https://b.example/2")]
THOUGHT = {"type": "reasoning.text", "text": "hm"}
ROWS: dict[str, Told] = {
    "citations beside the choices": Told(
        "openrouter",
        {"content": "ab", "annotations": CITED},
        whole_choice(**SOURCES),
        [choice("a", **SOURCES), choice("b", **SOURCES), choice("", "stop", citations=SOURCES["citations"])],
    ),
    "citations as annotations and beside the choices": Told(
        "openrouter",
        {"annotations": [page(url="https://a.example/1")]},
        {
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {"content": "ab", "annotations": [page(url="https://a.example/1")]},
                }
            ],
            **SOURCES,
        },
        [
            {**choice("a", **SOURCES)},
            {"choices": [{"delta": {"content": "b", "annotations": [page(url="https://a.example/1")]}}], **SOURCES},
            choice("", "stop", **SOURCES),
        ],
    ),
    "annotations that each chunk repeats": Told(
        "openrouter",
        {"content": "ab", "annotations": CITED},
        events=[
            {"choices": [{"delta": {"content": "a", "annotations": CITED[:1]}}]},
            {"choices": [{"delta": {"content": "b", "annotations": CITED}}]},
            {"choices": [{"delta": {"annotations": CITED}, "finish_reason": "stop"}]},
        ],
    ),
    "one detail of reasoning without a list": Told(
        "openrouter",
        {"content": "ab", "reasoning_details": [THOUGHT]},
        {"choices": [{"finish_reason": "stop", "message": {"content": "ab", "reasoning_details": THOUGHT}}]},
        [{"choices": [{"delta": {"reasoning_details": THOUGHT}}]}, choice("ab", "stop")],
    ),
}

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
RESPONSE = {"id": "r", "status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}
COMPLETED = {"type": "response.completed", "response": RESPONSE}
MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "ab", "annotations": []}]}
CALLED = {
    "message": {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
    "finish_reason": "tool_calls",
}
A_CALL = [{"id": "c1", "name": "f", "input": {"a": 1}}]
SUMMARY = {"type": "reasoning.summary", "index": 0, "format": "openai-responses-v1", "id": "rs_1", "summary": "hm"}
ROWS |= {
    "a text at the end of its part only": Told(
        "openai",
        {"content": "ab", "stop_reason": "end_turn"},
        events=[
            {
                "type": "response.content_part.done",
                "output_index": 0,
                "part": {"type": "output_text", "text": "ab"},
            },
            COMPLETED,
        ],
    ),
    "a refusal at the end of its part only": Told(
        "openai",
        {"refusal": "no", "content": None},
        events=[
            {"type": "response.content_part.done", "output_index": 0, "part": {"type": "refusal", "refusal": "no"}},
            COMPLETED,
        ],
    ),
    "a text at its end and at the end of its part": Told(
        "openai",
        {"content": "ab"},
        events=[
            {"type": "response.output_text.done", "output_index": 0, "text": "ab"},
            {
                "type": "response.content_part.done",
                "output_index": 0,
                "part": {"type": "output_text", "text": "ab"},
            },
            COMPLETED,
        ],
    ),
    "a summary at its end only": Told(
        "openai",
        {"content": "ab", "reasoning": "hm", "reasoning_details": [SUMMARY]},
        events=[
            {
                "type": "response.reasoning_summary_text.done",
                "output_index": 0,
                "summary_index": 0,
                "item_id": "rs_1",
                "text": "hm",
            },
            {"type": "response.output_text.delta", "output_index": 1, "delta": "ab"},
            COMPLETED,
        ],
    ),
    "a completion in the place of a response": Told(
        "openai",
        {"content": "ab", "stop_reason": "end_turn"},
        whole_choice(usage={"prompt_tokens": 1, "completion_tokens": 2}),
        [choice("a"), choice("b", "stop")],
    ),
    "a call of a completion in the place of a response": Told(
        "openai",
        {"content": None, "tool_calls": A_CALL, "stop_reason": "tool_use"},
        {"id": "g", "choices": [CALLED]},
        [{"id": "g", "choices": [{**CALLED, "delta": CALLED["message"]}]}],
    ),
    "a response in the place of a completion": Told(
        "openai",
        {"content": "ab", "tool_calls": A_CALL, "stop_reason": "tool_use"},
        {**RESPONSE, "output": [MESSAGE, CALL]},
        [
            {"type": "response.output_text.delta", "output_index": 0, "delta": "ab"},
            {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
            {"type": "response.output_item.done", "output_index": 1, "item": CALL},
            {"type": "response.completed", "response": {**RESPONSE, "output": [MESSAGE, CALL]}},
        ],
        params={"api": "completions"},
    ),
}

GEMINI_CALL = {"parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}]}
ROWS |= {
    "an end that is none, of calls in pieces": Told(
        "openai",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[
            {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": CALL["arguments"]},
            COMPLETED,
        ],
    ),
    "an end that is none, of calls told whole": Told(
        "openai",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[{"type": "response.completed", "response": {**RESPONSE, "output": [CALL]}}],
    ),
    "an end that is none, beside the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        {"candidates": [{"content": GEMINI_CALL, "finishReason": "STOP"}]},
        [{"candidates": [{"content": GEMINI_CALL, "finishReason": "STOP"}]}],
    ),
    "an end that is none, after the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[{"candidates": [{"content": GEMINI_CALL}]}, {"candidates": [{"finishReason": "STOP"}]}],
    ),
    "an end that is none, before the call": Told(
        "openrouter",
        {"tool_calls": A_CALL, "stop_reason": "tool_use"},
        events=[choice("", "stop"), {"choices": [{"delta": CALLED["message"]}]}],
    ),
    "an end that is cut, after the call": Told(
        "gemini",
        {"tool_calls": A_CALL, "stop_reason": "max_tokens"},
        events=[{"candidates": [{"content": GEMINI_CALL}]}, {"candidates": [{"finishReason": "MAX_TOKENS"}]}],
    ),
}

LINES: list[dict[str, Any]] = [
    {"model": "m", "message": {"content": "a"}, "done": False},
    {"message": {"content": "b"}, "done": True, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2},
]
BOTH = {"content": "ab", "stop_reason": "end_turn"}
ROWS |= {
    "lines after a byte order mark": Told(
        "ollama", BOTH, text=b"\xef\xbb\xbf" + b"".join(json.dumps(each).encode() + b"\n" for each in LINES)
    ),
    "two objects on a line": Told(
        "ollama", BOTH, text=b"".join(json.dumps(each).encode() for each in LINES) + b"\n"
    ),
    "two objects on a line without an end": Told(
        "ollama", BOTH, text=b" ".join(json.dumps(each).encode() for each in LINES)
    ),
    "events without the ends between": Told(
        "openrouter",
        BOTH,
        text=b"".join(b"data: " + json.dumps(each).encode() for each in (choice("a"), choice("b", "stop")))
        + b"data: [DONE]\n\n",
    ),
}

LONE = {"index": 1, "content": {"parts": [{"text": "ab"}]}, "finishReason": "STOP"}
START: dict[str, Any] = {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 2}}
START_TEXT = START | {"content": [{"type": "text", "text": "ab"}], "stop_reason": "end_turn"}
STOPPED: dict[str, Any] = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
ROWS |= {
    "one candidate that is not the first": Told("gemini", BOTH, {"candidates": [LONE]}, [{"candidates": [LONE]}]),
    "of two candidates the first, in whatever order": Told(
        "gemini",
        BOTH,
        {"candidates": [{**LONE, "content": {"parts": [{"text": "no"}]}}, {**LONE, "index": 0}]},
        [
            {"candidates": [{**LONE, "content": {"parts": [{"text": "no"}]}, "finishReason": "MAX_TOKENS"}]},
            {"candidates": [{**LONE, "index": 0}]},
            {"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]},
        ],
        params={"extra": {"generationConfig": {"candidateCount": 2}}},
    ),
    "a message that is whole at its start": Told(
        "anthropic",
        BOTH | {"usage": {"input_tokens": 1, "output_tokens": 2}},
        events=[{"type": "message_start", "message": START_TEXT}, {"type": "message_stop"}],
    ),
    "the text at which Claude stopped": Told(
        "anthropic",
        BOTH | {"native_stop_reason": "stop_sequence", "stop_sequence": "END"},
        {**START_TEXT, **STOPPED},
        [
            {
                "type": "message_start",
                "message": START | {"content": [], "stop_reason": None, "stop_sequence": None},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
            {"type": "message_delta", "delta": STOPPED, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ],
        params={"stop": "END"},
    ),
}

COUNTS = {"usage": {"input_tokens": 1, "output_tokens": 2}}
BEGUN = {"type": "message_start", "message": START | {"content": [], "stop_reason": None}}
AB = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
]
ENDED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"input_tokens": 0, "output_tokens": 2},
}
METADATA = {
    "urlMetadata": [{"retrievedUrl": "https://a.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}]
}
IN_A_LIST = [
    {"candidates": [{"content": {"parts": [{"text": "a"}]}}]},
    {
        "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
    },
]
ROWS |= {
    "what went in is nothing at the end": Told(
        "anthropic", BOTH | COUNTS, events=[BEGUN, *AB, ENDED, {"type": "message_stop"}]
    ),
    "a whole message in the place of its events": Told(
        "anthropic", BOTH | COUNTS, events=[{"type": "message", **START_TEXT}]
    ),
    "Claude's tokens in texts": Told(
        "anthropic",
        COUNTS,
        START_TEXT | {"usage": {"input_tokens": "1", "output_tokens": "2"}},
        [BEGUN, *AB, ENDED, {"type": "message_stop"}],
    ),
    "a stream that is one list": Told("gemini", BOTH | COUNTS, IN_A_LIST, text=json.dumps(IN_A_LIST).encode()),
    "why there is no picture": Told(
        "gemini",
        {
            "content": None,
            "stop_reason": None,
            "native_stop_reason": "IMAGE_OTHER",
            "refusal": "Unable to show it.",
        },
        {"candidates": [{"finishReason": "IMAGE_OTHER", "finishMessage": "Unable to show it."}]},
        [{"candidates": [{"finishReason": "IMAGE_OTHER", "finishMessage": "Unable to show it."}]}],
    ),
    "which pages were read": Told(
        "gemini",
        {"annotations": [{"type": "url_context_metadata", "url_context_metadata": METADATA}]},
        {"candidates": [{**LONE, "urlContextMetadata": METADATA}]},
        [{"candidates": [{**LONE, "urlContextMetadata": METADATA}]}],
    ),
    **{
        f"{word} as a reason, {skill}": Told(
            skill,
            {"content": "ab", "stop_reason": reason, "native_stop_reason": word},
            {"choices": [{"finish_reason": word, "message": {"content": "ab"}}]},
            [choice("a"), choice("b", word)],
            params=params,
        )
        for word, reason in {
            "max_tokens": "max_tokens",
            "end_turn": "end_turn",
            "STOP": "end_turn",
            "abort": None,
        }.items()
        for skill, params in {"openrouter": {}, "openai": {"api": "completions"}}.items()
    },
}


def called(index: int, name: str, written: str = "") -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{index}",
        "call_id": f"c{index}",
        "name": name,
        "arguments": written,
    }


def opening(index: int, name: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": called(index, name) | more}


def written(index: int, text: str) -> dict[str, Any]:
    return {
        "type": "response.function_call_arguments.done",
        "output_index": index,
        "item_id": f"fc_{index}",
        "arguments": text,
    }


def closing(index: int, name: str, text: str) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": called(index, name, text)}


def arguments(text: str, **more: Any) -> dict[str, Any]:
    call = {"index": 0, "function": {"arguments": text} | more}
    return {"choices": [{"delta": {"tool_calls": [call]}}]}


ITS_DELTA = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a": 1}'}
BY_C0 = {"tool_calls": [{"id": "c0", "name": "f", "input": {"a": 1}}], "stop_reason": "tool_use"}
ROWS |= {
    **{
        f"arguments {where}, and {empty or 'nothing'} with the item": Told(
            "openai", BY_C0, events=[opening(0, "f"), *told, closing(0, "f", empty), COMPLETED]
        )
        for empty in ("{}", "")
        for where, told in {"in pieces": [ITS_DELTA], "at their end": [written(0, '{"a": 1}')]}.items()
    },
    "arguments at their end, and none in the whole response": Told(
        "openai",
        BY_C0,
        events=[
            opening(0, "f"),
            written(0, '{"a": 1}'),
            {"type": "response.completed", "response": {**RESPONSE, "output": [called(0, "f", "{}")]}},
        ],
    ),
    "arguments of the second of two calls": Told(
        "openai",
        {"tool_calls": [{"id": "c0", "name": "f", "input": {}}, {"id": "c1", "name": "g", "input": {"b": 2}}]},
        events=[opening(0, "f"), opening(1, "g"), written(1, '{"b": 2}'), COMPLETED],
    ),
    "no arguments after the arguments": Told(
        "openrouter",
        {"tool_calls": [{"id": "call_0", "name": "f", "input": {"a": 1}}]},
        events=[arguments('{"a": 1}', name="f"), arguments("{}"), choice("", "tool_calls")],
    ),
}

ROWS |= {
    f"{name} with a word": Told(
        "openrouter",
        BOTH,
        text=b"event: "
        + name.encode()
        + b"\ndata: ping\n\n"
        + b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (choice("a"), choice("b", "stop"))),
    )
    for name in ("ping", "keep-alive")
}

IN_OTHER_WORDS = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
TEXTS: dict[str, dict[str, Any]] = {
    "as the content": {"output": [{"type": "message", "role": "assistant", "content": "ab"}]},
    "in a part called text": {"output": [{"type": "message", "content": [{"type": "text", "text": "ab"}]}]},
    "beside the output": {"output_text": "ab"},
}
ROWS |= {
    **{
        f"the text of a response {where}": Told(
            "openai",
            BOTH | {"parts": None},
            RESPONSE | told,
            [{"type": "response.completed", "response": RESPONSE | told}],
        )
        for where, told in TEXTS.items()
    },
    **{
        name: Told("openai", reply, response, [{"type": "response.completed", "response": response}])
        for name, reply, response in (
            (
                "tokens of a response in the words of a completion",
                {"usage": {"input_tokens": 1, "output_tokens": 2, "cached_input_tokens": 1}},
                RESPONSE | {"output": [MESSAGE], "usage": IN_OTHER_WORDS},
            ),
            (
                "a response that was cut, in other words",
                {"content": "ab", "stop_reason": "max_tokens"},
                RESPONSE
                | {"output": [MESSAGE], "status": "incomplete", "incomplete_details": {"reason": "max_tokens"}},
            ),
        )
    },
}
ROWS |= {
    f"{told} for a list of parts": Told("gemini", BOTH, {"candidates": [candidate]}, [{"candidates": [candidate]}])
    for told, candidate in {
        "one part": {"content": {"parts": {"text": "ab"}}, "finishReason": "STOP"},
        "a text": {"content": "ab", "finishReason": "STOP"},
    }.items()
}
