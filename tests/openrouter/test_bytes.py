"""What is no JSON: sound and files out and in, jobs that take minutes, lists of many pages, and what is gone."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

from tests.openrouter.forms import parts_of
from tests.openrouter.support import KEY, Desk
from tests.toy.raw import Exchange, Received, answer, answer_json

BY_CURSOR = frozenset({"list_files", "list_batches", "get_batch_results"})
SOUND = bytes(range(256)) * 3
JOB = {"id": "job/1", "polling_url": "https://openrouter.ai/api/v1/videos/job%2F1", "status": "pending"}
VIDEO = JOB | {"status": "completed", "unsigned_urls": ["https://openrouter.ai/api/v1/videos/job/content?index=0"]}


def form(request: Received) -> dict[str, tuple[str | None, bytes]]:
    """Name to filename and bytes of a multipart body."""
    parts = parts_of(request.header("content-type") or "", request.body)
    return {name: (filename, data) for name, filename, data in parts}


def test_speech_is_the_sound_itself_with_its_type(counter: Desk) -> None:
    counter.says(answer(200, SOUND, [("Content-Type", "audio/mpeg")]))
    response = counter.call("create_speech", {"model": "toy/voice", "input": "Hello", "response_format": "mp3"})
    assert (response.content, response.headers["content-type"]) == (SOUND, "audio/mpeg")
    assert json.loads(counter.sent.body) == {"model": "toy/voice", "input": "Hello", "response_format": "mp3"}


def test_speech_that_fails_is_an_error_and_no_sound(counter: Desk) -> None:
    counter.says(answer_json({"error": {"code": 400, "message": "no such voice"}}, 400))
    response = counter.call("create_speech", {"model": "toy/voice", "input": "Hello"})
    assert (response.status_code, response.json()["code"]) == (400, "upstream_rejected")
    assert "no such voice" in response.json()["error"]


def test_a_recording_is_sent_as_the_file_it_is(counter: Desk) -> None:
    counter.says(answer_json({"text": "Hello", "usage": {"seconds": 1, "cost": 0.01}}))
    file = {"data": base64.b64encode(SOUND).decode(), "filename": "hello.wav", "content_type": "audio/wav"}
    given = {"file": file, "model": "toy/ear", "timestamp_granularities": ["word", "segment"]}
    assert counter.reply("create_transcription", given)["text"] == "Hello"
    parts = form(counter.sent)
    assert parts["file"] == ("hello.wav", SOUND)
    assert parts["model"] == (None, b"toy/ear")
    assert counter.sent.body.count(b'name="timestamp_granularities[]"') == 2


def test_a_stored_file_comes_back_byte_for_byte(counter: Desk) -> None:
    counter.says(answer_json({"id": "file_1", "filename": "a.bin"}))
    assert counter.reply("upload_file", {"file": base64.b64encode(SOUND).decode()})["id"] == "file_1"
    assert form(counter.sent)["file"][1] == SOUND
    counter.says(answer(200, SOUND, [("Content-Type", "application/octet-stream")]))
    assert counter.call("download_file", {"file_id": "file_1"}).content == SOUND


def test_a_batch_says_how_to_read_its_requests_before_them(counter: Desk) -> None:
    counter.says(answer_json({"id": "batch_1", "status": "validating"}, 202))
    requests = [{"custom_id": "a", "body": {"messages": [{"role": "user", "content": "hi"}]}}]
    given = {"requests": requests, "model": "toy/model", "endpoint": "/v1/chat/completions"}
    assert counter.reply("create_batch", given)["id"] == "batch_1"
    assert list(json.loads(counter.sent.body)) == ["endpoint", "model", "completion_window", "requests"]


def test_documentation_is_read_without_a_key_and_from_its_own_pages_only(counter: Desk) -> None:
    counter.says(answer(200, b"# Routing", [("Content-Type", "text/markdown")]))
    assert counter.reply("read_docs", {"page": "features/provider-routing"}) == "# Routing"
    assert (counter.sent.target, counter.sent.header("authorization")) == (
        "/docs/features/provider-routing.md",
        None,
    )
    counter.says(answer(200, b"- [Routing]", [("Content-Type", "text/plain")]))
    assert counter.reply("list_docs") == "- [Routing]"
    counter.says(answer(200, b"no", [("Content-Type", "text/plain")]))
    assert counter.call("read_docs", {"page": "../api/v1/key"}).status_code == 400
    assert not counter.toy.requests


def test_a_video_is_waited_for_where_its_id_says(counter: Desk) -> None:
    counter.says(answer_json(JOB, 202), answer_json(VIDEO))
    assert counter.reply("create_video", {"model": "toy/film", "prompt": "a dog"}) == VIDEO
    look = counter.toy.requests[1]
    assert (look.method, look.target, look.header("authorization")) == (
        "GET",
        "/api/v1/videos/job%2F1",
        f"Bearer {KEY}",
    )


def test_a_video_that_nobody_waits_for_is_its_job(counter: Desk) -> None:
    counter.says(answer_json(JOB, 202))
    assert counter.reply("create_video", {"model": "toy/film", "prompt": "a dog", "wait": False}) == JOB
    assert "wait" not in json.loads(counter.sent.body)


def test_a_video_that_fails_says_why(counter: Desk) -> None:
    for status, why, told in (("failed", "too dark", "too dark"), ("expired", None, "expired")):
        counter.says(answer_json(JOB, 202), answer_json(JOB | {"status": status, "error": why}))
        response = counter.call("create_video", {"model": "toy/film", "prompt": "a dog"})
        assert response.status_code == 502
        assert told in response.json()["error"]
        assert response.json()["job"]["reply"]["id"] == "job/1"


def rows(exchange: Exchange) -> None:
    """250 rows, 100 at most at once, by offset."""
    query = parse_qs(urlsplit(exchange.request.target).query)
    start, count = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["100"])[0])
    answer_json({"data": [{"id": n} for n in range(start, min(start + min(count, 100), 250))]})(exchange)


def test_lists_go_on_for_as_long_as_the_caller_wants(counter: Desk) -> None:
    lists = [name for name, one in counter.skill["utilities"].items() if one["paginates"] and name not in BY_CURSOR]
    assert len(lists) > 8
    for name in lists:
        given = dict.fromkeys(counter.skill["utilities"][name]["params"].get("required", []), "one")
        counter.says(rows)
        assert [row["id"] for row in counter.reply(name, {**given, "all": True})] == list(range(250)), name
        assert len(counter.reply(name, {**given, "limit": 120})) == 120, name
        counter.says(rows)
        counter.reply(name, given)
        assert "?" not in counter.sent.target, name


def test_a_list_goes_on_where_its_reply_says(counter: Desk) -> None:
    utilities = counter.skill["utilities"]
    lists = [n for n, one in utilities.items() if one["paginates"] and "offset" in one["params"]["properties"]]
    assert "list_keys" in lists  # which is cut off within its page: it takes no limit
    counter.says(rows)
    for name in lists:
        given: dict[str, object] = dict.fromkeys(utilities[name]["params"].get("required", []), "one")
        found: list[int] = []
        for _ in range(7):
            response = counter.call(name, {**given, "limit": 40})
            found += [row["id"] for row in response.json()]
            if "x-next-position" not in response.headers:
                break
            given["offset"] = int(response.headers["x-next-position"])
        assert found == list(range(250)), name
    counter.says(answer_json({"data": [{"id": "a"}], "cursor": "n/x t"}))
    assert counter.call("list_files", {"limit": 1}).headers["x-next-position"] == "n/x%20t"
    counter.says(answer_json({"data": [{"id": "b"}], "cursor": None}))
    assert "x-next-position" not in counter.call("list_files", {"limit": 9, "cursor": "n/x t"}).headers


def test_files_go_on_by_their_cursor(counter: Desk) -> None:
    counter.says(
        answer_json({"data": [{"id": "a"}], "cursor": "next"}), answer_json({"data": [{"id": "b"}], "cursor": None})
    )
    assert counter.reply("list_files", {"all": True}) == [{"id": "a"}, {"id": "b"}]
    assert "cursor=next" in counter.toy.requests[1].target


def test_batches_and_what_they_gave_go_on_by_the_cursor_of_their_own(counter: Desk) -> None:
    counter.says(
        answer_json({"data": [{"id": "b"}], "has_more": True, "last_id": "b"}),
        answer_json({"data": [{"id": "a"}], "has_more": False, "last_id": "a"}),
    )
    assert counter.reply("list_batches", {"all": True}) == [{"id": "b"}, {"id": "a"}]
    assert "after=b" in counter.toy.requests[1].target
    counter.says(answer_json({"data": [1], "next_cursor": "x"}), answer_json({"data": [2], "next_cursor": None}))
    assert counter.reply("get_batch_results", {"batch_id": "b", "all": True}) == [1, 2]
    assert "cursor=x" in counter.toy.requests[1].target


def test_what_openrouter_removed_says_what_to_do_instead_and_sends_nothing(counter: Desk) -> None:
    for name, instead in (("list_rerank_models", "list_models"), ("create_coinbase_charge", "settings/credits")):
        response = counter.call(name)
        assert (response.status_code, response.json()["code"]) == (410, "gone")
        assert instead in response.json()["error"]
    assert not counter.toy.requests
    assert set(counter.skill["gone"]) == {"list_rerank_models", "create_coinbase_charge"}


def test_limits_can_be_taken_away_as_well_as_changed(counter: Desk) -> None:
    counter.says(answer_json({"data": {"hash": "h", "limit": None}}))
    assert counter.reply("update_key", {"hash": "h", "limit_reset": "daily", "clear": ["limit"]})["limit"] is None
    assert json.loads(counter.sent.body) == {"limit_reset": "daily", "limit": None}
    counter.says(answer_json({"data": {"id": "g"}}))
    counter.reply("update_guardrail", {"id": "g", "name": "New", "clear": ["allowed_models", "limit_usd"]})
    assert json.loads(counter.sent.body) == {"name": "New", "allowed_models": None, "limit_usd": None}


def test_a_new_key_is_told_once_beside_what_is_known_of_it(counter: Desk) -> None:
    counter.says(answer_json({"data": {"hash": "h", "name": "n"}, "key": "sk-or-v1-new"}, 201))
    assert counter.reply("create_key", {"name": "n"}) == {"hash": "h", "name": "n", "key": "sk-or-v1-new"}
