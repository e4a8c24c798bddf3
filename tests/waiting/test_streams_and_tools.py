"""A yes for streams and over MCP: the same words by another way."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.house import events_of
from tests.limits.support import sse
from tests.mcp.test_clients import PROGRAMS, PYTHON, python_clients
from tests.security.support import until
from tests.waiting.support import OPERATOR, TOKEN, Desk, desk, refusal

STREAM = sse({"say": "he"}, {"say": "y", "usage": {"cost": 0.5}}, "[DONE]")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("streams"), STREAM, hold=0.15) as made:
        yield made


@pytest.fixture(scope="module")
def tooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("tools")) as made:
        yield made


def streamed(made: Desk, text: str, agent: str = "ann", **headers: str) -> httpx.Response:
    params = {"text": text, "stream": True}
    return made.client.post("/api/skills/toy/ask", json=params, headers={"X-Agent": agent, **headers})


def test_a_held_stream_begins_with_comments_and_goes_on_after_the_yes(shared: Desk) -> None:
    held = shared.threads.submit(streamed, shared, "yes")
    entry = shared.the_one(agent="ann")
    assert entry["call"]["streaming"] is True
    with shared.client.stream(
        "POST", "/api/skills/toy/ask", json={"text": "yes", "stream": True}, headers={"X-Agent": "bob"}
    ) as begun:
        lines = begun.iter_lines()
        assert (begun.status_code, next(line for line in lines if line)) == (200, ": ping")
        shared.decide(shared.the_one(agent="bob")["id"])
        assert "done" in [line.partition(": ")[2] for line in lines if line.startswith("event")]
    shared.decide(entry["id"])
    events = events_of(held.result().text)
    assert [name for name, _ in events][-1] == "done"
    assert events[-1][1]["content"] == "hey"
    row = shared.row(agent="ann")
    assert (row["outcome"], row["decision"]["state"], row["cost"]) == ("ok", "used", 0.5)


def test_a_held_stream_hears_a_no_and_that_nobody_answered_as_its_end(shared: Desk) -> None:
    for text, code in (("no", "decision_denied"), ("nobody", "decision_expired")):
        with shared.client.stream(
            "POST", "/api/skills/toy/ask", json={"text": text, "stream": True}, headers={"X-Agent": "cy"}
        ) as begun:
            assert begun.status_code == 200
            entry = shared.the_one(agent="cy")
            if text == "no":
                shared.decide(entry["id"], "no", reason="why")
            else:
                shared.later(entry["id"])
            ((name, data),) = events_of("".join(begun.iter_text()))
        assert (name, data["code"], data["partial"]) == ("error", code, None)
        assert shared.row(agent="cy")["code"] == code


def test_a_stream_that_wants_to_be_told_at_once_is(shared: Desk) -> None:
    told = streamed(shared, "later", "dee", Prefer="respond-async")
    assert told.status_code == 202
    waiting = told.json()["waiting"]["id"]
    shared.decide(waiting)
    events = events_of(streamed(shared, "later", "dee", **{"Waiting-Id": waiting}).text)
    assert [name for name, _ in events][-1] == "done"


def test_what_fails_before_anybody_is_asked_keeps_its_status(shared: Desk) -> None:
    wrong = shared.client.post("/api/skills/toy/ask", json={"text": 1, "stream": True}, headers={"X-Agent": "eve"})
    assert refusal(wrong) == (400, "invalid_params")
    assert [each for each in shared.waiting(state="all") if each["agent"] == "eve"] == []


def test_a_held_stream_ends_when_the_server_stops_and_the_question_stays(tmp_path: Path) -> None:
    with desk(tmp_path, STREAM, hold=0.05) as made:
        held = made.threads.submit(streamed, made, "stop")
        plain = made.threads.submit(made.call, "plain")
        assert until(lambda: len(made.waiting()) == 2)
        waiting = made.waiting()
        made.server.stop()
        ended = held.result()
        data = ended.json() if ended.status_code == 503 else events_of(ended.text)[0][1]
        assert data["code"] == "shutting_down"
        assert plain.result().json()["code"] in ("decision_pending", "shutting_down")
    with desk(tmp_path, STREAM, hold=0.05) as made:
        ids = {each["id"] for each in made.waiting()}
        assert {each["id"] for each in waiting} == ids
        for each in ids:
            made.decide(each)
        assert streamed(made, "stop").status_code == 200


# ------------------------------------------------------------------ MCP


def tool(made: Desk, text: str, token: str | None = "t") -> httpx.Response:
    meta: dict[str, Any] = {"_meta": {"progressToken": token}} if token else {}
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "toy_ask", "arguments": {"text": text}, **meta},
    }
    headers = {"Accept": "application/json, text/event-stream", "X-Agent": "tool"}
    return made.client.post("/mcp", json=message, headers=headers)


def result(answer: httpx.Response) -> tuple[list[str], dict[str, Any]]:
    """The methods of notices, and the result."""
    if answer.headers["content-type"].startswith("application/json"):
        return [], dict(answer.json()["result"])
    messages = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return [each["method"] for each in messages[:-1]], dict(messages[-1]["result"])


def test_over_mcp_progress_is_told_until_the_answer(tooled: Desk) -> None:
    held = tooled.threads.submit(tool, tooled, "yes")
    tooled.decide(tooled.the_one(agent="tool")["id"])
    _, given = result(held.result())
    assert not given.get("isError")
    held = tooled.threads.submit(tool, tooled, "no")
    entry = tooled.the_one(agent="tool")
    assert tooled.client.get("/api/waiting/" + entry["id"], params={"wait": "0.3"}, headers=OPERATOR).is_success
    tooled.decide(entry["id"], "no", reason="not now")
    notices, given = result(held.result())
    assert set(notices) == {"notifications/progress"}
    body = json.loads(given["content"][0]["text"])
    assert (given["isError"], body["code"]) == (True, "decision_denied")
    assert "not now" in body["error"]


# ------------------------------------------------------------------ a page to answer on, over MCP

MODERN = "2026-07-28"
OPENS: dict[str, Any] = {"elicitation": {"url": {}}}


def modern(made: Desk, text: str, capabilities: dict[str, Any], host: str = "", **params: Any) -> dict[str, Any]:
    """The result of a call by a client of this year's protocol."""
    prefix = "io.modelcontextprotocol/"
    meta = {f"{prefix}protocolVersion": MODERN, f"{prefix}clientCapabilities": capabilities}
    called = {"name": "toy_ask", "arguments": {"text": text}, "_meta": meta, **params}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "toy_ask", "X-Agent": "page"}
    given = headers | ({"Host": host} if host else {})
    answer = made.client.post(
        "/mcp", json=message, headers={"Accept": "application/json, text/event-stream", **given}
    )
    return result(answer)[1]


def test_a_client_that_can_open_an_address_is_led_to_the_page_and_comes_back(tooled: Desk) -> None:
    before = len(tooled.toy.requests)
    led = modern(tooled, "page", OPENS)
    entry = tooled.the_one(agent="page")
    asked = led["inputRequests"]["decision"]
    assert (led["resultType"], led["requestState"], asked["method"]) == (
        "input_required",
        entry["id"],
        "elicitation/create",
    )
    assert (asked["params"]["mode"], asked["params"]["url"]) == (
        "url",
        f"{tooled.server.url}/console/waiting/{entry['id']}",
    )
    assert "page may call toy/ask only after your yes" in asked["params"]["message"]
    for action in ("decline", "cancel"):
        back = modern(tooled, "page", OPENS, inputResponses={"decision": {"action": action}})
        assert (back["resultType"], json.loads(back["content"][0]["text"])["code"]) == (
            "complete",
            "decision_pending",
        )
    assert tooled.state(entry["id"]) == "pending"
    there: dict[str, Any] = {
        "inputResponses": {"decision": {"action": "accept"}},
        "requestState": led["requestState"],
    }
    held = tooled.threads.submit(modern, tooled, "page", OPENS, **there)
    tooled.the_one(agent="page", times=4)
    assert len(tooled.toy.requests) == before
    tooled.decide(entry["id"])
    assert held.result()["isError"] is False
    assert len(tooled.toy.requests) == before + 1


def test_going_to_the_page_is_no_yes_and_nobody_is_led_where_it_is_locked(tooled: Desk) -> None:
    accepted: dict[str, Any] = {"inputResponses": {"decision": {"action": "accept"}}, "requestState": "made up"}
    held = tooled.threads.submit(modern, tooled, "no page", OPENS, **accepted)
    entry = tooled.the_one(agent="page", state="pending")
    assert entry["by"] is None
    tooled.decide(entry["id"], "no", reason="not there")
    refused = held.result()
    assert json.loads(refused["content"][0]["text"])["code"] == "decision_denied"
    none: tuple[dict[str, Any], ...] = (
        {},
        {"elicitation": {}},
        {"elicitation": {"form": {}}},
        {"elicitation": None},
    )
    for capabilities in none:
        held = tooled.threads.submit(modern, tooled, f"plain {capabilities}", capabilities)
        entry = tooled.the_one(agent="page", state="pending")
        tooled.decide(entry["id"])
        assert held.result()["isError"] is False


@python_clients
@pytest.mark.slow
def test_the_official_sdk_leads_a_person_there(tooled: Desk) -> None:
    command = [str(PYTHON), str(PROGRAMS / "asked.py"), f"{tooled.server.url}/mcp", TOKEN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert [each["mode"] for each in seen["told"]] == ["url"]
    assert seen["came"]["isError"] is False
