"""Which folders of skills are served: those that were named, then the home's, then what ships."""

from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.resources import skills_folder
from agentos_runtime.skills.files import skill_folders
from tests.cli.console import Console
from tests.security.strangers import CANARY, home_with_keys, linked, manifest

SHIPPED = {folder.name for folder in skills_folder().iterdir() if folder.is_dir()}


@pytest.fixture
def installed(tmp_path: Path) -> Console:
    made = Console(tmp_path / "home", tmp_path / "mine")
    made.as_installed()
    made.write("own.md", manifest("own"))
    for name in ("homely", "own"):
        file = made.home / "skills" / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(manifest(name).replace("name: N", "name: At home"))
    return made


def served(console: Console, *options: object, **environ: str) -> dict[str, list[str]]:
    """Each id, with the name of every skill that wants it, the one that serves first."""
    found: dict[str, list[str]] = {}
    for skill in console.run("list", "--json", *options, **environ).json["skills"]:
        found.setdefault(skill["id"], []).insert(0 if skill["state"] != "broken" else 1, skill["name"])
    return found


def test_a_folder_that_is_named_comes_before_the_homes_and_what_ships(installed: Console) -> None:
    assert served(installed).keys() == {"homely", "own", *SHIPPED}
    assert served(installed)["own"] == ["At home"]
    for added in (
        served(installed, "--skills", installed.skills),
        served(installed, AGENTOS_SKILLS=f"{installed.skills}:{installed.home}/nowhere"),
    ):
        assert added.keys() == {"homely", "own", *SHIPPED}
        assert added["own"] == ["N", "At home"]


def test_only_the_folders_that_are_named_are_served_when_that_is_asked(installed: Console) -> None:
    named = ("--skills", installed.skills)
    assert served(installed, *named, "--only-skills").keys() == {"own"}
    assert served(installed, *named, AGENTOS_ONLY_SKILLS="true").keys() == {"own"}
    (installed.home / "config.toml").write_text("only_skills = true\n")
    assert served(installed, *named).keys() == {"own"}
    assert served(installed, *named, AGENTOS_ONLY_SKILLS="false").keys() == {"homely", "own", *SHIPPED}
    found = installed.run("doctor", "--json", *named).json["settings"]
    assert {"name": "only_skills", "value": "True", "source": str(installed.home / "config.toml")} in found
    assert "must be true or false" in installed.run("list", AGENTOS_ONLY_SKILLS="perhaps").err


def test_a_folder_that_is_named_twice_is_served_once(installed: Console, tmp_path: Path) -> None:
    link = linked(tmp_path / "link", skills_folder())
    twice = ("--skills", link, "--skills", skills_folder(), "--skills", installed.home / "skills")
    assert {len(names) for names in served(installed, *twice).values()} == {1}


def test_no_other_home_than_the_one_in_use_is_read_either(tmp_path: Path) -> None:
    """A command with `--home`, and one that only simulates, has another home than where the keys are."""
    console = Console(tmp_path / "home", tmp_path)
    linked(tmp_path / "case" / "cases" / "one.yaml", home_with_keys(console.home))
    (tmp_path / "case" / "readme.md").write_text(manifest("case"))
    linked(tmp_path / "whole.md", console.home / "private.md")
    for options in (
        ("test",),
        ("check",),
        ("check", "--home", tmp_path / "other"),
        ("test", "--home", tmp_path / "other"),
    ):
        assert console.run(*options).code == 1
    assert CANARY not in "".join(console.seen)
    settings = Settings.from_environ(console.environ, {"home": str(tmp_path / "other")})
    assert console.home in skill_folders(settings)[0].homes
