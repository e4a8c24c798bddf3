"""Files say which version of the manifest language they are written in; older ones go on working."""

from dataclasses import replace
from pathlib import Path

import pytest

from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.migrations import LANGUAGE, VERSION, Language
from agentos_runtime.manifest.result import LoadResult
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Key
from tests.manifest.loading import SCHEMA, load

OLD = """\
---
id: demo
name: Demo
description: A demo
utils:
  ask:
    description: Ask
    rest: {url: 'https://demo.example/ask', methd: POST}
---
"""


def renamed(root: Cursor) -> Cursor:
    """What was `utils` in version 1 of a language to come is `utilities` in its version 2."""
    value = root.value
    assert isinstance(value, Entries)
    names = {name: "utilities" if name == "utils" else name for name in value.entries}
    entries = {
        names[name]: (Key(names[name], key.start, key.end), each) for name, (key, each) in value.entries.items()
    }
    plain = {names[name]: each for name, each in value.value.items()}
    return replace(root, value=Entries(plain, entries, value.start, value.end))


LATER = Language(newest=2, steps={1: renamed})


def read(text: str, language: Language = LATER, parts: dict[str, str] | None = None) -> LoadResult:
    return load_skill(
        text.encode(),
        schema=SCHEMA,
        file=Path("demo/readme.md"),
        folder=Path("demo"),
        siblings=("readme.md", *(parts or ())),
        read_part=lambda name: (parts or {})[name].encode(),
        language=language,
    )


@pytest.mark.parametrize("written", ["", "manifest_version: 1\n"])
def test_a_file_of_the_newest_version_loads_whether_it_says_so_or_not(written: str) -> None:
    assert load("", head=f"{written}id: demo\nname: Demo\ndescription: A demo\n").problems == ()


def test_a_file_of_a_newer_version_is_refused_with_where_and_what_to_do_and_nothing_else() -> None:
    result = load("utilitiez: 3", head="id: demo\nmanifest_version: 7\n")
    [problem] = result.problems
    assert (result.skill, result.id) == (None, "demo")
    assert (problem.place.position.line, problem.place.position.column) == (3, 19)
    assert problem.message == (
        "this file is written in version 7 of the manifest language, this runtime reads version 1"
    )
    assert problem.fix == "Install a newer agentos-runtime, or write the file in version 1"


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "true", "'1'", "null", "[1]"])
def test_a_version_that_is_no_whole_number_is_refused_at_its_place(written: str) -> None:
    [problem] = load("", head=f"id: demo\nmanifest_version: {written}\n").problems
    assert problem.message == "`manifest_version` must be a whole number from 1"
    assert problem.place.position.line == 3


def test_an_older_file_is_read_as_if_it_were_new_and_its_problems_stand_where_they_are_in_the_file() -> None:
    broken = read(OLD)
    [problem] = broken.problems
    assert (problem.place.key, problem.place.position.line) == ("utilities.ask.rest.methd", 8)
    whole = read(OLD.replace("methd", "method"))
    assert whole.skill is not None
    assert [*whole.skill.utilities] == ["ask"]


def test_the_parts_of_an_older_file_are_older_too() -> None:
    text = OLD.replace("utils:", "parts: [more.md]\nutils:").replace("methd", "method")
    part = "---\nutils:\n  tell:\n    description: Tell\n    rest: {url: 'https://demo.example/tell'}\n---\n"
    skill = read(text, parts={"more.md": part}).skill
    assert skill is not None
    assert sorted(skill.utilities) == ["ask", "tell"]


def test_a_file_of_the_newest_version_is_not_migrated() -> None:
    skill = read(OLD.replace("id: demo", "id: demo\nmanifest_version: 2").replace("methd", "method")).skill
    assert skill is not None
    assert skill.kind == "instructions"


def test_there_is_a_step_from_every_older_version() -> None:
    assert LANGUAGE.newest == VERSION
    assert set(LANGUAGE.steps) == set(range(1, VERSION))
