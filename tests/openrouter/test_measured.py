"""What was measured against the running product and found wrong, row by row and in the rows' words."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chat import ASK, Streamed, chunk, completion, events_head, sse, streaming
from tests.language.support import closed_row
from tests.openrouter.support import Desk, desk
from tests.toy.raw import answer, answer_json, one_chunk, stall

MB = 1 << 20
OUTPUT: dict[str, Any] = {"object": "response", "status": "completed", "output": []}
CLAUDE: dict[str, Any] = {"model": "toy/model", "max_tokens": 9, "messages": ASK["messages"]}
REASONING: dict[str, Any] = {"reasoning": {"max_tokens": 8000}}


def row(counter: Desk) -> dict[str, Any]:
    """The newest row of the ledger."""
    return counter.house.rows()[0]


def sent(counter: Desk, utility: str = "chat", **params: Any) -> Any:
    """The body that reaches OpenRouter."""
    counter.says(answer_json(completion("x")))
    counter.reply(utility, {**ASK, **params})
    return json.loads(counter.sent.body)


def done(counter: Desk, params: dict[str, Any], *payloads: Any) -> Streamed:
    counter.says(streaming(*payloads))
    return Streamed.of(counter.call("chat", {**params, "stream": True}).text)


USED = {"usage": {"cost": 0.9, "prompt_tokens": 1, "completion_tokens": 2}}
REPEATED: dict[str, tuple[dict[str, Any], Any]] = {
    "get_video": ({"job_id": "v"}, {"id": "v", "generation_id": "gen-v", "status": "completed", **USED}),
    "get_generation": ({"id": "gen-g"}, {"data": {"id": "gen-g", "total_cost": 0.9, **USED}}),
    "get_batch": ({"batch_id": "b"}, {"id": "b", "status": "completed", **USED}),
    "get_batch_results": ({"batch_id": "b"}, {"data": [{"custom_id": "a", "response": {"body": USED}}]}),
    "list_batches": ({}, {"data": [{"id": "b", **USED}]}),
    "get_file": ({"file_id": "f"}, {"id": "f", **USED}),
}  # fmt: skip


@pytest.mark.parametrize("utility", REPEATED)
def test_reads_that_repeat_a_total_never_add_up(counter: Desk, utility: str) -> None:
    params, body = REPEATED[utility]
    counter.says(answer_json(body))
    for _ in range(3):
        counter.reply(utility, params)
    costs = [each["cost"] for each in counter.house.rows()[:3]]
    assert sum(cost or 0 for cost in costs) <= 0.9
    assert costs[:2] == [None, None]


def test_a_jobs_cost_is_booked_under_the_replys_generation_id_and_not_under_the_jobs(counter: Desk) -> None:
    counter.says(answer_json({"id": "job-9", "generation_id": "gen-9", "status": "completed", **USED}))
    counter.reply("get_video", {"job_id": "job-9"})
    assert (row(counter)["generation_id"], row(counter)["cost"]) == ("gen-9", 0.9)


BYOK = {"is_byok": True, "cost": 0.25, "cost_details": {"upstream_inference_cost": 0.5}}
BYOK_REPLIES: dict[str, tuple[dict[str, Any], Any]] = {
    "chat": (ASK, completion("x", usage={"prompt_tokens": 1, "completion_tokens": 2, **BYOK})),
    "create_response": ({"model": "m", "input": "hi"},
                        {**OUTPUT, "usage": {"input_tokens": 1, **BYOK}}),
    "create_message": (CLAUDE, {"type": "message", "content": [], "usage": {"input_tokens": 1, **BYOK}}),
    "create_embedding": ({"model": "m", "input": "hi"},
                         {"data": [{"embedding": [1.0], "index": 0}], "usage": {"prompt_tokens": 1, **BYOK}}),
}  # fmt: skip


@pytest.mark.parametrize("utility", BYOK_REPLIES)
def test_cost_of_own_key_accounts_is_whole_in_reply_and_ledger(counter: Desk, utility: str) -> None:
    params, body = BYOK_REPLIES[utility]
    counter.says(answer_json(body))
    reply = counter.reply(utility, params)
    assert row(counter)["cost"] == 0.75
    assert reply["usage"]["cost_details"] == BYOK["cost_details"]
    if utility == "chat":
        assert (reply["usage"]["cost"], reply["usage"]["details"]["is_byok"]) == (0.75, True)


@pytest.mark.parametrize("preset", [{"preset": "x"}, {"model": "@preset/x"}, {"model": "a/b@preset/x"}], ids=str)
def test_with_a_preset_no_default_of_ours_is_sent(counter: Desk, preset: dict[str, Any]) -> None:
    assert not {"max_tokens", "temperature"} & set(sent(counter, **preset))
    given = sent(counter, **preset, max_tokens=4096, temperature=0)
    assert (given["max_tokens"], given["temperature"]) == (4096, 0)


def test_require_parameters_sends_no_temperature_of_ours(counter: Desk) -> None:
    assert "temperature" not in sent(counter, provider={"require_parameters": True})
    assert sent(counter, provider={"require_parameters": True}, temperature=0)["temperature"] == 0


def test_an_unset_max_tokens_makes_room_for_the_budget(counter: Desk) -> None:
    assert sent(counter, **REASONING)["max_tokens"] > 8000
    assert sent(counter, **REASONING, max_tokens=9000)["max_tokens"] == 9000
    assert "max_tokens" not in sent(counter, **REASONING, max_tokens=None)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("raw", ['{"error": {"message": "busy"}}', "busy", {"error": {"message": "busy"}}], ids=str)
def test_all_words_beside_metadata_raw_are_kept(counter: Desk, raw: Any, streams: bool) -> None:
    beside = {"limit_source": "pool", "reason": "in_flight_budget_exhausted", "remedy_hint": "Add a key"}
    availability = {"code": "busy", "retryable": True, "fallback_models": ["a/b"]}
    metadata = {"raw": raw, "provider_name": "P", **beside}
    error = {"code": 429, "message": "Provider returned error", "error_type": "shared", "metadata": metadata}
    error["availability"] = availability
    counter.says(streaming({"error": error}) if streams else answer_json({"error": error}, 429))
    response = counter.call("chat", {**ASK, "stream": streams})
    told = response.json()
    assert response.status_code == 429
    assert "busy" in told["error"]
    assert told["upstream"]["details"] == {**beside, "error_type": "shared", "availability": availability}


def test_the_generation_id_in_the_head_of_speech_is_kept(counter: Desk) -> None:
    head = [("Content-Type", "audio/mpeg"), ("X-Generation-Id", "gen-speech")]
    counter.says(answer(200, b"sound", head))
    counter.call("create_speech", {"model": "m", "input": "hi"})
    assert row(counter)["generation_id"] == "gen-speech"


def test_streams_that_failed_or_were_cancelled_have_their_generation_id_and_provider(counter: Desk) -> None:
    counter.says(streaming(chunk("Hal"), {"error": {"code": 502, "message": "gone"}}))
    counter.call("chat", {**ASK, "stream": True})
    failed = row(counter)
    counter.says(stall(events_head() + one_chunk(sse(chunk("Hal"), done=False))))
    client = counter.house.client
    with client.stream("POST", "/api/skills/openrouter/chat", json={**ASK, "stream": True}) as response:
        assert "Hal" in next(response.iter_text())
    cancelled = closed_row(counter.house)
    assert (failed["outcome"], cancelled["outcome"]) == ("error", "cancelled")
    for each in (failed, cancelled):
        assert (each["generation_id"], each["provider"]) == ("gen-1", "Toy")


def test_every_number_of_usage_arrives_canonical_names_first_the_rest_under_details(counter: Desk) -> None:
    usage = {
        "prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, "cost": 0.5,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2, "audio_tokens": 3,
                                  "video_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5, "image_tokens": 6, "audio_tokens": 7,
                                      "accepted_prediction_tokens": 8, "rejected_prediction_tokens": 9},
        "server_tool_use": {"web_search_requests": 2},
    }  # fmt: skip
    wanted = {
        "input_tokens": 9, "output_tokens": 8, "cached_input_tokens": 1, "cache_write_tokens": 2,
        "reasoning_tokens": 5, "cost": 0.5,
        "details": {
            "total_tokens": 17, "server_tool_use": {"web_search_requests": 2},
            "prompt_tokens_details": {"audio_tokens": 3, "video_tokens": 4},
            "completion_tokens_details": {"image_tokens": 6, "audio_tokens": 7, "accepted_prediction_tokens": 8,
                                          "rejected_prediction_tokens": 9},
        },
    }  # fmt: skip
    counter.says(answer_json(completion("x", usage=usage)))
    assert counter.reply("chat", ASK)["usage"] == wanted
    assert done(counter, ASK, chunk("x", "stop", usage=usage)).done["usage"] == wanted


ROWS = [{"id": n} for n in range(50)]


def test_lists_take_offset_and_cursor_and_say_that_there_is_more_and_where(counter: Desk) -> None:
    counter.says(answer_json({"data": ROWS, "total_count": 120}))
    head = counter.call("list_models").headers
    assert (head["x-more-rows"], head["x-next-position"]) == ("true", "50")
    counter.call("list_models", {"offset": 50})
    assert "offset=50" in counter.toy.requests[-1].target
    counter.says(answer_json({"data": ROWS, "total_count": 50}))
    assert "x-more-rows" not in counter.call("list_models").headers
    counter.says(answer_json({"data": ROWS, "cursor": "next"}))
    head = counter.call("list_files", {"cursor": "here"}).headers
    assert (head["x-more-rows"], head["x-next-position"]) == ("true", "next")
    assert "cursor=here" in counter.sent.target


@pytest.mark.parametrize("params", [{"preset": "p"}, {"models": ["a/b", "c/d"]}, {"model": None}], ids=str)
def test_model_may_be_left_out_beside_preset_or_models_or_be_null(counter: Desk, params: dict[str, Any]) -> None:
    counter.says(answer_json(completion("x")))
    counter.reply("chat", {"messages": ASK["messages"], **params})
    assert "model" not in json.loads(counter.sent.body)
    refused = counter.call("chat", {"messages": ASK["messages"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params")


def test_plain_completions_have_a_utility_that_sends_prompt_without_messages(counter: Desk) -> None:
    counter.says(answer_json({"id": "gen-1", "choices": [{"text": "there was", "finish_reason": "stop"}]}))
    assert counter.reply("create_completion", {"model": "m", "prompt": "Once"})["content"] == "there was"
    body = json.loads(counter.sent.body)
    assert (body["prompt"], "messages" in body) == ("Once", False)


def test_all_debug_further_choices_and_names_of_the_generation_are_kept(counter: Desk) -> None:
    named = {"service_tier": "flex", "system_fingerprint": "fp", "created": 7}
    refusal = [{"token": "No", "logprob": -0.1}]
    spoken = {"content": [{"token": "x", "logprob": -0.5}], "refusal": refusal}
    first = {"index": 0, "finish_reason": "stop", "logprobs": spoken}
    second = {"index": 1, "finish_reason": "stop"}
    body = {**completion("x"), **named, "debug": {"attempt": 1}, "choices": [
        {**first, "message": {"content": "x"}}, {**second, "message": {"content": "y"}}]}  # fmt: skip
    counter.says(answer_json(body))
    plain = counter.reply("chat", ASK)
    chunks = [{**chunk(), **named, "choices": [], "debug": {"attempt": n}} for n in range(2)]
    last = {
        **chunk(),
        **named,
        "choices": [{**first, "delta": {"content": "x"}}, {**second, "delta": {"content": "y"}}],
    }
    streamed = done(counter, ASK, *chunks, last).done
    assert streamed["debug"] == [{"attempt": 0}, {"attempt": 1}]
    assert plain["debug"] == [{"attempt": 1}]
    for reply in (plain, streamed):
        assert {name: reply[name] for name in named} == named
        assert (reply["logprobs"], reply["logprobs_refusal"]) == (spoken["content"], refusal)
        assert [(other["index"], other["content"]) for other in reply["alternatives"]] == [(1, "y")]


def test_spellings_of_the_sdks_in_parts_are_translated(counter: Desk) -> None:
    parts = [
        {"type": "file", "file": {"filename": "a.pdf", "fileData": "data:application/pdf;base64,AA=="}},
        {"type": "image_url", "imageUrl": {"url": "https://a.example/a.png"}},
        {"type": "input_audio", "inputAudio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "videoUrl": {"url": "https://a.example/a.mp4"}},
        {"type": "text", "text": "x", "cacheControl": {"type": "ephemeral"}},
    ]
    told = sent(counter, messages=[{"role": "user", "content": parts}])["messages"][0]["content"]
    assert told == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://a.example/a.mp4"}},
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
    ]


def test_where_the_service_asks_for_no_key_none_is_needed(tmp_path: Path) -> None:
    with desk(tmp_path, {}) as keyless:
        keyless.says(answer_json({"data": [], "key": "sk-or-v1-new"}))
        open_to_all = [name for name, one in keyless.skill["utilities"].items() if one["credential"] is None]
        assert {"exchange_auth_code", "list_models", "list_providers"} <= set(open_to_all)
        for utility, params in (("exchange_auth_code", {"code": "c"}), ("list_models", {}), ("list_providers", {})):
            keyless.reply(utility, params)
        assert {request.header("authorization") for request in keyless.toy.requests} == {None}
        assert keyless.call("chat", ASK).status_code == 424


def test_a_callers_attribution_wins_over_the_settings(counter: Desk) -> None:
    mine = {"title": "Mine", "referer": "https://mine.example", "categories": "cli-agent"}
    sent(counter, attribution=mine)
    names = ("x-openrouter-title", "http-referer", "x-openrouter-categories")
    assert tuple(counter.sent.header(name) for name in names) == tuple(mine.values())
    sent(counter, attribution={"title": "Mine"})
    assert (counter.sent.header("x-openrouter-title"), counter.sent.header("http-referer")) == ("Mine", None)


def test_a_video_larger_than_a_reply_may_be_streams_through(tmp_path: Path) -> None:
    with desk(tmp_path, max_reply=MB) as small:
        small.says(answer(200, bytes(3 * MB), [("Content-Type", "video/mp4")]))
        response = small.call("download_video", {"job_id": "v"})
        assert (response.status_code, len(response.content)) == (200, 3 * MB)
        small.says(answer_json(completion("x" * 2 * MB)))
        assert small.call("chat", ASK).json()["code"] == "upstream_invalid"


@pytest.mark.parametrize("name", ["transforms", "n", "stream_options", "safe_prompt"])
def test_the_sentence_about_an_unknown_param_names_extra(counter: Desk, name: str) -> None:
    response = counter.call("chat", {**ASK, name: 1})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_params")
    assert "extra" in response.json()["error"]
    assert sent(counter, extra={name: 1})[name] == 1


@pytest.mark.parametrize("name", ["list_rerank_models", "create_coinbase_charge"])
def test_a_gone_utility_is_410_whether_it_is_looked_at_or_called(counter: Desk, name: str) -> None:
    looked = counter.house.client.get(f"/api/skills/openrouter/{name}")
    called = counter.call(name)
    assert (looked.status_code, called.status_code) == (410, 410)
    assert looked.json()["error"] == called.json()["error"]


def test_presets_of_messages_and_responses_have_utilities_and_agents_are_led_to_the_documentation(
    counter: Desk,
) -> None:
    counter.says(answer_json({"data": {"slug": "p"}}))
    for utility, path in (("save_preset_of_message", "messages"), ("save_preset_of_response", "responses")):
        counter.reply(utility, {"slug": "p", "request": CLAUDE | {"input": "hi"}})
        assert counter.toy.requests[-1].target == f"/api/v1/presets/p/{path}"
    skill = counter.skill
    assert "read_docs" in skill["instructions"]
    assert {"list_docs", "read_docs"} <= set(skill["utilities"])
