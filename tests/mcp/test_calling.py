"""`tools/call`: what each kind of reply and of failure becomes, who called, and what never leaves."""

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.console import Console
from tests.mcp.lab import BIG, CANARY, PNG, ROWS, SKILL, Client, Lab, lab, respond
from tests.toy.raw import Toy


def code(done: Any) -> str:
    """Of an error, which stands in the text and nowhere else."""
    assert done["isError"] is True
    assert "structuredContent" not in done
    assert len(done["content"]) == 1
    body = json.loads(done["content"][0]["text"])
    assert next(iter(body)) == "error"
    assert body["request_id"].startswith("req_")
    return str(body["code"])


def test_an_object_is_said_twice_alike_and_exactly(client: Client, old: Client) -> None:
    for each in (client, old):
        done = each.call("test_echo")
        assert done["structuredContent"] == json.loads(done["content"][0]["text"])
        assert done["structuredContent"]["big"] == BIG
        assert done["structuredContent"]["text"] == "žluťoučký 🐎"
        assert done["isError"] is False


def test_what_is_no_object_is_structured_for_modern_clients_only(client: Client, old: Client) -> None:
    said = "This is a simple text response for testing."
    modern, legacy = client.call("test_simple_text"), old.call("test_simple_text")
    assert modern["content"] == legacy["content"] == [{"type": "text", "text": said}]
    assert modern["structuredContent"] == said
    assert "structuredContent" not in legacy


def test_nothing_is_null(client: Client) -> None:
    done = client.call("test_remove", {"id": "t1"})
    assert done["content"] == [{"type": "text", "text": "null"}]
    assert "structuredContent" not in done


def test_pictures_sounds_and_bytes_are_what_they_are(client: Client) -> None:
    picture = client.call("test_image_content")["content"][0]
    assert (picture["type"], picture["mimeType"], base64.b64decode(picture["data"])) == ("image", "image/png", PNG)
    assert client.call("test_audio_content")["content"][0]["type"] == "audio"
    other = client.call("test_bytes_of_it")["content"][0]
    assert (other["type"], other["resource"]["mimeType"]) == ("resource", "application/zip")
    again = client.ask("resources/read", {"uri": other["resource"]["uri"]})["contents"][0]
    assert again["blob"] == other["resource"]["blob"]


def test_what_the_service_refuses_is_an_error_in_the_text(client: Client) -> None:
    done = client.call("test_error_handling")
    assert code(done) == "upstream_rejected"
    body = json.loads(done["content"][0]["text"])
    assert (body["upstream"]["status"], body["skill"], body["utility"]) == (418, "test", "error_handling")


def test_wrong_params_are_errors_that_a_model_can_mend(client: Client) -> None:
    done = client.call("test_thing", {"identity": 1})
    assert code(done) == "invalid_params"
    body = json.loads(done["content"][0]["text"])
    assert {problem["path"] for problem in body["problems"]} == {"id", "identity"}


@pytest.mark.parametrize(
    "name", ["test_nope", "nope_thing", "nope", "", "_", "test_", "__proto__", "test_thing\u202e", "x" * 500]
)
def test_an_unknown_tool_is_an_error_of_the_protocol(client: Client, name: str) -> None:
    message = client.message("tools/call", {"name": name})
    headers = {"Mcp-Name": "=?base64?" + base64.b64encode(name.encode()).decode() + "?="}
    error = client.send(message, **headers).json()["error"]
    assert error["code"] == -32602
    assert "\u202e" not in error["message"]


@pytest.mark.parametrize("arguments", [[], "x", 1])
def test_arguments_are_an_object_or_absent(client: Client, arguments: Any) -> None:
    assert client.ask("tools/call", {"name": "test_echo", "arguments": arguments})["code"] == -32602
    assert client.ask("tools/call", {"name": "test_echo"})["isError"] is False


def test_a_long_list_is_cut_to_twenty_rows_and_says_so(client: Client) -> None:
    done = client.call("test_things")
    assert done["structuredContent"] == json.loads(done["content"][0]["text"]) == ROWS[:20]
    assert "pass limit, or all" in done["content"][1]["text"]
    assert done["_meta"]["agentos/more"] is True
    more = client.call("test_things", {"limit": 30})
    assert len(more["structuredContent"]) == 30
    whole = client.call("test_things", {"all": True})
    assert (len(whole["structuredContent"]), len(whole["content"])) == (45, 1)


@pytest.mark.parametrize(
    ("tool", "arguments", "selected"),
    [
        ("test_things", {"_select": "map(.size) | add", "all": True}, 990),
        ("test_things", {"_select": ".[] | select(.size > 43) | .id", "all": True}, "t44"),
        ("test_things", {"_select": ".[:2][] | .id"}, ["t0", "t1"]),
        ("test_things", {"_select": "empty"}, []),
        ("test_thing", {"id": "a", "_select": ".size # the size"}, {"selected": BIG}),
    ],
)
def test_a_caller_selects_from_the_reply(client: Client, tool: str, arguments: Any, selected: Any) -> None:
    assert client.call(tool, arguments)["structuredContent"] == selected


@pytest.mark.parametrize("source", [".[", "env.HOME", "input", ". ) | (.", "halt", "", "x" * 10_001, 7])
def test_a_selection_that_is_no_jq_is_refused_before_the_call(shared: Lab, client: Client, source: Any) -> None:
    asked = len(shared.toy.requests)
    done = client.call("test_things", {"_select": source})
    assert code(done) == "invalid_params"
    assert json.loads(done["content"][0]["text"])["problems"][0]["path"] == "_select"
    assert len(shared.toy.requests) == asked


@pytest.mark.slow
@pytest.mark.slow
def test_nothing_of_what_callers_select_is_kept(tmp_path: Path) -> None:
    """Each may be another: the server would hold, and the home keep, what was generated of thousands."""
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.home.mkdir(mode=0o700)
    console.write("test/readme.md", SKILL)
    with (
        Toy(partial(respond, slow=lambda: None)) as toy,
        console.serving(AGENTOS_REWRITE=f"https://test.example={toy.origin}", TEST_API_KEY=CANARY) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as http,
    ):
        client = Client(http, True, "/mcp", {})
        folder, kept = console.home / "cache", []
        for number in range(4):
            done = client.call("test_things", {"_select": f"[{number}, length]"})
            assert done["structuredContent"] == [number, 20]
            kept.append({file.name for file in folder.iterdir()})
    assert kept[0]
    assert kept[1:] == kept[:1] * 3


def test_a_selection_that_fails_or_does_not_end_says_so(client: Client) -> None:
    failed = client.call("test_things", {"_select": ".x.y"})
    assert code(failed) == "expression_failed"
    assert "The call itself was made" in failed["content"][0]["text"]
    ended = (code(client.call("test_things", {"_select": "def f: f; f"})) for _ in range(20))
    # a machine that has no time for it says so, and that says nothing of the expression
    assert next(each for each in ended if each != "overloaded") == "expression_limit"


@pytest.mark.parametrize(
    ("headers", "info", "agent"),
    [
        ({"X-Agent": "ann"}, "claude-code", "ann"),
        ({}, "claude-code", "claude-code"),
        ({}, None, "anonymous"),
        ({"X-Agent": "anonymous"}, "claude-code", "anonymous"),
    ],
)
def test_who_calls_stands_in_the_activity(
    shared: Lab, headers: dict[str, str], info: str | None, agent: str
) -> None:
    client = Client(shared.house.client, headers=headers)
    meta = {"io.modelcontextprotocol/clientInfo": {"name": info, "version": "1"}} if info else {}
    done = client.ask("tools/call", {"name": "test_echo", "_meta": meta})
    row = shared.house.rows()[0]
    assert (row["agent"], row["skill"], row["utility"]) == (agent, "test", "echo")
    assert row["request_id"] == done["_meta"]["agentos/request_id"]


def test_a_client_does_not_take_a_name_that_is_bound_to_a_token(tmp_path: Path) -> None:
    with lab(tmp_path) as it:
        home = it.house.home
        (home / "agents.json").write_text(
            json.dumps(
                {"version": 1, "agents": {"cursor": {"sha256": "0" * 64, "added_at": "2026-01-01T00:00:00Z"}}}
            )
        )
        (home / "agents.json").chmod(0o600)
        client = it.client()
        info = {"io.modelcontextprotocol/clientInfo": {"name": "cursor"}}
        answer = client.send(client.message("tools/call", {"name": "test_echo", "_meta": info}))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert it.toy.requests == []


def test_limits_hold_and_are_told_in_the_text(tmp_path: Path) -> None:
    with lab(tmp_path, limits={"agents": {"ann": {"calls_per_minute": 1}}}) as it:
        client = it.client(X_Agent="ann")
        assert client.call("test_echo")["isError"] is False
        refused = client.call("test_echo")
        assert code(refused) == "rate_limited"
        assert json.loads(refused["content"][0]["text"])["retry_after"] > 0
        assert it.house.call("test", "echo", X_Agent="ann").json()["code"] == "rate_limited"


def test_a_missing_key_says_the_command(tmp_path: Path) -> None:
    other = {"test": (Path(__file__).parent / "keyless.md").read_text(encoding="utf-8")}
    with lab(tmp_path, skills=other) as it:
        done = it.client().call("keyless_look")
        assert code(done) == "credential_not_found"
        assert "agentos keys set keyless" in done["content"][0]["text"]


def test_no_key_is_ever_in_a_message(shared: Lab) -> None:
    for each in (shared.client(), shared.client(modern=False), shared.client(path="/mcp?mode=search")):
        for tool in each.ask("tools/list")["tools"]:
            if tool["name"] != "test_never":
                each.call(tool["name"], {"id": "x", "size": 1})
        each.call("call_utility", {"name": "test_echo", "select": ".heard | explode | implode"})
        heard = b"".join(each.heard)
        assert b"[redacted]" in heard
        assert CANARY.encode() not in heard
        assert CANARY[::-1].encode() not in heard


def test_the_same_key_makes_one_call(tmp_path: Path) -> None:
    with lab(tmp_path, idempotency={"enabled": True}) as it:
        client = it.client(X_Agent="ann")
        first = client.call("test_create", {"size": 1}, agentos__idempotency_key="one")
        second = client.call("test_create", {"size": 1}, agentos__idempotency_key="one")
        assert first["structuredContent"] == second["structuredContent"]
        assert second["_meta"]["agentos/replayed"] is True
        assert len(it.toy.requests) == 1


@pytest.mark.parametrize("key", ["", " one", "\xe9", "a" * 256, 7])
def test_a_key_that_cannot_be_kept_is_refused(tmp_path: Path, key: Any) -> None:
    """As over HTTP: left out, the call would be made twice by who relies on it."""
    with lab(tmp_path, idempotency={"enabled": True}) as it:
        said = it.client(X_Agent="ann").call("test_create", {"size": 1}, agentos__idempotency_key=key)
        assert said["isError"] is True
        assert json.loads(said["content"][0]["text"])["code"] == "invalid_params"
        assert it.toy.requests == []


def test_a_client_goes_on_after_a_restart(tmp_path: Path) -> None:
    """There is nothing that a restart could lose: no handshake is remembered."""
    with lab(tmp_path) as it:
        old = it.client(modern=False)
        old.ask("initialize", {"protocolVersion": "2025-11-25"})
    with lab(tmp_path / "again") as it:
        old.http = it.house.client
        assert old.call("test_echo")["isError"] is False


def test_what_a_call_cost_stands_beside_its_result(client: Client, tmp_path: Path) -> None:
    text = SKILL.replace("url: /text", "url: /priced").replace("    returns: string\n", "")
    with lab(tmp_path, skills={"test": text}) as it:
        assert it.client().call("test_simple_text")["_meta"]["agentos/cost"] == 0.0125
    assert "agentos/cost" not in client.call("test_simple_text")["_meta"], "nobody said"
