"""An approval that is taken back ends calls, streams, lists and jobs, also under a server that runs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.console import Console
from tests.security.support import Served, serving, until
from tests.toy.raw import Exchange, Toy, answer_json

KEY = "sk-taken-back-canary-7719d0"
SKILL = """---
id: taken
name: Taken
description: x
auth: {{type: api_key, header: X-Key}}
utilities:
  ask: {{description: x, rest: {{url: "{origin}/ask"}}}}
  flow:
    description: x
    rest:
      method: POST
      url: "{origin}/flow"
      body: {{a: 1}}
      stream: {{delta: ., accumulate: list}}
  rows:
    description: x
    returns: array
    rest: {{url: "{origin}/rows", paginate: {{style: cursor, items: /rows, next: .next}}}}
  film: {{description: x, rest: {{url: "{origin}/film", response: {{raw: true}}}}}}
  job:
    description: x
    rest: {{method: POST, url: "{origin}/job", poll: {{url: "/look", until: .done, interval: 0.05}}}}
api: {{base_url: "{origin}"}}
---
"""


FILM = bytes(2 << 20)
"""More than what is waited for: it is handed on while it arrives."""


class Slow:
    """An upstream whose streams, lists and jobs go on for ever."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = 0

    def __call__(self, exchange: Exchange) -> None:
        target = exchange.request.target
        self.asked += 1
        if target.startswith("/flow"):
            exchange.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"n": 1}\n\n')
            self.open.set()
            exchange.stall()
        elif target.startswith("/film"):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + FILM)
            self.open.set()
            exchange.stall()
        elif target.startswith("/rows"):
            self.open.set()
            answer_json({"rows": [self.asked], "next": f"c{self.asked}"})(exchange)
        else:
            self.open.set()
            answer_json({"done": False} if target.startswith("/look") else {"said": "well"})(exchange)


@contextmanager
def desk(folder: Path) -> Iterator[tuple[Served, httpx.Client, Console, Slow, Toy]]:
    skills = folder / "skills"
    skills.mkdir()
    slow = Slow()
    with Toy(slow) as toy:
        (skills / "taken.md").write_text(SKILL.format(origin=toy.origin))
        console = Console(folder / "home", skills)
        assert console.run("approve", "taken", "--yes").code == 0
        with serving(folder, skills=skills, environ={"TAKEN_API_KEY": KEY}) as served, served.client() as client:
            yield served, client, console, slow, toy


def refused(body: Any) -> bool:
    return body["code"] == "approval_required" and "agentos approve taken" in body["error"]


def test_the_next_call_is_refused_and_a_stream_under_way_ends_with_one_error(tmp_path: Path) -> None:
    with desk(tmp_path) as (_, client, console, slow, toy):
        assert client.post("/api/skills/taken/ask").status_code == 200
        slow.open.clear()
        with client.stream("POST", "/api/skills/taken/flow", json={"stream": True}) as response:
            lines = response.iter_lines()
            assert slow.open.wait(10)
            done = console.run("revoke", "taken", "--json")
            assert (done.code, done.json["revoked"]) == (0, True)
            events = [line for line in lines if line.startswith(("event: ", "data: "))]
        assert [line for line in events if line.startswith("event: ")][-1] == "event: error"
        assert events.count("event: error") == 1
        assert refused(json.loads(events[-1].removeprefix("data: ")))
        sent = len(toy.requests)
        answered = client.post("/api/skills/taken/ask")
        assert (answered.status_code, refused(answered.json()), len(toy.requests)) == (409, True, sent)
        assert client.get("/api/skills/taken").json()["state"] == "needs_approval"
        assert console.run("approve", "taken", "--yes").code == 0
        assert client.post("/api/skills/taken/ask").status_code == 200


def test_bytes_under_way_break_off_and_the_row_says_why(tmp_path: Path) -> None:
    with desk(tmp_path) as (_, client, console, slow, _):
        with client.stream("POST", "/api/skills/taken/film") as response:
            arriving = response.iter_raw()
            assert next(arriving)
            assert slow.open.wait(10)
            assert console.run("revoke", "taken").code == 0
            with pytest.raises(httpx.RemoteProtocolError):
                b"".join(arriving)
        row = client.get("/api/activity").json()["rows"][0]
        assert (row["outcome"], row["code"]) == ("error", "approval_required")


@pytest.mark.parametrize("utility", ["rows", "job"])
def test_a_list_or_job_under_way_ends_at_its_next_request(tmp_path: Path, utility: str) -> None:
    params = {"all": True} if utility == "rows" else {}
    with desk(tmp_path) as (served, _, console, slow, _):
        said: list[httpx.Response] = []

        def call() -> None:
            with served.client() as own:
                said.append(own.post(f"/api/skills/taken/{utility}", json=params))

        calling = threading.Thread(target=call)
        calling.start()
        assert until(lambda: slow.asked > 2)
        assert console.run("revoke", "taken").code == 0
        calling.join(20)
        assert (said[0].status_code, refused(said[0].json())) == (409, True), said[0].text


@pytest.mark.parametrize("utility", ["rows", "job"])
def test_a_list_or_job_of_an_agent_that_is_stopped_ends_at_its_next_request(tmp_path: Path, utility: str) -> None:
    params = {"all": True} if utility == "rows" else {}
    with desk(tmp_path) as (served, _, console, slow, _):
        said: list[httpx.Response] = []

        def call() -> None:
            with served.client() as own:
                said.append(own.post(f"/api/skills/taken/{utility}", json=params, headers={"X-Agent": "ann"}))

        calling = threading.Thread(target=call)
        calling.start()
        assert until(lambda: slow.asked > 2)
        assert console.run("agents", "stop", "ann").code == 0
        calling.join(20)
        assert (said[0].status_code, said[0].json()["code"]) == (403, "not_allowed"), said[0].text


def test_bytes_under_way_break_off_when_their_agent_is_stopped(tmp_path: Path) -> None:
    with desk(tmp_path) as (_, client, console, slow, _):
        with client.stream("POST", "/api/skills/taken/film", headers={"X-Agent": "ann"}) as response:
            arriving = response.iter_raw()
            assert next(arriving)
            assert slow.open.wait(10)
            assert console.run("agents", "stop", "ann").code == 0
            with pytest.raises(httpx.RemoteProtocolError):
                b"".join(arriving)
        row = client.get("/api/activity").json()["rows"][0]
        assert (row["outcome"], row["code"]) == ("error", "not_allowed")


# ------------------------------------------------------------------ the commands


@pytest.fixture
def console(tmp_path: Path) -> Console:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write("taken.md", SKILL.format(origin="https://taken.example"))
    return console


def listed(console: Console, **environ: str) -> Any:
    return console.run("approvals", "--json", **environ).json["skills"]


def test_revoking_ends_every_grant_and_keeps_the_key(console: Console) -> None:
    assert console.run("keys", "set", "taken", stdin=KEY).code == 0
    assert {each["approved_by"] for each in listed(console)[0]["grants"]} == {"keys set"}
    assert console.run("approve", "taken", "--yes").code == 0
    done = console.run("revoke", "taken")
    assert done.code == 0
    assert "agentos approve taken" in done.out
    assert "Still stored, without a place to go: the default key." in done.out
    [kept] = console.run("keys", "list", "--json").json["keys"]
    assert (kept["skill"], kept["origins"]) == ("taken", [])
    [shown] = listed(console)
    assert (shown["state"], shown["refused_at"] is not None) == ("refused", True)
    assert {each["approved_by"] for each in shown["grants"]} == {None}
    assert "Refused since" in console.run("approvals").out


def test_storing_a_key_again_lifts_no_refusal_and_says_so(console: Console) -> None:
    assert console.run("revoke", "taken").code == 0
    done = console.run("keys", "set", "taken", stdin=KEY)
    assert done.code == 0
    assert "goes nowhere, since the skill was revoked" in done.err
    assert "It goes nowhere until you run: agentos approve taken" in done.out
    refused = console.run("call", "taken", "ask")
    assert json.loads(refused.err)["code"] == "approval_required"
    assert console.run("approve", "taken", "--yes").code == 0
    assert {each["approved_by"] for each in listed(console)[0]["grants"]} == {"agentos.lock"}


def test_what_ships_can_be_refused_too(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "none", {"AGENTOS_ONLY_SKILLS": "false"})
    assert console.run("revoke", "openrouter").code == 0
    refused = console.run("call", "openrouter", "list_models", OPENROUTER_API_KEY=KEY)
    assert json.loads(refused.err)["code"] == "approval_required"
    assert {each["skill"]: each["state"] for each in listed(console)}["openrouter"] == "refused"
    assert console.run("approve", "openrouter", "--yes").code == 0
    assert {each["skill"]: each["state"] for each in listed(console)}["openrouter"] == "approved"


def test_the_rewrite_is_not_touched_and_is_named(console: Console) -> None:
    with Toy(answer_json({"said": "well"})) as toy:
        rewrite = {"AGENTOS_REWRITE": f"https://taken.example={toy.origin}", "TAKEN_API_KEY": KEY}
        done = console.run("revoke", "taken", **rewrite)
        assert "AGENTOS_REWRITE names https://taken.example" in done.out
        assert console.run("revoke", "taken", "--json", **rewrite).json["rewritten"] == ["https://taken.example"]
        assert console.run("call", "taken", "ask", **rewrite).json == {"said": "well"}
        assert console.run("approvals", "--json", **rewrite).json["rewrites"] == ["https://taken.example"]


def test_a_skill_that_is_gone_can_be_revoked_and_one_that_never_was_cannot(console: Console) -> None:
    assert console.run("approve", "taken", "--yes").code == 0
    (console.skills / "taken.md").unlink()
    assert [each["skill"] for each in listed(console)] == ["taken"]
    assert console.run("revoke", "taken").code == 0
    done = console.run("revoke", "takne")
    assert (done.code, "There is no skill 'takne'" in done.err) == (1, True)
    assert console.run("approve", "taken", "--yes").code == 1
    assert console.run("revoke").code == 2


def test_the_old_name_of_approve_still_works(console: Console) -> None:
    assert console.run("keys", "approve", "taken", "--yes").code == 0
    assert listed(console)[0]["state"] == "approved"


@pytest.mark.parametrize("command", [("approve", "taken", "--yes"), ("revoke", "taken"), ("approvals",)])
def test_a_damaged_lock_is_a_sentence_in_every_command(console: Console, command: tuple[str, ...]) -> None:
    assert console.run("approve", "taken", "--yes").code == 0
    lock = console.home / "agentos.lock"
    lock.write_bytes(lock.read_bytes().replace(b"taken.example", b"other.example"))
    done = console.run(*command)
    assert (done.code, done.out) == (1, "")
    assert f"error: {lock} cannot be relied on (it is damaged)" in done.err
    refused = console.run("call", "taken", "ask", TAKEN_API_KEY=KEY)
    assert json.loads(refused.err)["code"] == "approval_required"
    assert str(lock) in json.loads(refused.err)["error"]
    found = {each["name"]: each for each in console.run("keys", "doctor", "--json").json["files"]}
    assert (found["agentos.lock"]["state"], str(lock) in found["agentos.lock"]["text"]) == ("wrong", True)
