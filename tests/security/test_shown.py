"""What a skill may do is shown before anybody approves it, and what changed is told line by line."""

from pathlib import Path

import pytest

from tests.cli.console import Console

SKILL = """\
---
id: shower
name: Shower
description: Does several things
auth:
  credentials:
    default: {{header: {{{header}: "{{key}}"}}}}
    admin: {{query: {{admin_key: "{{key}}"}}}}
utilities:
  ask: {{description: Asks, rest: {{method: POST, url: "https://{host}/v1/ask"}}}}
  manage: {{description: Manages, credential: admin, rest: {{method: DELETE, url: "https://{host}/v1/x"}}}}
  look: {{description: Looks, auth: none, rest: {{url: "https://open.example/look"}}}}
  near: {{description: Looks near, auth: none, rest: {{url: "http://127.0.0.1:9/x"}}}}
---
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    made = Console(tmp_path / "home", tmp_path / "skills")
    made.write("shower.md", SKILL.format(host="one.example", header="X-Key"))
    return made


def lines(text: str) -> set[str]:
    """With single spaces."""
    return {" ".join(line.split()) for line in text.splitlines()}


def test_everything_that_a_skill_may_do_is_shown_with_who_approved_it(console: Console) -> None:
    assert lines(console.run("show", "shower").out) >= {
        "POST https://one.example the key in header x-key nobody yet",
        "DELETE https://one.example the admin key in query admin_key nobody yet",
        "GET http://127.0.0.1:9 no key; an address of this machine or its network nobody yet",
        "GET https://open.example no key not needed",
    }
    shown = console.run("show", "shower", "--json").json
    assert {each["approved_by"] for each in shown["authority"]} == {None}
    assert {
        (name, each["method"], each["origin"], each["credential"]) for name, each in shown["utilities"].items()
    } == {
        ("ask", "POST", "https://one.example", "default"),
        ("manage", "DELETE", "https://one.example", "admin"),
        ("look", "GET", "https://open.example", None),
        ("near", "GET", "http://127.0.0.1:9", None),
    }


def test_what_changed_since_the_approval_is_told_line_by_line(console: Console) -> None:
    assert console.run("approve", "shower", "--yes").code == 0
    assert "nobody yet" not in console.run("show", "shower").out
    console.write("shower.md", SKILL.format(host="two.example", header="X-Other"))
    told = console.run("approve", "shower", "--yes", "--json").json
    assert told["changes"] == [
        '+ DELETE https://two.example with the credential "admin" in query:admin_key',
        '+ POST https://two.example with the credential "default" in header:x-other',
        '+ any path of https://two.example, as agents ask, with the credential "default"',
        '- DELETE https://one.example with the credential "admin" in query:admin_key',
        '- POST https://one.example with the credential "default" in header:x-key',
        '- any path of https://one.example, as agents ask, with the credential "default"',
    ]
    console.write("shower.md", SKILL.format(host="three.example", header="X-Other"))
    said = console.run("approve", "shower", "--yes").out
    assert '+ POST https://three.example with the credential "default" in header:x-other' in lines(said)
    assert '- POST https://two.example with the credential "default" in header:x-other' in lines(said)
