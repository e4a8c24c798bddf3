"""Whose an id is: reserved names, the earlier folder, and the bundled skill that another one shadows."""

from pathlib import Path

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.manifest.sections.facts import RESERVED_IDS
from agentos_runtime.resources import skills_folder
from tests.cli.console import Console
from tests.clients import NO_TLS
from tests.manifest.loading import load, load_bytes
from tests.server.server import running

OWN = """---
id: openrouter
name: {name}
description: Mine
utilities: {{go: {{description: Go, auth: none, rest: {{url: 'https://api.example.com/x'}}}}}}
---
"""
BUNDLED = str(skills_folder() / "openrouter" / "readme.md")


def write(folder: Path, file: str, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file
    path.write_text(OWN.format(name=name), encoding="utf-8")
    return path


def test_a_skill_in_place_of_a_bundled_one_says_so_and_the_bundled_one_is_no_broken_skill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    mine = write(home / "skills", "mine.md", "Mine")
    with (
        running(lambda: open_runtime(Settings(home=home), {})) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        listed = client.get("/api/skills").json()["skills"]
        shown = client.get("/api/skills/openrouter").json()
        health = client.get("/api/health").json()
    (entry,) = [each for each in listed if each["id"] == "openrouter"]
    assert (entry["name"], entry["state"], entry["shadows"]) == ("Mine", "ready", [BUNDLED])
    assert (shown["file"], shown["shadows"]) == (str(mine), [BUNDLED])
    assert all("shadows" not in each for each in listed if each["id"] != "openrouter")
    assert health["skills"]["broken"] == 0


def test_of_two_files_of_ones_own_the_earlier_folder_serves_and_the_later_names_both(tmp_path: Path) -> None:
    first = write(tmp_path / "first", "z.md", "First")
    second = write(tmp_path / "home" / "skills", "a.md", "Second")
    (tmp_path / "home").chmod(0o700)
    settings = Settings(home=tmp_path / "home", skills=(tmp_path / "first",))
    with (
        running(lambda: open_runtime(settings, {})) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        listed = [each for each in client.get("/api/skills").json()["skills"] if each["id"] == "openrouter"]
    found = {each["name"]: each for each in listed}
    assert (found["First"]["state"], found["First"]["shadows"]) == ("ready", [BUNDLED])
    assert found["Second"]["state"] == "broken"
    message = found["Second"]["problems"][0]["message"]
    assert str(first) in message
    assert str(second) in message
    assert len(listed) == 2


@pytest.mark.slow
def test_the_command_line_says_whose_place_a_skill_has_taken(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "none")
    console.as_installed()
    (tmp_path / "home").mkdir(mode=0o700)
    write(tmp_path / "home" / "skills", "mine.md", "Mine")
    assert "in place of the bundled skill: openrouter" in console.run("list").out
    assert f"shadows: {BUNDLED}, which is bundled and not served" in console.run("show", "openrouter").out
    assert f"is served in place of the bundled {BUNDLED}" in console.run("doctor").out
    checked = console.run("check")
    assert checked.code == 0, checked.out
    assert "already taken" not in checked.out


@pytest.mark.parametrize("skill_id", RESERVED_IDS)
def test_a_reserved_id_is_an_error_with_a_fix_wherever_it_comes_from(skill_id: str) -> None:
    (written,) = load(f"id: {skill_id}\nutilities: {{}}", head="name: Demo\ndescription: x\n").problems
    assert str(written.place.position) == "demo/readme.md:4:5"
    assert f"the id `{skill_id}` is reserved" in written.message
    assert written.fix == f"Choose another, such as `{skill_id}-api`"
    (named,) = load_bytes(b"---\nname: A\ndescription: x\n---\n", file=f"{skill_id}/readme.md").problems
    assert named.place.position.line == 1
    assert f"Add `id: {skill_id}-api`, or rename the folder or file" in (named.fix or "")


@pytest.mark.parametrize("skill_id", ["searches", "my-search", "mcp2", "https"])
def test_a_name_that_only_resembles_a_reserved_one_is_free(skill_id: str) -> None:
    found = load(f"id: {skill_id}", head="name: Demo\ndescription: x\n")
    assert found.skill is not None
    assert found.skill.id == skill_id


def test_no_command_makes_a_skill_of_a_reserved_id(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    made = console.run("new", "search")
    imported = console.run("import", "curl", "curl https://api.example.com/x", "--id", "search")
    assert (made.code, imported.code != 0) == (2, True)
    assert "reserved" in made.err
    assert "reserved" in imported.err
    assert not (tmp_path / "skills" / "search").exists()
