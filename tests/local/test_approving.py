"""What a skill runs on this machine is approved over HTTP and in the console as in a terminal: as it was shown."""

import hashlib
from pathlib import Path

import pytest

from agentos_runtime.console.access.tickets import Tickets
from tests.local.support import Served, served
from tests.server.client import ask

FRONT = """
operations:
  thing.list:
    description: A script
    returns: string
    command: {binary: bash, args: [-c, "cat ./words.txt # <b>"]}
"""
PATH = "/api/operator/approvals/here"


def operator(here: Served) -> str:
    """The key of a console's session, which is the operator's."""
    body = {"ticket": Tickets(here.house.home).make()}
    return str(ask(here.house.server, "POST", "/console/session", body).json["key"])


@pytest.mark.parametrize("by", ["http", "terminal"])
def test_programs_are_approved_as_they_were_shown_whoever_asks(by: str, tmp_path: Path) -> None:
    with served(tmp_path, FRONT, {"words.txt": "one"}) as here:
        client = here.house.client
        client.headers["X-Console-Key"] = operator(here)
        assert here.error("thing.list")[:2] == (409, "approval_required")
        shown = client.get(PATH).json()
        assert (shown["state"], shown["code"]) == ("asks", {"thing.list": "bash -c cat ./words.txt # <b>"})
        assert {(each["kind"], each["name"]) for each in shown["runs"]} == {
            ("text", "thing.list"), ("program", "bash"), ("file", "readme.md"), ("file", "words.txt"),
        }  # fmt: skip
        assert any("use the file words.txt" in line for line in shown["changes"])
        listed = {each["skill"]: each["state"] for each in client.get("/api/operator/approvals").json()["skills"]}
        assert listed["here"] == "asks"

        (here.folder / "words.txt").write_text("two")
        changed = client.post(PATH, json={"authority": shown["authority"]})
        assert (changed.status_code, changed.json()["code"]) == (409, "approval_required")
        if by == "http":
            again = client.get(PATH).json()
            approved = client.post(PATH, json={"authority": again["authority"]}).json()
            assert (approved["state"], approved["changes"]) == ("approved", [])
        else:
            here.approve()
        assert here.reply("thing.list") == "two"
        assert client.get(PATH).json()["state"] == "approved"

        (here.folder / "words.txt").write_text("six")
        assert here.error("thing.list")[:2] == (409, "approval_required")
        later = client.get(PATH).json()
        assert later["state"] == "asks"
        assert [line[:24] for line in later["changes"]] == ["+ use the file words.txt", "- use the file words.txt"]
        assert client.delete(PATH).status_code == 200
        assert client.get(PATH).json()["state"] == "refused"


def test_the_console_shows_what_would_run_and_the_digests_and_approves_it(tmp_path: Path) -> None:
    with served(tmp_path, FRONT, {"words.txt": "one"}) as here:
        server, key = here.house.server, operator(here)
        headers = {"Accept": "text/x-fragment", "X-Console-Key": key}

        def page() -> str:
            return ask(server, "GET", "/console/skills/here/authority", headers=headers).body.decode()

        shown = page()
        assert "bash -c cat ./words.txt # &lt;b&gt;" in shown
        assert hashlib.sha256(b"one").hexdigest() in shown
        authority = shown.partition('name="authority" value="')[2].partition('"')[0]
        done = ask(server, "POST", PATH, {"authority": authority}, {"X-Console-Key": key})
        assert done.status == 200, done.json
        assert here.reply("thing.list") == "one"
        assert "Approve all of this" not in page()
        assert "Take it back" in page()
