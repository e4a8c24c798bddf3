"""Skills that were read and checked are kept for the next process: as they would be read, or not at all."""

import asyncio
import os
import pickle
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills import loading
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.kept import KeptSkills, Used, this_program
from agentos_runtime.skills.opening import open_cache, open_registry
from agentos_runtime.storage.cache import Cache
from tests.cli.console import Console

pytestmark = pytest.mark.usefixtures("own_cache")

MANIFEST = """---
id: toy
name: Toy
description: A toy
icon: icon.svg
parts: [more.md]
auth: {{type: api_key, header: x-key, label: Key}}
utilities:
  one:
    description: {0}
    params: {{size: {{type: integer, description: How large, minimum: 1}}}}
    rest: {{method: GET, url: "https://{1}/one", query: {{size: ".params.size + 1"}}}}
---
"""
PART = "---\nutilities:\n  two:\n    description: Two\n    rest: {method: GET, url: https://toy.test/two}\n---\n"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    console = Console(home, tmp_path / "skills")
    console.write("toy/readme.md", MANIFEST.format("One", "toy.test"))
    console.write("toy/more.md", PART)
    console.write("toy/icon.svg", "<svg/>")
    return console


def entries(console: Console, monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[SkillEntry, ...]:
    """All skills as a process that begins now has them; with a patch one that can read no manifest."""

    async def loaded() -> tuple[SkillEntry, ...]:
        async with WorkerPool(size=0) as workers:
            settings = Settings.from_environ(console.environ)
            registry = open_registry(settings, workers, open_cache(settings))
            await registry.refresh()
            registry.close()
            return registry.entries

    if monkeypatch is None:
        return asyncio.run(loaded())
    with monkeypatch.context() as patch:
        patch.setattr(loading, "READER", "tests.no_reader")
        return asyncio.run(loaded())


def kept_files(console: Console) -> list[Path]:
    return sorted((console.home / "cache").glob("*"))


def only(found: tuple[SkillEntry, ...]) -> Skill:
    assert [(each.id, each.skill is not None) for each in found] == [("toy", True)]
    assert found[0].skill is not None
    return found[0].skill


def is_read(console: Console, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a process that begins now reads the manifest."""
    (entry,) = entries(console, monkeypatch)
    return entry.skill is None


def test_all_that_ships_is_kept_as_it_is_read(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.as_installed()
    read = entries(console)
    kept = entries(console, monkeypatch)
    assert kept == read
    assert len(kept) > 9
    for before, after in zip(read, kept, strict=True):
        assert before.skill is not None
        assert after.skill is not None
        for name, utility in before.skill.utilities.items():
            found = after.skill.utilities[name]
            given: list[Json] = [{}, {"model": 1}, {"unknown": None}, []]
            for value in given:
                assert found.shape.problems(value) == utility.shape.problems(value)


def test_what_is_kept_is_private_and_made_where_a_home_is(console: Console, tmp_path: Path) -> None:
    entries(console)
    assert (console.home / "cache").stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in kept_files(console)] == [0o600]
    elsewhere = Console(tmp_path / "nowhere", console.skills)
    only(entries(elsewhere))
    assert not elsewhere.home.exists()


def before_a_home(console: Console, tmp_path: Path, **variables: str) -> Console:
    """The same console before its home is made, of a user who has a folder."""
    user = tmp_path / "user"
    user.mkdir(exist_ok=True)
    console.home.rmdir()
    console.environ |= {"HOME": str(user), **variables}
    return console


def test_while_there_is_no_home_skills_are_kept_in_the_users_cache(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = before_a_home(console, tmp_path)
    read = only(entries(early))
    folder = tmp_path / "user" / ".cache" / "agentos"
    (entry,) = folder.iterdir()
    modes = [oct(path.stat().st_mode & 0o777) for path in (folder.parent, folder, entry)]
    assert (modes, early.home.exists()) == (["0o700", "0o700", "0o600"], False)
    assert only(entries(early, monkeypatch)) == read
    early.home.mkdir(mode=0o700)
    assert only(entries(early, monkeypatch)) == read
    entry.chmod(0o644)
    assert entries(early, monkeypatch)[0].skill is None
    assert only(entries(early)) == read
    entry.unlink()
    assert only(entries(early, monkeypatch)) == read
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_left_in_the_folders_of_another_user(console: Console, tmp_path: Path, *, there: bool) -> None:
    early = before_a_home(console, tmp_path)
    user = tmp_path / "user"
    if there:
        (user / ".cache").mkdir()
        os.chown(user / ".cache", 12345, -1)
    os.chown(user, 12345, -1)
    only(entries(early))
    assert [path.name for path in user.rglob("*")] == ([".cache"] if there else [])


def test_where_the_users_cache_is_said_or_none_is_known(console: Console, tmp_path: Path) -> None:
    early = before_a_home(console, tmp_path, XDG_CACHE_HOME=str(tmp_path / "elsewhere"))
    only(entries(early))
    assert len([*(tmp_path / "elsewhere" / "agentos").iterdir()]) == 1
    for variables in ({"HOME": ""}, {"HOME": "user", "XDG_CACHE_HOME": "elsewhere"}):
        assert Settings.from_environ(early.environ | {"XDG_CACHE_HOME": ""} | variables).user_cache is None


@pytest.mark.parametrize("name", ["toy/readme.md", "toy/more.md", "toy/icon.svg"])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_skill_is_read_again_when_any_of_its_files_is_another(
    name: str, how: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries(console)
    assert not is_read(console, monkeypatch)
    file = console.skills / name
    if how == "gone":
        file.unlink()
    else:
        file.write_text(file.read_text() + "\n")
    if how == "gone" and name == "toy/readme.md":
        assert entries(console) == ()
        return
    is_an_image = name == "toy/icon.svg" and how == "changed"
    assert is_read(console, monkeypatch) == (not is_an_image)


def test_what_a_kept_skill_is_made_of_is_watched_too(console: Console) -> None:
    entries(console)

    async def watched() -> tuple[int, str]:
        async with WorkerPool(size=0) as workers:
            settings = Settings.from_environ(console.environ)
            registry = open_registry(settings, workers, open_cache(settings))
            await registry.refresh()
            before = registry.generation
            console.write("toy/more.md", PART.replace("Two", "Another"))
            await registry.refresh()
            registry.close()
            skill = only(registry.entries)
            return registry.generation - before, skill.utilities["two"].description

    assert asyncio.run(watched()) == (1, "Another")


def test_a_part_that_comes_and_an_icon_that_comes_are_seen(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    (console.skills / "toy/icon.svg").unlink()
    assert only(entries(console)).icon is None
    console.write("toy/icon.svg", "<svg/>")
    assert only(entries(console)).icon == console.skills / "toy/icon.svg"


@pytest.mark.parametrize("text", ["utilities: [", "definitions: 'def a: '"])
def test_what_is_not_right_is_never_kept(text: str, console: Console) -> None:
    console.write("toy/readme.md", MANIFEST.format("One", "toy.test").replace("icon: icon.svg", text))
    (entry,) = entries(console)
    assert entry.skill is None
    assert kept_files(console) == []


@pytest.mark.parametrize("where", [0, 40, -1])
def test_a_damaged_entry_is_made_anew(where: int, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    read = only(entries(console))
    (file,) = kept_files(console)
    data = bytearray(file.read_bytes())
    data[where] ^= 1
    file.write_bytes(data)
    assert is_read(console, monkeypatch)
    assert only(entries(console)) == read
    assert not is_read(console, monkeypatch)


@pytest.mark.parametrize("what", ["cut", "empty", "open", "link", "folder"])
def test_what_is_no_entry_of_ours_is_left_out(what: str, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    read = only(entries(console))
    (file,) = kept_files(console)
    data = file.read_bytes()
    file.unlink()
    if what == "link":
        (console.home / "elsewhere").write_bytes(data)
        (console.home / "elsewhere").chmod(0o600)
        file.symlink_to(console.home / "elsewhere")
    elif what == "folder":
        file.mkdir()
    else:
        file.write_bytes({"cut": data[:-1], "empty": b"", "open": data}[what])
        file.chmod(0o644 if what == "open" else 0o600)
    assert is_read(console, monkeypatch)
    assert only(entries(console)) == read


def test_another_release_python_jq_or_module_makes_entries_of_its_own(tmp_path: Path) -> None:
    first, second = Cache(tmp_path / "cache", lambda: b"one"), Cache(tmp_path / "cache", lambda: b"two")
    first.keep("name", b"text", b"data")
    assert (first.find("name", b"text"), first.find("name", b"other"), first.find("other", b"text")) == (
        b"data",
        None,
        None,
    )
    assert second.find("name", b"text") is None
    assert this_program() == this_program()


def forged(console: Console, value: Any) -> None:
    """Keep a value in place of the skill, as this program would."""
    file = console.skills / "toy/readme.md"
    cache = Cache(console.home / "cache", this_program)
    cache.keep(str(file), sha256(file.read_bytes()).digest(), value)


class Reaching:
    def __reduce__(self) -> Any:
        return os.mkdir, ("reached",)


def test_what_is_kept_reaches_nothing_but_values_of_skills(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read = only(entries(console))
    parts = {"more.md": read.files[1]}
    values: list[Any] = [
        Reaching(),
        (read, Reaching(), [], {}),
        (read, {}, [], {}),
        (replace(read, digest="0" * 64), parts, [], {}),
        (1, {}, [], {}),
        None,
    ]
    for value in values:
        forged(console, pickle.dumps(value))
        assert is_read(console, monkeypatch)
    forged(console, b"no pickle")
    assert is_read(console, monkeypatch)
    assert not (tmp_path / "reached").exists()


def test_what_is_kept_approves_nothing(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skill that is not what its text says asks for the yes that its own authority needs."""
    entries(console)
    assert console.run("keys", "set", "toy", stdin="a-key-for-toys\n").code == 0
    assert [each["state"] for each in console.run("list", "--json").json["skills"]] == ["ready"]
    other = console.skills.parent / "other/toy"
    other.mkdir(parents=True)
    for name, text in {
        "readme.md": MANIFEST.format("One", "elsewhere.test"),
        "more.md": PART,
        "icon.svg": "",
    }.items():
        (other / name).write_text(text)
    skill = only(entries(Console(console.home, other.parent)))
    file = console.skills / "toy/readme.md"
    true = only(entries(console))
    lying = replace(skill, file=file, files=true.files, digest=true.digest)
    KeptSkills(Cache(console.home / "cache", this_program)).keep(
        file, lying, Used({"more.md": sha256(PART.encode()).hexdigest()}, ["icon.svg"], {"icon.svg": True})
    )
    assert not is_read(console, monkeypatch)
    (listed,) = console.run("list", "--json").json["skills"]
    assert listed["state"] == "needs_approval"
