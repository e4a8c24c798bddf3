"""Skill files under a running server: found, reloaded, kept when a save is bad."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.skills.registry import SETTLE
from tests.end_to_end.house import House, house
from tests.toy.raw import Toy, answer

PATIENCE = 60.0
"""Five times the second within which a save is live."""


def manifest(
    skill: str = "toy", *, says: str = "hello", origin: str = "https://toy.example", extra: str = ""
) -> str:
    return f"""---
id: {skill}
name: Toy
description: A toy
{extra}
utilities:
  say:
    description: Says {says}
    rest:
      url: {origin}/say
      response: {{transform: '{{said: "{says}", body: .}}'}}
---

Prose.
"""


def listed(home: House) -> dict[str, Any]:
    return {skill["id"]: skill for skill in home.client.get("/api/skills").json()["skills"]}


def eventually(look: Any, wanted: Any) -> None:
    """Ask until the answer is the wanted one; there is a bound so that the test ends."""
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, seen


def said(home: House) -> Any:
    reply = home.call("toy", "say")
    return reply.json().get("said", reply.json().get("code"))


@pytest.mark.slow
def test_a_save_is_live_and_a_bad_save_keeps_the_last_good_version(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        file = home.skills / "toy.md"
        file.write_text(manifest(says="one"))
        eventually(lambda: said(home), "one")
        file.write_text(manifest(says="two"))
        eventually(lambda: said(home), "two")
        file.write_text(manifest(says="three").replace("rest:", "rset:"))
        eventually(lambda: listed(home)["toy"].get("stale"), True)
        entry = listed(home)["toy"]
        assert entry["state"] == "ready"
        assert any(problem["line"] and "rest" in str(problem["fix"]) for problem in entry["problems"])
        assert said(home) == "two"
        file.write_text(manifest(says="four"))
        eventually(lambda: said(home), "four")
        assert "stale" not in listed(home)["toy"]


def test_a_save_whose_jq_does_not_compile_keeps_the_last_good_version_too(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        file = home.skills / "toy.md"
        file.write_text(manifest(says="one"))
        eventually(lambda: said(home), "one")
        file.write_text(manifest(says="two").replace("body: .}", "body: ."))
        eventually(lambda: listed(home)["toy"].get("stale"), True)
        assert "jq" in listed(home)["toy"]["problems"][0]["message"]
        assert said(home) == "one"


@pytest.mark.slow
def test_a_file_that_is_emptied_or_away_for_a_moment_is_being_saved(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        file = home.skills / "toy.md"
        file.write_text(manifest(says="one"))
        eventually(lambda: said(home), "one")
        for number in range(10):
            file.unlink()
            assert said(home) == "one"
            file.write_text("")
            assert said(home) == "one"
            file.write_text(manifest(says="one")[: 20 * number])
            assert said(home) == "one"
            file.write_text(manifest(says="one"))
            assert said(home) == "one"
        file.unlink()
        eventually(lambda: said(home), "unknown_skill")


@pytest.mark.slow
def test_a_file_that_a_look_did_not_find_is_being_saved_for_a_moment_longer(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        file, shown = home.skills / "toy.md", []
        for name in "abcdefghij":
            file.write_text(manifest(says=name))
            eventually(lambda: said(home), name)
            began = time.monotonic()
            file.unlink()
            (home.skills / f"{name}.md").write_text(manifest(name))
            while name not in listed(home):
                assert time.monotonic() < began + PATIENCE
            found = said(home)  # after a look at the folder without the file
            if time.monotonic() - began < SETTLE:
                shown.append(found == name)
    assert shown, "this machine is too slow to look twice within a second"
    assert all(shown)


def test_of_two_files_with_one_id_the_loser_names_both(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    (second / "a.md").write_text(manifest(says="second"))
    (first / "z.md").write_text(manifest(says="first"))
    (first / "broken.md").write_text(manifest(says="broken").replace("rest:", "rset:"))
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, skills=(first, second), rewrite={"https://toy.example": toy.origin}) as home,
    ):
        entries = [skill for skill in home.client.get("/api/skills").json()["skills"] if skill["id"] == "toy"]
        assert [entry["state"] for entry in entries].count("broken") == 2
        broken = [entry for entry in entries if entry["state"] == "broken"]
        loser = next(entry for entry in broken if "a.md" in json.dumps(entry["problems"]))
        assert str(first / "z.md") in loser["problems"][0]["message"]
        assert str(second / "a.md") in loser["problems"][0]["message"]
        assert said(home) == "first"


def test_a_broken_skill_is_listed_with_its_problems_and_does_not_stop_the_others(tmp_path: Path) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        (home.skills / "bad.md").write_text(manifest("bad", extra="color: blue-ish").replace("{said", "{said | }{"))
        (home.skills / "toy.md").write_text(manifest(says="fine"))
        eventually(lambda: sorted(listed(home)), ["bad", "toy"])
        bad = listed(home)["bad"]
        assert bad["state"] == "broken"
        assert {problem["path"] for problem in bad["problems"]} >= {
            "color",
            "utilities.say.rest.response.transform",
        }
        refused = home.call("bad", "say")
        assert (refused.status_code, refused.json()["code"]) == (503, "skill_broken")
        assert refused.json()["problems"] == bad["problems"]
        assert said(home) == "fine"


def test_a_broken_skill_is_told_by_its_first_error_and_shown_without_utilities(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        (home.skills / "bad.md").write_text(manifest("bad", extra="colour: red").replace("rest:", "rset:"))
        eventually(lambda: sorted(listed(home)), ["bad"])
        refused = home.call("bad", "say").json()
        assert "rset" in refused["error"]
        assert "warning" not in refused["error"]
        assert [problem["severity"] for problem in refused["problems"]].count("warning") == 1
        shown = home.client.get("/api/skills/bad").json()
        assert (shown["state"], shown["utilities"]) == ("broken", {})


def test_a_utility_that_says_nothing_of_its_reply_returns_the_schema_of_anything(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        (home.skills / "toy.md").write_text(manifest())
        eventually(lambda: list(listed(home)), ["toy"])
        assert home.client.get("/api/skills/toy").json()["utilities"]["say"]["returns"] == {}


def test_unknown_names_come_with_the_nearest_ones(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        (home.skills / "toy.md").write_text(manifest())
        eventually(lambda: list(listed(home)), ["toy"])
        assert "toy" in home.call("tyo", "say").json()["error"]
        missing = home.call("toy", "sya").json()
        assert (missing["code"], "say" in missing["error"]) == ("unknown_utility", True)


def test_skills_are_found_by_words_in_their_utilities(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        (home.skills / "toy.md").write_text(manifest(says="parrots"))
        (home.skills / "other.md").write_text(manifest("other", says="lions"))
        eventually(lambda: len(listed(home)), 2)
        found = home.client.get("/api/skills", params={"q": "parrots TOY"}).json()["skills"]
        assert [skill["id"] for skill in found] == ["toy"]
