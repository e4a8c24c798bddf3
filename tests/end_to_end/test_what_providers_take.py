"""What each provider takes: the families of Claude, params that one cannot honour, parts that one cannot read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, Chat, chat_house, chunk, streaming
from tests.toy.raw import answer_json

DOCS = Path(__file__).resolve().parents[2] / "docs"
CLAUDE = {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
LLAMA = {"message": {"content": "x"}, "done": True, "done_reason": "stop"}
ANSWERS = {
    "anthropic": CLAUDE,
    "ollama": LLAMA,
    "openai": {"object": "response", "status": "completed", "output": []},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]},
    "openrouter": {"choices": [{"finish_reason": "stop", "message": {"content": "x"}}]},
}
BUDGET = ["claude-haiku-4-5", "claude-opus-4-5-20251101", "claude-sonnet-4-20250514", "claude-opus-4-1",
          "claude-3-7-sonnet", "claude-opus-4-0", "claude-2.1"]  # fmt: skip
ADAPTIVE = ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-4-10", "claude-brand-new", "toy/model"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("takes")) as started:
        yield started


def sent(chat: Chat, skill: str, **params: Any) -> Any:
    """The body that reaches the provider."""
    chat.says(answer_json(ANSWERS[skill]))
    response = chat.ask({**ASK, **params}, skill)
    assert response.status_code == 200, response.text
    return json.loads(chat.sent.body)


def refused(chat: Chat, skill: str, **params: Any) -> str:
    """The sentence of a 400; nothing reaches the provider."""
    chat.says(answer_json(ANSWERS[skill]))
    response = chat.ask({**ASK, **params}, skill)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_params"), response.text
    assert not chat.toy.requests
    return str(response.json()["error"])


@pytest.mark.parametrize("model", BUDGET)
def test_older_claudes_think_within_a_budget(shared: Chat, model: str) -> None:
    body = sent(shared, "anthropic", model=model, reasoning={"effort": "high"})
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 3276}
    assert (body["max_tokens"], "output_config" in body) == (3276 + 4096, False)
    body = sent(shared, "anthropic", model=model, reasoning={"max_tokens": 8000})
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (8000, 12096)
    body = sent(shared, "anthropic", model=model, reasoning_effort="minimal", max_tokens=1200)
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (1024, 1200)


@pytest.mark.parametrize("model", ADAPTIVE)
def test_newer_claudes_and_unknown_names_get_levels(shared: Chat, model: str) -> None:
    def thinking(**reasoning: Any) -> Any:
        body = sent(shared, "anthropic", model=model, reasoning=reasoning, max_tokens=10_000, verbosity="max")
        assert body["max_tokens"] == 10_000
        return body["thinking"], body["output_config"]["effort"]

    shown = {"type": "adaptive", "display": "summarized"}
    assert thinking(effort="xhigh") == (shown, "xhigh")
    assert thinking(effort="minimal") == (shown, "low")
    assert thinking(effort="high", exclude=True) == ({"type": "adaptive"}, "high")
    assert thinking(max_tokens=5000) == (shown, "medium")
    assert thinking(enabled=True) == (shown, "max")


def test_claude_4_6_takes_both(shared: Chat) -> None:
    body = sent(shared, "anthropic", model="claude-opus-4-6", reasoning={"effort": "xhigh"})
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    body = sent(shared, "anthropic", model="claude-sonnet-4-6", reasoning={"max_tokens": 2000})
    assert (body["thinking"], body["max_tokens"]) == ({"type": "enabled", "budget_tokens": 2000}, 6096)
    assert "output_config" not in body


@pytest.mark.parametrize("off", [{"effort": "none"}, {"enabled": False, "effort": "high"}])
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-8"])
def test_no_thinking_is_sent_when_none_is_wanted(shared: Chat, model: str, off: dict[str, Any]) -> None:
    body = sent(shared, "anthropic", model=model, reasoning=off)
    assert not {"thinking", "output_config", "temperature"} & set(body)


def test_a_budget_that_max_tokens_has_no_room_for_is_refused_naming_both(shared: Chat) -> None:
    said = refused(shared, "anthropic", model="claude-haiku-4-5", reasoning={"max_tokens": 8000}, max_tokens=4096)
    assert "4096" in said
    assert "8000" in said


FUNCTION = {"name": "f", "input_schema": {"type": "object"}}
NOT_HONOURED: list[tuple[str, dict[str, Any]]] = [
    ("ollama", {"tool_choice": "required", "tools": [FUNCTION]}),
    ("ollama", {"tool_choice": {"name": "f"}, "tools": [FUNCTION]}),
    ("ollama", {"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": [FUNCTION]}),
    ("ollama", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    ("ollama", {"modalities": ["text", "audio"]}),
    ("ollama", {"response_format": {"type": "grammar"}}),
    ("anthropic", {"response_format": {"type": "json_object"}}),
    ("anthropic", {"logprobs": True}),
    ("anthropic", {"top_logprobs": 2}),
    ("anthropic", {"modalities": ["image"]}),
    ("anthropic", {"messages": [{"role": "user", "content": " \n"}]}),
    ("anthropic", {"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}),
]
PARTS: list[dict[str, Any]] = [
    {"type": "image_url"},
    {"type": "image_url", "image_url": {}},
    {"type": "image_url", "image_url": {"url": ""}},
    {"type": "image_url", "image_url": "data:image/svg+xml,<svg/>"},
    {"type": "file", "file": {"file_id": "file_1"}},
    {"type": "file"},
    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    {"type": "video_url", "video_url": {"url": "https://a.example/v.mp4"}},
]
UNREAD = [
    (skill, {"messages": [{"role": "user", "content": [part]}]})
    for skill in ("anthropic", "ollama")
    for part in PARTS
]


@pytest.mark.parametrize(("skill", "params"), [*NOT_HONOURED, *UNREAD], ids=str)
def test_what_would_change_the_answer_is_refused_before_anything_is_sent(
    shared: Chat, skill: str, params: dict[str, Any]
) -> None:
    assert refused(shared, skill, **params)


@pytest.mark.parametrize("skill", ["anthropic", "ollama"])
@pytest.mark.parametrize("name", ["models", "provider", "plugins", "preset", "structured_outputs"])
def test_what_is_openrouters_own_is_unknown_elsewhere(shared: Chat, skill: str, name: str) -> None:
    assert name in refused(shared, skill, **{name: {}})


IGNORED: list[tuple[str, dict[str, Any], set[str]]] = [
    ("ollama", {"tool_choice": "auto", "tools": [FUNCTION], "user": "u", "verbosity": "low", "seed": 1},
     {"tool_choice", "user", "verbosity"}),
    ("ollama", {"parallel_tool_calls": True, "reasoning": {"max_tokens": 9, "exclude": True}},
     {"parallel_tool_calls", "reasoning.max_tokens", "reasoning.exclude"}),
    ("anthropic", {"seed": 1, "frequency_penalty": 1, "presence_penalty": 1, "top_k": 3, "user": "u"},
     {"seed", "frequency_penalty", "presence_penalty"}),
    ("anthropic", {"verbosity": "low", "model": "claude-haiku-4-5"}, {"verbosity"}),
    ("anthropic", {"verbosity": "low", "reasoning_effort": "high"}, {"verbosity"}),
    ("anthropic", {"verbosity": "low"}, set()),
    ("anthropic", {"tool_choice": "auto", "parallel_tool_calls": True}, {"tool_choice", "parallel_tool_calls"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("skill", "params", "names"), IGNORED, ids=lambda each: each if isinstance(each, str) else None
)
def test_what_would_not_change_it_is_left_out_and_named(
    shared: Chat, skill: str, params: dict[str, Any], names: set[str]
) -> None:
    shared.says(answer_json(ANSWERS[skill]))
    response = shared.ask({**ASK, **params}, skill)
    assert response.status_code == 200, response.text
    told = response.headers.get("X-Ignored-Params", "")
    assert {name.strip() for name in told.split(",") if name.strip()} == names
    body = json.loads(shared.sent.body)
    assert not names & set(body)


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ("data:text/plain,a,b%2C%20c", {"type": "text", "media_type": "text/plain", "data": "a,b, c"}),
        ("data:,plain", {"type": "text", "media_type": "text/plain", "data": "plain"}),
        ("data:text/csv;charset=utf-8;base64,YSxi", {"type": "text", "media_type": "text/plain", "data": "a,b"}),
        ("data:application/pdf;base64,JV=", {"type": "base64", "media_type": "application/pdf", "data": "JV="}),
        ("https://a.example/x.pdf", {"type": "url", "url": "https://a.example/x.pdf"}),
    ],
)  # fmt: skip
def test_a_file_reaches_claude_as_what_it_is(shared: Chat, data: str, source: Any) -> None:
    part = {"type": "file", "file": {"filename": "x", "file_data": data}}
    [block] = sent(shared, "anthropic", messages=[{"role": "user", "content": [part]}])["messages"][0]["content"]
    assert block == {"type": "document", "source": source, "title": "x"}


def test_every_key_of_a_tool_that_claude_knows_arrives_and_no_other(shared: Chat) -> None:
    keys: dict[str, Any] = {
        "strict": True,
        "defer_loading": True,
        "input_examples": [{}],
        "cache_control": {"type": "ephemeral"},
    }
    ours = {
        "name": "f",
        "description": "F",
        "input_schema": {"type": "object"},
        **keys,
        "annotations": {"title": "F"},
    }
    function = {"name": "h", "description": "F", "parameters": {"type": "object"}, "strict": True}
    beside = {key: value for key, value in keys.items() if key != "strict"}
    closed = {"type": "object", "additionalProperties": False}
    told = {"name": "f", "description": "F", "input_schema": closed, **keys}
    tools = [ours, {"type": "function", "function": function, **beside}, {"type": "custom", "name": "g"}]
    assert sent(shared, "anthropic", tools=tools)["tools"] == [
        told,
        told | {"name": "h"},
        {"type": "custom", "name": "g"},
    ]


@pytest.mark.parametrize("skill", ["openrouter", "anthropic"])
def test_without_tools_nothing_is_said_about_them(shared: Chat, skill: str) -> None:
    body = sent(shared, skill, tools=[], tool_choice="auto", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)


DEFAULTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"max_tokens": 4096, "temperature": 0}),
    ({"preset": "p"}, {}),
    ({"model": "@preset/p"}, {}),
    ({"model": "a/b@preset/p", "temperature": 0, "max_tokens": 4096}, {"temperature": 0, "max_tokens": 4096}),
    ({"provider": {"require_parameters": True}}, {"max_tokens": 4096}),
    ({"provider": {"require_parameters": True}, "temperature": 0}, {"max_tokens": 4096, "temperature": 0}),
    ({"reasoning": {"max_tokens": 8000}}, {"max_tokens": 12096, "temperature": 0}),
    ({"reasoning": {"max_tokens": 8000}, "max_tokens": 9000}, {"max_tokens": 9000, "temperature": 0}),
    ({"reasoning": {"max_tokens": 8000}, "max_tokens": None}, {"temperature": 0}),
]


@pytest.mark.parametrize(("params", "told"), DEFAULTS, ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_defaults_for_openrouter_give_way(shared: Chat, params: dict[str, Any], told: Any, stream: bool) -> None:
    body = sent(shared, "openrouter", **params, **({"stream": True} if stream else {}))
    assert {key: body[key] for key in ("max_tokens", "temperature") if key in body} == told


@pytest.mark.parametrize("params", [{"model": None}, {"preset": "p"}, {"models": ["a/b"]}], ids=str)
def test_a_model_may_be_left_to_openrouter(shared: Chat, params: dict[str, Any]) -> None:
    shared.says(answer_json(ANSWERS["openrouter"]))
    response = shared.ask({"messages": ASK["messages"], **params})
    assert response.status_code == 200, response.text
    assert "model" not in json.loads(shared.sent.body)
    nameless = shared.ask({"messages": ASK["messages"]})
    assert (nameless.status_code, nameless.json()["code"]) == (400, "invalid_params")


def test_parts_of_the_sdks_are_spelled_as_the_api_wants_them(shared: Chat) -> None:
    parts = [
        {
            "type": "image_url",
            "imageUrl": {"url": "https://a.example/x"},
            "cacheControl": {"type": "ephemeral"},
        },
        {"type": "file", "file": {"filename": "x", "fileData": "data:application/pdf;base64,JV="}},
        {"type": "input_audio", "inputAudio": {"data": "UklGRg==", "format": "wav"}},
    ]
    assert sent(shared, "openrouter", messages=[{"role": "user", "content": parts}])["messages"][0]["content"] == [
        {
            "type": "image_url",
            "image_url": {"url": "https://a.example/x"},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "file", "file": {"filename": "x", "file_data": "data:application/pdf;base64,JV="}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


def test_an_app_may_name_itself_for_one_call(shared: Chat) -> None:
    sent(shared, "openrouter", attribution={"title": "Mine", "referer": "https://mine.example"})
    assert shared.sent.header("x-openrouter-title") == "Mine"
    assert shared.sent.header("http-referer") == "https://mine.example"


def test_an_unknown_param_is_told_where_it_may_go(shared: Chat) -> None:
    assert "goes into extra" in refused(shared, "openrouter", n=2)


def test_the_head_of_an_answer_names_its_generation(shared: Chat) -> None:
    shared.says(answer_json({"error": {"code": 503, "message": "gone"}}, 503, [("X-Generation-Id", "gen-head")]))
    assert shared.ask().status_code == 503
    assert shared.row["generation_id"] == "gen-head"


def test_a_stream_that_fails_names_its_generation_and_its_provider(shared: Chat) -> None:
    shared.says(streaming(chunk("Hal"), {"error": {"code": 502, "message": "gone"}}))
    assert shared.stream().error["partial"]["content"] == "Hal"
    assert (shared.row["generation_id"], shared.row["provider"]) == ("gen-1", "Toy")


def said(table: str) -> Iterator[tuple[str, str, str]]:
    """A row's first cell, a skill and what the page says of it."""
    skills: list[str] = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
        if cells[:1] in (["param"], ["beside the chat"]):
            skills = cells[1:]
        elif not line.startswith("|"):
            skills = []
        elif skills and cells:
            yield from ((cells[0], skill, cell) for skill, cell in zip(skills, cells[1:], strict=True))


SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
VIDEO = {"type": "video_url", "video_url": {"url": "https://a.example/b.mp4"}}
SAMPLES: dict[str, dict[str, Any]] = {
    "`top_p`": {"top_p": 0.5},
    "`top_k`": {"top_k": 3},
    "`stop`": {"stop": ["x"]},
    "`seed`": {"seed": 1},
    "`frequency_penalty`, `presence_penalty`": {"frequency_penalty": 1, "presence_penalty": 1},
    "`repetition_penalty`": {"repetition_penalty": 1.1},
    "`tool_choice` auto, none": {"tools": [FUNCTION], "tool_choice": "none"},
    "`tool_choice` required, by name": {"tools": [FUNCTION], "tool_choice": {"name": "f"}},
    "`parallel_tool_calls`": {"tools": [FUNCTION], "parallel_tool_calls": False},
    "`response_format` json_object": {"response_format": {"type": "json_object"}},
    "`response_format` json_schema": {"response_format": SCHEMA},
    "`reasoning`": {"reasoning": {"effort": "low"}},
    "`logprobs`": {"logprobs": True},
    "`modalities` beside text": {"modalities": ["text", "image"]},
    "`user`": {"user": "u"},
    "`cache_control`": {"cache_control": {"type": "ephemeral"}},
    "audio": {"messages": [{"role": "user", "content": [AUDIO]}]},
    "video": {"messages": [{"role": "user", "content": [VIDEO]}]},
    "`models`, `provider`, `plugins`, `preset`, `structured_outputs`": {"plugins": [{"id": "web"}]},
}
PAGE = [row for row in said((DOCS / "chat.md").read_text(encoding="utf-8")) if row[0] in SAMPLES]


@pytest.mark.parametrize(("row", "skill", "claim"), PAGE)
def test_the_page_says_what_each_honours(shared: Chat, row: str, skill: str, claim: str) -> None:
    params = SAMPLES[row]
    shared.says(answer_json(ANSWERS[skill]))
    response = shared.ask({**ASK, **params}, skill)
    without = claim.rpartition(", else ")[2]  # what holds without a further param
    assert response.status_code == (400 if without.startswith(("refused", "unknown")) else 200), response.text
    names = {name.strip() for name in response.headers.get("X-Ignored-Params", "").split(",") if name.strip()}
    assert names == (params.keys() - {"tools"} if without.startswith("ignored") else set())


def test_every_sample_is_a_row_of_the_page() -> None:
    assert {row for row, _, _ in PAGE} == SAMPLES.keys()


BESIDE = [row for row in said((DOCS / "chat.md").read_text(encoding="utf-8")) if row[0].split(":")[0] in (
    "its own shape of a chat", "models", "tokens counted before asking", "embeddings", "batches", "uploads",
    "images made", "speech and recordings", "videos")]  # fmt: skip
UTILITY = re.compile(r"`([a-z]+_[a-z_]+)`")


def test_the_page_names_the_utilities_beside_the_chat_and_who_has_none(shared: Chat) -> None:
    assert len(BESIDE) == 15 * 5
    named: dict[tuple[str, str], set[str]] = {}
    for row, skill, claim in BESIDE:
        found = {name for name in UTILITY.findall(claim) if name != "output_file_id"}
        named.setdefault((skill, row.split(":")[0]), set()).update(found)
        assert found or claim == "no" or row == "uploads: named in a message", (row, skill)
    words = {"batches": "batch", "uploads": "_file", "embeddings": "create_embedding", "videos": "create_video",
             "tokens counted before asking": "count_tokens", "images made": "create_image"}  # fmt: skip
    for skill in ANSWERS:
        utilities = set(shared.house.client.get(f"/api/skills/{skill}").json()["utilities"])
        for (whose, row), names in named.items():
            if whose == skill:
                assert names <= utilities, (skill, row)
                if row in words and not names:
                    assert not [name for name in utilities if words[row] in name], (skill, row)


LISTS: list[tuple[str, str, Any, str]] = [
    ("openai", "list_files", {"data": [{"id": "f1"}], "has_more": True, "last_id": "f1"}, "after"),
    ("openai", "list_batches", {"data": [{"id": "b1"}], "has_more": True, "last_id": "b1"}, "after"),
    ("anthropic", "list_batches", {"data": [{"id": "m1"}], "has_more": True, "last_id": "m1"}, "after_id"),
    ("gemini", "list_files", {"files": [{"name": "f"}], "nextPageToken": "t1"}, "page_token"),
    ("gemini", "list_caches", {"cachedContents": [{"name": "c"}], "nextPageToken": "t2"}, "page_token"),
    ("gemini", "list_models", {"models": [{"name": "m"}], "nextPageToken": "t3"}, "page_token"),
]


@pytest.mark.parametrize(("skill", "utility", "page", "param"), LISTS, ids=str)
def test_every_list_takes_the_place_at_which_it_says_that_it_goes_on(
    shared: Chat, skill: str, utility: str, page: Any, param: str
) -> None:
    last = {key: value for key, value in page.items() if key not in ("has_more", "nextPageToken")}
    shared.says(answer_json(page), answer_json(last))
    first = shared.house.call(skill, utility)
    assert (first.status_code, first.headers["x-more-rows"]) == (200, "true")
    place = first.headers["x-next-position"]
    assert shared.house.call(skill, utility, {param: place}).status_code == 200
    assert f"={place}" in shared.toy.requests[1].target


def test_every_list_that_goes_on_is_tried(shared: Chat) -> None:
    for skill in ("anthropic", "ollama", "openai", "gemini"):
        utilities = shared.house.client.get(f"/api/skills/{skill}").json()["utilities"]
        lists = {name for name, one in utilities.items() if one["paginates"]}
        assert lists <= {utility for whose, utility, _, _ in LISTS if whose == skill}
