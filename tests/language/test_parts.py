"""Skills in several files."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import House, house
from tests.language.support import CANARY, KEY, ORIGIN
from tests.manifest.loading import load
from tests.toy.raw import Toy, answer_json

README = f"""---
id: demo
name: Demo
description: A demonstration
api: {{base_url: '{ORIGIN}'}}
{KEY}definitions: {{loud: ascii_upcase}}
settings: {{tone: {{default: dry}}}}
parts: [keys.md, more.md]
utilities:
  here: {{description: x, rest: {{url: /here, response: {{transform: '.text | loud'}}}}}}
---
# Demo
"""
KEYS = """---
definitions: {shout: '. + "!" | loud'}
utilities:
  keys:
    description: Keys
    params: {id: {type: string, required: true}}
    rest: {url: '/keys/{id}', query: {tone: .settings.tone}, response: {transform: '.text | shout'}}
---
## Keys

How keys work.
"""
MORE = "## More\n\nNo front matter here.\n"


def write(folder: Path, **files: str) -> None:
    for name, text in {"readme": README, "keys": KEYS, "more": MORE, **files}.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def detail(running: House) -> dict[str, Any]:
    found: dict[str, Any] = running.client.get("/api/skills/demo").json()
    return found


def test_a_part_s_utilities_are_called_as_if_they_stood_in_the_readme(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "demo"
    folder.mkdir(parents=True)
    write(folder)
    environ = {"DEMO_API_KEY": CANARY}
    with (
        Toy(answer_json({"text": "hi"})) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}, environ=environ) as run,
    ):
        assert run.call("demo", "here").json() == "HI"
        assert run.call("demo", "keys", {"id": "a/b"}).json() == "HI!"
        skill = detail(run)
        listed = run.client.get("/api/skills").json()["skills"]
    assert [request.target for request in toy.requests] == ["/here", "/keys/a%2Fb?tone=dry"]
    assert {request.header("x-key") for request in toy.requests} == {CANARY}
    assert list(skill["utilities"]) == ["here", "keys"]
    assert skill["docs"] == "# Demo\n\n\n## Keys\n\nHow keys work.\n\n\n## More\n\nNo front matter here.\n"
    assert [entry["id"] for entry in listed] == ["demo"]
    assert "problems" not in skill


BROKEN = {
    "keys": ("utilities:\n  here: {description: x, rest: {url: /b}}",
             "keys.md:3:3: error: the utility `here` is also declared at {folder}/readme.md:11:3"),
    "auth": ("auth: none\nid: other", "keys.md:2:1: error: `auth` cannot stand in a part"),
    "defs": ("definitions: {loud: .}", "keys.md:2:1: error: `loud` is also defined in an earlier file"),
    "shape": ("utilities:\n  k: {descripton: x, rest: {url: /b}}",
              "keys.md:3:7: error: `descripton` is not a key of `k` [utilities.k.descripton]. Did you mean"),
    "jq": ("utilities:\n  k:\n    description: x\n    rest: {url: /b, response: {transform: '.a | nope'}}",
           "keys.md:5:49: error: jq: "),
    "jqdef": ("definitions: {one: 'nope2'}", "keys.md:2:21: error: jq: "),
    "yaml": ("utilities: [", "keys.md:"),
    "list": ("- a", "keys.md:2:1: error: the front matter must be a map of keys"),
    "secret": ("utilities:\n  k: {description: sk-abcdefghijklmnopqrstuvwxyz, rest: {url: /b}}",
               "keys.md:3:20: error: this looks like a secret"),
}  # fmt: skip
WITHIN_ONE_UTILITY = frozenset({"shape", "jq"})
"""These leave the others callable."""


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_in_a_part_is_shown_at_its_character_in_the_part_s_own_file(tmp_path: Path, case: str) -> None:
    front, expected = BROKEN[case]
    folder = tmp_path / "skills" / "demo"
    folder.mkdir(parents=True)
    write(folder, keys=f"---\n{front}\n---\n")
    with house(tmp_path, environ={}) as run:
        skill = detail(run)
        refused = run.call("demo", "k").json()
    shown = [
        f"{p['file']}:{p['line']}:{p['column']}: {p['severity']}: {p['message']} [{p['path']}]. {p['fix']}"
        for p in skill["problems"]
    ]
    wanted = f"{folder}/{expected.format(folder=folder)}"
    assert any(line.startswith(wanted) for line in shown), shown
    assert refused["code"] == "skill_broken"
    if case in WITHIN_ONE_UTILITY:
        assert (skill["state"], list(skill["utilities"])) == ("needs_credential", ["here"])
        assert wanted in refused["error"]
    else:
        assert skill["state"] == "broken"


def until(run: House, holds: Any) -> None:
    """Wait until the skill is as it should be: files are looked at several times a second."""
    ends = time.monotonic() + 60
    while not holds(detail(run)):
        assert time.monotonic() < ends, detail(run)


@pytest.mark.slow
def test_saving_a_part_reloads_the_skill_and_a_bad_one_leaves_the_last_good_version(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "demo"
    folder.mkdir(parents=True)
    write(folder)
    with Toy(answer_json({"text": "hi"})) as toy, house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={}) as run:
        (folder / "keys.md").write_text(KEYS.replace("  keys:", "  tokens:"), encoding="utf-8")
        until(run, lambda skill: "tokens" in skill["utilities"])
        os.unlink(folder / "more.md")
        until(run, lambda skill: skill.get("stale"))
        [problem] = detail(run)["problems"]
        assert problem["message"] == "there is no file `more.md` beside readme.md that can be read"
        assert (problem["line"], problem["path"]) == (9, "parts[1]")
        (folder / "more.md").write_text(MORE, encoding="utf-8")
        until(run, lambda skill: not skill.get("stale"))
        (folder / "keys.md").write_text("---\nutilities: 5\n---\n", encoding="utf-8")
        until(run, lambda skill: skill.get("stale"))
        assert "tokens" in detail(run)["utilities"]


def test_a_part_is_a_file_of_the_skill_s_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "demo"
    folder.mkdir(parents=True)
    (tmp_path / "private.md").write_text("canary", encoding="utf-8")
    write(folder)
    os.unlink(folder / "more.md")
    (folder / "more.md").symlink_to(tmp_path / "private.md")
    with house(tmp_path, environ={}) as run:
        skill = detail(run)
    assert skill["state"] == "broken"
    assert f"it is a link that leads out of {tmp_path}/skills" in skill["problems"][0]["message"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("[../keys.md]", "`parts[0]` must be the name of a Markdown file"),
        ("[/etc/keys.md]", "`parts[0]` must be the name of a Markdown file"),
        ("[.keys.md]", "`parts[0]` must be the name of a Markdown file"),
        ("[keys.txt]", "`parts[0]` must be the name of a Markdown file"),
        ("[readme.md]", "`readme.md` is the manifest itself"),
        ("keys.md", "`parts` must be a list"),
        ("[5]", "`parts[0]` must be text"),
    ],
)
def test_what_cannot_be_a_part_is_named(parts: str, message: str) -> None:
    result = load(f"parts: {parts}")
    assert [problem.message for problem in result.problems if problem.message.startswith(message)], result.problems


def test_only_a_folder_has_parts(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    (skills / "demo.md").write_text(README, encoding="utf-8")
    (skills / "keys.md").write_text(KEYS, encoding="utf-8")
    with house(tmp_path, environ={}) as run:
        found = detail(run)["problems"]
    assert found[0]["message"] == "only a skill in a folder of its own has parts"
    assert found[0]["fix"] == "Move it to demo/readme.md, and the parts beside it"


def test_a_skill_whose_utilities_are_all_in_parts_needs_its_names_too(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "demo"
    folder.mkdir(parents=True)
    write(folder, readme="---\nparts: [keys.md]\n---\n")
    with house(tmp_path, environ={}) as run:
        messages = [problem["message"] for problem in detail(run)["problems"]]
    assert [f"a skill with utilities needs `{key}`" in messages for key in ("id", "name", "description")] == [
        True
    ] * 3
