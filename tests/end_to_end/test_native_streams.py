"""Streams in their providers' own shapes: what they add up to when services tell them otherwise than described."""

import json
from typing import Any

import pytest

from tests.end_to_end.chat import Chat, Listener, chunk, events_head, sse, stream_bytes, streaming
from tests.end_to_end.test_stream_flow import closed_row
from tests.toy.raw import answer_json, one_chunk, say, stall

ITEM = {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
RESPONSE: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello"},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
]
USAGE = {"input_tokens": 12, "output_tokens": 1}
MESSAGE: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": USAGE}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
]
ASKED: dict[str, Any] = {
    "create_response": {"model": "m", "input": "Hi"},
    "create_message": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "create_image": {"model": "m", "prompt": "A red panda"},
    "generate_content": {"model": "m", "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    "create_completion": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
}
BEGUN = {"create_response": RESPONSE, "create_message": MESSAGE}
RESPONSES = ["openrouter/create_response", "openai/create_response"]
MESSAGES = ["openrouter/create_message", "anthropic/create_message"]


def told(chat: Chat, utility: str, *events: Any, done: bool = True) -> tuple[str, Any]:
    """How the stream of a utility ends, and with what; it may be refused at once."""
    skill, _, name = utility.partition("/")
    chat.says(streaming(*events, done=done))
    response = chat.house.call(skill, name, {**ASKED[name], "stream": True})
    if response.status_code != 200:
        return "error", response.json()
    end, data = response.text.split("\n\n")[-2].split("\n")
    return end.removeprefix("event: "), json.loads(data.removeprefix("data: "))


CALLED = [("a", "look", '{"n": 1}'), ("b", "note", '{"n": 2}')]


def piece(index: int | None, identifier: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    call = {"index": index, "id": identifier, "function": {"name": name, "arguments": arguments}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


@pytest.mark.parametrize(
    "pieces",
    [
        [
            piece(0, "a", "look", '{"n"'),
            piece(1, "b", "note", '{"n"'),
            piece(0, None, None, ": 1}"),
            piece(1, "", "", ": 2}"),
        ],
        [
            piece(0, "a", "look", '{"n"'),
            piece(0, "a", "look", ": 1}"),
            piece(1, "b", "no", '{"n"'),
            piece(1, "b", "te", ": 2}"),
        ],
        [piece(None, "a", "look", '{"n"'), piece(None, None, None, ": 1}"), piece(None, "b", "note", '{"n": 2}')],
    ],
    ids=["counted", "said again with each piece", "not counted"],
)
def test_calls_of_a_completion_are_put_together_however_their_pieces_are_told(
    chat: Chat, pieces: list[dict[str, Any]]
) -> None:
    end, data = told(chat, "openai/create_completion", *pieces, chunk("", "tool_calls"))
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"])
             for call in data["choices"][0]["message"]["tool_calls"]]  # fmt: skip
    assert (end, calls) == ("done", CALLED)


def token(text: str) -> dict[str, Any]:
    return {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": []}


PAGES = [
    {"type": "url_citation", "url_citation": {"url": url}} for url in ("https://a.example", "https://b.example")
]
COMPLETED: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "annotations": ([{"annotations": [each]} for each in PAGES], {"annotations": PAGES}),
    "audio": (
        [
            {"audio": each}
            for each in ({"id": "a"}, {"transcript": "He"}, {"data": "AA", "transcript": "y"}, {"data": "BB"})
        ],
        {"audio": {"id": "a", "transcript": "Hey", "data": "AABB"}},
    ),
    "what was thought": ([{"reasoning_content": each} for each in ("hm", "m")], {"reasoning_content": "hmm"}),
    "a call as it once was": (
        [{"function_call": {"name": "look", "arguments": ""}}, {"function_call": {"arguments": "{}"}}],
        {"function_call": {"name": "look", "arguments": "{}"}},
    ),
}


@pytest.mark.parametrize("name", COMPLETED)
def test_all_that_the_pieces_of_a_completion_told_is_in_it(chat: Chat, name: str) -> None:
    pieces, whole = COMPLETED[name]
    chunks = [{"choices": [{"index": 0, "delta": each}]} for each in pieces]
    _, data = told(chat, "openai/create_completion", *chunks, chunk("", "stop"))
    assert data["choices"][0]["message"] == {"role": "assistant", "content": "", "refusal": None} | whole


def test_the_probability_of_each_token_of_a_completion_is_in_it(chat: Chat) -> None:
    chunks = [
        {
            "choices": [
                {"index": 0, "delta": {"content": text}, "logprobs": {"content": [token(text)], "refusal": None}}
            ]
        }
        for text in ("He", "llo")
    ]
    _, data = told(chat, "openai/create_completion", *chunks, chunk("", "stop"))
    assert data["choices"][0]["logprobs"] == {"content": [token("He"), token("llo")], "refusal": None}


@pytest.mark.parametrize("left_out", [[], None])
@pytest.mark.parametrize("utility", RESPONSES)
def test_what_the_end_of_a_response_leaves_out_is_what_was_finished_before(
    chat: Chat, utility: str, left_out: Any
) -> None:
    end = {"id": "r", "object": "response", "status": "completed", "output": left_out}
    whole = told(chat, utility, *RESPONSE, {"type": "response.completed", "response": end})
    assert whole == ("done", {**end, "output": [ITEM]})
    assert told(chat, utility, *RESPONSE)[1]["output"] == [ITEM]


@pytest.mark.parametrize("utility", RESPONSES + MESSAGES)
def test_events_of_another_kind_or_none_are_no_reply(chat: Chat, utility: str) -> None:
    for events in ([], [chunk("Hello"), chunk("", "stop")]):
        end, data = told(chat, utility, *events)
        assert (end, data.get("code")) == ("error", "reply_mismatch")


ENDS: dict[str, dict[str, Any]] = {
    "create_response": {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    "create_message": {"type": "message_stop"},
}


@pytest.mark.parametrize("odd", [[], ["words"], "words", 7, None], ids=str)
@pytest.mark.parametrize("utility", RESPONSES + MESSAGES)
def test_an_event_that_is_no_object_takes_nothing_away(chat: Chat, utility: str, odd: Any) -> None:
    name = utility.partition("/")[2]
    first, *others = BEGUN[name]
    end, data = told(chat, utility, first, odd, *others, odd, ENDS[name])
    assert (end, "Hello" in json.dumps(data)) == ("done", True), data


@pytest.mark.parametrize("utility", RESPONSES + MESSAGES)
def test_a_bare_error_on_the_way_is_a_failure_with_its_words(chat: Chat, utility: str) -> None:
    failure = {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}
    end, data = told(chat, utility, *BEGUN[utility.partition("/")[2]], failure)
    assert (end, data.get("code"), data["upstream"]["message"]) == ("error", "upstream_rejected", "too long")


@pytest.mark.parametrize("utility", MESSAGES)
def test_what_a_stream_took_before_it_was_cut_is_counted(chat: Chat, utility: str) -> None:
    assert told(chat, utility, *MESSAGE, done=False)[1]["code"] == "upstream_truncated"
    assert (chat.row["outcome"], chat.row["input_tokens"], chat.row["output_tokens"]) == ("error", 12, 1)


@pytest.mark.parametrize("utility", MESSAGES)
def test_what_the_end_of_a_message_tells_beside_its_reason_is_in_it(chat: Chat, utility: str) -> None:
    edits = {"applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 8}]}
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "context_management": edits}
    _, data = told(chat, utility, *MESSAGE, ending, {"type": "message_stop"})
    assert (data["stop_reason"], data["context_management"], data["usage"]) == ("end_turn", edits, USAGE)
    assert "delta" not in data


LEFT: dict[str, tuple[str, list[Any], tuple[Any, ...]]] = {
    "a message": (
        "anthropic/create_message",
        [{**MESSAGE[0], "message": {**MESSAGE[0]["message"], "model": "claude"}}, *MESSAGE[1:]],
        ("claude", "m", 12, 1),
    ),
    "a completion": (
        "openai/create_completion",
        [{**chunk("Hello"), "usage": {"prompt_tokens": 4, "completion_tokens": 1}}],
        ("toy/model-2026", "gen-1", 4, 1),
    ),
    "what Google generates": (
        "gemini/generate_content",
        [
            {
                "candidates": [{"content": {"parts": [{"text": "Hello"}]}}],
                "usageMetadata": {"promptTokenCount": 8},
                "modelVersion": "m-1",
                "responseId": "r",
            }
        ],
        ("m-1", "r", 8, None),
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_a_stream_took_until_its_caller_left_is_counted(chat: Chat, name: str) -> None:
    utility, events, used = LEFT[name]
    skill, _, call = utility.partition("/")
    chat.says(stall(events_head() + one_chunk(sse(*events, done=False))))
    with chat.house.client.stream(
        "POST", f"/api/skills/{skill}/{call}", json={**ASKED[call], "stream": True}
    ) as response:
        Listener(response).until("Hello")
    row = closed_row(chat)
    assert row["outcome"] == "cancelled"
    assert (row["model"], row["generation_id"], row["input_tokens"], row["output_tokens"]) == used


def candidate(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
    told = {"index": index, "content": {"role": "model", "parts": [{"text": text}]}}
    return told | ({"finishReason": finish} if finish else {})


def listing(*texts: str) -> dict[str, Any]:
    """What is listed about the texts, each of which has a source and is a token."""
    chosen = [{"token": text, "logProbability": -0.5} for text in texts]
    sources = [{"startIndex": 0, "uri": f"https://{text}.example"} for text in texts]
    return {"logprobsResult": {"chosenCandidates": chosen}, "citationMetadata": {"citationSources": sources}}


READ = {"promptTokenCount": 8, "candidatesTokenCount": 4}
GENERATED: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "two candidates, of which one ends first": (
        [
            {"candidates": [candidate(0, "He"), candidate(1, "Go")], "modelVersion": "m-1"},
            {"candidates": [candidate(0, "llo", "STOP")], "modelVersion": "m-1"},
            {"candidates": [candidate(1, "od")], "modelVersion": "m-1"},
            {"candidates": [candidate(1, "bye", "STOP")], "usageMetadata": READ, "modelVersion": "m-1"},
        ],
        [candidate(0, "Hello", "STOP"), candidate(1, "Goodbye", "STOP")],
    ),
    "an end in each chunk": (
        [
            {"candidates": [candidate(0, "He", "STOP")], "modelVersion": "m-1"},
            {"candidates": [candidate(0, "llo", "STOP")], "usageMetadata": READ},
        ],
        [candidate(0, "Hello", "STOP")],
    ),
    "the usage behind the end": (
        [{"candidates": [candidate(0, "Hello", "STOP")], "modelVersion": "m-1"}, {"usageMetadata": READ}],
        [candidate(0, "Hello", "STOP")],
    ),
    "what each chunk lists": (
        [
            {"candidates": [candidate(0, "He") | listing("He")], "modelVersion": "m-1"},
            {"candidates": [candidate(0, "llo", "STOP") | listing("llo")], "usageMetadata": READ},
        ],
        [candidate(0, "Hello", "STOP") | listing("He", "llo")],
    ),
    "a prompt that is blocked": (
        [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": READ, "modelVersion": "m-1"}],
        [],
    ),
}


@pytest.mark.parametrize("name", GENERATED)
def test_what_google_tells_behind_the_end_of_a_candidate_is_told(chat: Chat, name: str) -> None:
    chunks, candidates = GENERATED[name]
    end, data = told(chat, "gemini/generate_content", *chunks, done=False)
    said = {key: data[key] for key in ("candidates", "usageMetadata", "modelVersion")}
    assert (end, said) == ("done", {"candidates": candidates, "usageMetadata": READ, "modelVersion": "m-1"})


def test_a_candidate_that_does_not_end_is_no_reply(chat: Chat) -> None:
    end, data = told(chat, "gemini/generate_content", {"candidates": [candidate(0, "Hel")]}, done=False)
    assert (end, data["code"]) == ("error", "upstream_truncated")


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("utility", ["openrouter/create_image", "openai/create_image"])
def test_each_of_several_pictures_is_told(chat: Chat, utility: str, done: bool) -> None:
    made = [{"type": "image_generation.completed", "b64_json": text, "created": 7} for text in ("AAAA", "BBBB")]
    end, data = told(chat, utility, *made, done=done)
    assert (end, [each["b64_json"] for each in data["data"]]) == ("done", ["AAAA", "BBBB"])


def test_a_stream_that_may_end_and_is_silent_is_whole(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentos_runtime.runtime.answering.lingering.FOR_MORE", 0.3)
    last = {"candidates": [candidate(0, "Hello", "STOP")]}
    chat.says(stall(events_head() + one_chunk(sse(last, done=False))))
    response = chat.house.call("gemini", "generate_content", {**ASKED["generate_content"], "stream": True})
    assert "event: done" in response.text


CACHED = {"cache_read_input_tokens": 6, "cache_creation_input_tokens": 4}
SAID = {"type": "message", "id": "m", "model": "claude", "role": "assistant", "content": [],
        "usage": USAGE | CACHED}  # fmt: skip


@pytest.mark.parametrize("utility", MESSAGES)
def test_what_was_read_from_a_cache_and_written_to_it_is_counted_as_in_chats(chat: Chat, utility: str) -> None:
    skill, _, name = utility.partition("/")
    chat.says(answer_json(SAID))
    assert chat.house.call(skill, name, ASKED[name]).json()["usage"]["input_tokens"] == 12
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (22, 1)
    start = {"type": "message_start", "message": SAID}
    ending = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 0, "output_tokens": 5}}
    end, data = told(chat, utility, start, *MESSAGE[1:], ending, {"type": "message_stop"})
    assert (end, data["usage"]) == ("done", {"input_tokens": 12, "output_tokens": 5} | CACHED)
    assert (chat.row["input_tokens"], chat.row["output_tokens"]) == (22, 5)


def test_what_google_counts_in_its_own_words_is_counted(chat: Chat) -> None:
    read = {"promptTokenCount": 8, "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 15}
    part = {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}
    whole = {"candidates": [part], "usageMetadata": read, "modelVersion": "m-1", "responseId": "gen-1"}
    for more, behaviour in (({}, answer_json(whole)), ({"stream": True}, streaming(whole, done=False))):
        chat.says(behaviour)
        assert chat.house.call("gemini", "generate_content", ASKED["generate_content"] | more).status_code == 200
        row = chat.row
        assert (row["input_tokens"], row["output_tokens"]) == (8, 7)
        assert (row["model"], row["generation_id"]) == ("m-1", "gen-1")


LAST_PLANE = "\U0010f000\U0010f7ff\U0010e800\U00100000"
ESCAPED = json.dumps(LAST_PLANE)[1:-1]


@pytest.mark.parametrize("half", ["", "\ud83d"])
def test_characters_of_the_last_plane_are_what_they_are_beside_their_escapes_and_halves(
    chat: Chat, half: str
) -> None:
    """Half of a character, and what stands for it on its way, is never taken for a character of theirs."""
    events = [
        chunk(f"{LAST_PLANE}a{half}"),
        chunk(f"b{LAST_PLANE}"),
        chunk(reasoning=f"{half}{LAST_PLANE}"),
        piece(0, "a", "look", f'{{"n": "{ESCAPED}"}}'),
        piece(1, "b", "note", f'{{"n": "{LAST_PLANE}{half}"}}'),
        piece(2, "c", "note", f'{{"n": "{ESCAPED}", "{LAST_PLANE}": 1}}'),
        chunk("", "tool_calls"),
    ]
    for ascii_only in (True, False):
        texts = [json.dumps(each, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace") for each in events]
        chat.says(say(stream_bytes([b"".join(b"data: %b\n\n" % text for text in texts) + b"data: [DONE]\n\n"])))
        done = chat.stream().done
        lost = "\ufffd" if half else ""
        assert done["content"] == f"{LAST_PLANE}a{lost}b{LAST_PLANE}"
        assert done["reasoning"] == lost + LAST_PLANE
        assert [call["input"] for call in done["tool_calls"]] == [
            {"n": LAST_PLANE},
            {"n": LAST_PLANE + lost},
            {"n": LAST_PLANE, LAST_PLANE: 1},
        ]
