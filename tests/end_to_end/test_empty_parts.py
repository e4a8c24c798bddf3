"""Basic authentication with a part that is always empty, from the key's way in to the request."""

import base64
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.login.token_service import token_service

SKILL = """\
---
id: till
name: Till
description: A service that takes a key in one part
auth: {{type: basic, {part}: ""}}
utilities:
  me:
    description: Who I am
    rest: {{url: {origin}/me}}
---
"""
KEY = "till-canary-5d0c"


@pytest.mark.parametrize(
    ("part", "lines", "pair"),
    [
        ("password", f"{KEY}\n", f"{KEY}:"),
        ("password", f"{KEY}\n\n", f"{KEY}:"),
        ("username", f"\n{KEY}\n", f":{KEY}"),
    ],
)
@pytest.mark.parametrize("way", ["stdin", "environment"])
def test_one_part_is_given_and_the_other_is_sent_empty(
    tmp_path: Path, part: str, lines: str, pair: str, way: str
) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    with token_service() as service:
        console.write("till.md", SKILL.format(part=part, origin=service.origin))
        assert console.run("approve", "till", "--yes").code == 0
        if way == "stdin":
            stored = console.run("keys", "set", "till", stdin=lines)
            assert stored.code == 0, stored.err
        environ = {"TILL_API_KEY": KEY} if way == "environment" else {}
        console.run("call", "till", "me", **environ)
        shown = console.run("call", "till", "me", "--dry-run", **environ)
    assert [base64.b64decode(each.removeprefix("Basic ")).decode() for each in service.calls] == [pair]
    assert "********" in shown.out
    assert "TILL_API_KEY" in shown.out
    curl = "${TILL_API_KEY}:" if part == "password" else ":${TILL_API_KEY}"
    assert f'"{curl}"' in shown.out
    assert not any("canary" in text for text in console.seen)


def test_on_a_terminal_only_the_part_that_is_not_empty_is_asked_for(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write("till.md", SKILL.format(part="password", origin="https://till.example"))
    done = console.asked({"Username: ": KEY}, "keys", "set", "till")
    assert (done.code, "Password" in done.out) == (0, False)
