"""A skill file that changes what it may do loses the key until somebody approves, under a server that runs."""

from pathlib import Path

import httpx

from tests.cli.console import Console
from tests.security.support import Served, serving, until
from tests.toy.raw import Toy, answer_json

KEY = "sk-approval-canary-5b0d91"
SKILL = """\
---
id: mover
name: Mover
description: {note}
auth: {auth}
utilities:
  ask:
    description: Ask
    rest: {{method: {method}, url: "{origin}/ask"}}
---
"""


class Desk:
    """The skill's file, the server that serves it, and the operator's command line."""

    def __init__(self, file: Path, served: Served, client: httpx.Client, console: Console) -> None:
        self._file = file
        self._served = served
        self._client = client
        self.console = console
        self._saved = 0

    def save(self, origin: str, method: str, auth: str) -> None:
        """Write the file, and wait until the server has it."""
        self._saved += 1
        note = f"Version {self._saved}"
        self._file.write_text(SKILL.format(note=note, origin=origin, method=method, auth=auth))
        assert until(lambda: self._client.get("/api/skills/mover").json().get("description") == note)

    def ask(self) -> httpx.Response:
        return self._client.post("/api/skills/mover/ask")

    def state(self) -> str:
        return str(self._client.get("/api/skills/mover").json()["state"])


def test_every_change_of_host_method_place_or_scheme_asks_again_under_a_running_server(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    file = skills / "mover.md"
    file.write_text("not yet a skill")
    environ = {"MOVER_API_KEY": KEY}
    with (
        Toy(answer_json({"content": "well"})) as first,
        Toy(answer_json({"content": "well"})) as second,
        serving(tmp_path, skills=skills, environ=environ) as served,
        served.client() as client,
    ):
        desk = Desk(file, served, client, Console(served.home, skills))
        header = '{header: {X-Key: "{key}"}}'
        changes = [
            (first, "GET", header),
            (second, "GET", header),
            (second, "POST", header),
            (second, "POST", '{header: {X-Other: "{key}"}}'),
            (second, "POST", '{query: {key: "{key}"}}'),
            (second, "POST", "{type: api_key, header: Authorization, prefix: 'Bearer '}"),
            (first, "POST", "{type: api_key, header: Authorization, prefix: 'Bearer '}"),
        ]
        for number, (toy, method, auth) in enumerate(changes):
            withheld(desk, toy, method, auth, (first, second), first_time=number == 0)
        assert KEY.encode() not in served.log
        shown = desk.console.run("show", "mover", "--json").json
        assert {each["approved_by"] for each in shown["authority"]} == {"agentos.lock"}
    assert not any(KEY in said for said in desk.console.seen)


def withheld(desk: Desk, toy: Toy, method: str, auth: str, toys: tuple[Toy, Toy], *, first_time: bool) -> None:
    """The change is refused, nothing leaves; it is shown and approved; then the key goes where it was approved."""
    sent = [len(each.requests) for each in toys]
    desk.save(toy.origin, method, auth)
    refused = desk.ask()
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required"), (auth, refused.text)
    assert toy.origin in refused.json()["error"]
    assert "agentos approve mover" in refused.json()["error"]
    assert desk.state() == "needs_approval"
    assert [len(each.requests) for each in toys] == sent, "nothing left before it was approved"
    run = desk.console.spawn if first_time else desk.console.run
    approved = run("approve", "mover", "--yes", "--json")
    assert approved.code == 0, approved
    assert any(line.startswith("+") for line in approved.json["changes"])
    assert first_time or any(line.startswith("-") for line in approved.json["changes"])
    answered = desk.ask()
    assert answered.status_code == 200, answered.text
    assert KEY.encode() in toy.requests[-1].head
    assert toy.requests[-1].method == method


def test_a_change_that_asks_for_nothing_new_asks_nobody(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    file = skills / "mover.md"
    with Toy(answer_json({})) as toy:
        file.write_text("not yet a skill")
        with serving(tmp_path, skills=skills, environ={"MOVER_API_KEY": KEY}) as served, served.client() as client:
            desk = Desk(file, served, client, Console(served.home, skills))
            desk.save(toy.origin, "GET", '{header: {X-Key: "{key}"}}')
            assert desk.console.run("approve", "mover", "--yes").code == 0
            desk.save(toy.origin, "GET", '{header: {X-Key: "{key}"}}')
            assert desk.ask().status_code == 200
