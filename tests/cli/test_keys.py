"""`agentos keys`: a key is asked for, shown its way, kept private and never shown again."""

import json
import stat
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.cli.skills import CANARY, LOGIN, TOY
from tests.toy.raw import Toy, answer_json


def stored(console: Console) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = console.run("keys", "list", "--json").json["keys"]
    return listed


def test_a_key_is_asked_for_on_a_terminal_without_being_shown(console: Console) -> None:
    done = console.asked({"Toy key: ": CANARY}, "keys", "set", "toy")
    assert done.code == 0, done.out
    assert "POST https://toy.example" in done.out
    assert "header:x-key" in done.out
    assert "https://toy.example/keys" in done.out
    kept = console.home / "credentials.json"
    assert CANARY in json.loads(kept.read_text())["credentials"][0]["fields"].values()
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(console.home.stat().st_mode)) == (0o600, 0o700)
    assert [(each["skill"], each["origins"]) for each in stored(console)] == [("toy", ["https://toy.example"])]


def test_a_piped_key_is_stored_used_and_removed(console: Console) -> None:
    assert console.run("keys", "set", "toy", stdin=CANARY + "\n").code == 0
    assert CANARY not in console.run("keys", "list").out
    with Toy(answer_json({"data": {"text": "hi"}})) as toy:
        rewrite = {"AGENTOS_REWRITE": f"https://toy.example={toy.origin}"}
        assert console.run("call", "toy", "echo", "text=x", **rewrite).json == {"said": "HI"}
    assert toy.requests[0].header("x-key") == CANARY
    assert console.run("keys", "remove", "toy").code == 0
    assert stored(console) == []
    assert console.run("keys", "remove", "toy").code == 1


def test_a_variable_that_goes_before_the_stored_key_is_named(console: Console) -> None:
    assert (
        "TOY_API_KEY is set and goes first"
        in console.run("keys", "set", "toy", stdin="x" * 9, TOY_API_KEY=CANARY).err
    )


def test_several_fields_are_asked_for_one_by_one(console: Console) -> None:
    console.write("login.md", LOGIN)
    done = console.asked({"Username: ": "ann", "Password: ": CANARY}, "keys", "set", "login")
    assert done.code == 0, done.out
    assert console.run("keys", "set", "login", "--json", stdin=f"bob\n{CANARY}\n").code == 0
    assert [each["fields"] for each in stored(console)] == [["username", "password"]]
    assert console.run("keys", "set", "login", stdin="bob\n").code == 2


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("toy", "--credential", "other"), 2, "has no credential"),
        (("tyo",), 1, "did you mean toy?"),
        (("open",), 1, "needs no key"),
    ],
)
def test_a_key_for_nothing_is_refused(console: Console, args: tuple[str, ...], code: int, words: str) -> None:
    console.write("open.md", LOGIN.replace("id: login", "id: open").replace("{type: basic}", "none"))
    done = console.run("keys", "set", *args, stdin=CANARY)
    assert (done.code, words in done.err) == (code, True), done.err
    assert stored(console) == []


def test_an_empty_or_unprintable_key_is_not_stored(console: Console) -> None:
    assert console.run("keys", "set", "toy", stdin="").code == 2
    assert console.run("keys", "set", "toy", stdin="a\x07b").code == 1
    assert stored(console) == []


def test_a_changed_skill_asks_again_and_shows_what_changed(console: Console) -> None:
    refused = console.run("call", "toy", "echo", "text=x", TOY_API_KEY=CANARY)
    assert json.loads(refused.err)["code"] == "approval_required"
    assert console.run("approve", "toy").code == 2
    assert console.asked({"Approve? [y/N]: ": "n"}, "approve", "toy").code == 1
    assert console.run("show", "toy", "--json").json["authority"][0]["approved_by"] is None
    assert console.asked({"Approve? [y/N]: ": "y"}, "approve", "toy").code == 0
    assert console.run("show", "toy", "--json").json["authority"][0]["approved_by"] == "agentos.lock"
    console.write("toy/readme.md", TOY.replace("https://toy.example/echo", "https://evil.example/echo"))
    done = console.run("approve", "toy", "--yes", "--json").json
    assert [line[:2] for line in done["changes"]] == ["+ ", "+ ", "- ", "- "]
    assert "https://evil.example" in done["changes"][0]
    assert "Nothing changed" in console.run("approve", "toy", "--yes").out


def test_the_doctor_says_where_each_key_comes_from_and_which_chmod_mends_a_file(console: Console) -> None:
    found = console.run("keys", "doctor", "--json").json
    assert found["keys"] == [
        {
            "skill": "toy",
            "credential": "default",
            "variables": ["TOY_API_KEY"],
            "source": None,
            "problem": None,
            "optional": False,
        }
    ]
    assert "environment TOY_API_KEY" in console.run("keys", "doctor", TOY_API_KEY=CANARY).out
    console.run("keys", "set", "toy", stdin=CANARY)
    file = console.home / "credentials.json"
    file.chmod(0o644)
    done = console.run("keys", "doctor")
    assert done.code == 1
    assert f"run chmod 600 {file}" in done.out
    assert f"run chmod 600 {file}" in console.run("keys", "list").err


def test_a_broken_skill_gets_no_key(console: Console, tmp_path: Path) -> None:
    console.write("toy/readme.md", TOY.replace("transform:", "transfrm:"))
    done = console.run("keys", "set", "toy", stdin=CANARY)
    assert done.code == 1
    assert "until its manifest is fixed" in done.err
