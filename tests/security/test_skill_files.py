"""What lies outside the folder of skills is read by nobody, and what cannot be read holds nobody up."""

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.skills.files import MOST_ENTRIES, NotRead, SkillFolder
from agentos_runtime.skills.registry import SETTLE
from tests.cli.console import Console
from tests.end_to_end.house import house
from tests.end_to_end.test_registry import eventually, listed, said
from tests.end_to_end.test_registry import manifest as toy_manifest
from tests.security.strangers import CANARY, crowded, home_with_keys, linked, linking, manifest, standing
from tests.security.support import environment_number
from tests.toy.raw import Toy, answer

TREES = environment_number("AGENTOS_TEST_TREES", 100)


def everything_shown(client: httpx.Client) -> bytes:
    """All that any route tells about any skill."""
    shown = [client.get("/api/skills"), client.get("/api/health")]
    for entry in shown[0].json()["skills"]:
        path = f"/api/skills/{entry['id']}"
        shown += [
            client.get(path),
            client.get(f"{path}/icon"),
            client.get(f"{path}/say"),
            client.post(f"{path}/say"),
        ]
    return b"".join(each.content for each in shown)


def test_no_link_shows_what_lies_elsewhere_over_any_route(tmp_path: Path) -> None:
    private = home_with_keys(tmp_path / "home")
    skills = tmp_path / "skills"
    targets: dict[str, Path | str] = {
        "key": private.with_name("credentials.json"),
        "home": private,
        "up": "../../home/private.md",
        "environment": "/proc/self/environ",
        "zero": "/dev/zero",
        "passwords": "/etc/passwd",
        "terminal": "/dev/tty",
        "descriptor": "/proc/self/fd/0",
    }
    linking(skills, targets)
    linked(skills / "whole", tmp_path / "home")
    linked(skills / "case-whole" / "cases", tmp_path / "home")
    (skills / "case-whole" / "readme.md").write_text(manifest("case-whole"))
    with house(tmp_path, environ={"X": CANARY}) as home:
        shown = everything_shown(home.client)
        entries = listed(home)
    assert CANARY.encode() not in shown
    assert b"root:x:0" not in shown
    for name in targets:
        for role in ("single", "folder", "skill", "part"):
            assert entries[f"{role}-{name}"]["state"] == "broken", (role, name)
            assert "cannot be read" in str(entries[f"{role}-{name}"]["problems"]) or role == "part"
        assert entries[f"icon-{name}"]["state"] == "ready"
        assert "cannot be shown" in str(entries[f"icon-{name}"]["problems"])
    assert "leads out of" in entries["whole"]["problems"][0]["message"]
    assert "--skills" in entries["whole"]["problems"][0]["fix"]


def test_no_command_shows_what_lies_elsewhere(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    private = home_with_keys(console.home)
    linking(console.skills, {"key": private.with_name("credentials.json"), "home": private, "zero": "/dev/zero"})
    standing(console.skills)
    each = [path for path in sorted(console.skills.rglob("*")) if path.exists()]
    for paths in ((), (console.skills,), each):
        assert console.run("check", *paths).code == 1
        assert console.run("check", "--json", *paths).code == 1
    assert f"{console.skills}/pipe.md:1:1: error: The file cannot be read: it is a pipe" in console.seen[0]
    assert console.run("test").code == 1
    assert "leads out of" in console.run("test", "case-home").out
    assert console.run("list").code == 0
    typed = {"_AGENTOS_COMPLETE": "bash_complete", "COMP_WORDS": "agentos show ", "COMP_CWORD": "2"}
    assert "odd" in console.spawn(**typed).out
    for skill in ("single-home", "part-home", "icon-home", "case-home"):
        console.run("show", skill)
    assert CANARY not in "".join(console.seen)


@pytest.mark.slow
def test_what_never_ends_or_is_huge_is_its_own_problem_and_every_other_save_is_live(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    crowded(skills / "crowd", 10_000)
    (skills / "crowd" / "readme.md").write_text(manifest("crowd", "icon: crwd.svg\n"))
    crowded(skills, 2000)
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        file = skills / "toy.md"
        file.write_text(toy_manifest(says="before"))
        eventually(lambda: said(home), "before")
        standing(skills)
        linking(skills, {"zero": "/dev/zero", "full": "/dev/full", "kernel": "/dev/kmsg"})
        for number in range(3):
            file.write_text(toy_manifest(says=str(number)))
            eventually(lambda wanted=str(number): said(home), str(number))
        eventually(
            lambda: {"pipe", "odd", "sparse", "loop", "nowhere", "round", "single-zero"} - listed(home).keys(),
            set(),
        )
        entries = listed(home)
        health = home.client.get("/api/health").json()
    problems = {name: entries[name]["problems"][0]["message"] for name in ("pipe", "sparse", "loop", "nowhere")}
    assert "it is a pipe" in problems["pipe"]
    assert "larger than 4 MB" in problems["sparse"]
    assert "symbolic links" in problems["loop"]
    assert "link to something that is not there" in problems["nowhere"]
    assert entries["crowd"]["state"] == "ready"
    assert (health["status"], "watcher" in health) == ("ok", False)


def test_a_folder_with_more_than_anybody_wants_is_told_and_looked_at_in_part(tmp_path: Path) -> None:
    crowded(tmp_path / "skills", MOST_ENTRIES + 1)
    with house(tmp_path) as home:
        told = home.client.get("/api/health").json()["watcher"]
    assert [f"more than {MOST_ENTRIES} entries" in sentence for sentence in told] == [True]


def test_links_inside_the_folder_work_as_a_config_map_makes_and_swaps_them(tmp_path: Path) -> None:
    skills = tmp_path / "mounted"
    for number in ("one", "two"):
        version = skills / f"..2026_{number}"
        (version / "deep").mkdir(parents=True)
        (version / "toy.md").write_text(toy_manifest(says=number))
        (version / "deep" / "readme.md").write_text(manifest("deep", "icon: icon.svg\n"))
        (version / "deep" / "icon.svg").write_text(f"<svg>{number}</svg>")
    linked(skills / "..data", "..2026_one")
    linked(skills / "toy.md", "..data/toy.md")
    linked(skills / "deep", "..data/deep")
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, skills=skills, rewrite={"https://toy.example": toy.origin}) as home,
    ):
        eventually(lambda: said(home), "one")
        assert home.client.get("/api/skills/deep/icon").content == b"<svg>one</svg>"
        linked(skills / "..data_tmp", "..2026_two").rename(skills / "..data")
        eventually(lambda: said(home), "two")
        assert home.client.get("/api/skills/deep/icon").content == b"<svg>two</svg>"
        assert sorted(listed(home)) == ["deep", "toy"]


def test_a_folder_that_is_itself_a_link_is_followed_when_it_is_swapped(tmp_path: Path) -> None:
    for number in ("one", "two"):
        worktree = tmp_path / ".worktrees" / number
        (worktree / "skills" / "toy").mkdir(parents=True)
        (worktree / ".git").write_text("gitdir: elsewhere")
        (worktree / "skills" / "toy" / "shared.md").write_text(toy_manifest(says=number))
        linked(worktree / "skills" / "toy" / "readme.md", "shared.md")
    linked(tmp_path / "current", ".worktrees/one")
    skills = tmp_path / "current" / "skills"
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, skills=skills, rewrite={"https://toy.example": toy.origin}) as home,
    ):
        eventually(lambda: said(home), "one")
        linked(tmp_path / "next", ".worktrees/two").rename(tmp_path / "current")
        eventually(lambda: said(home), "two")


@pytest.mark.slow
def test_a_folder_whose_link_leads_nowhere_is_told_and_its_skills_go_on(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "toy.md").write_text(toy_manifest(says="one"))
    skills = linked(tmp_path / "current", "one")
    with (
        Toy(answer(body=b"{}")) as toy,
        house(tmp_path, skills=skills, rewrite={"https://toy.example": toy.origin}) as home,
    ):
        eventually(lambda: said(home), "one")
        (tmp_path / "one").rename(tmp_path / "two")
        eventually(lambda: "watcher" in home.client.get("/api/health").json(), True)
        assert "a link to something that is not there" in home.client.get("/api/health").json()["watcher"][0]
        ends = time.monotonic() + SETTLE + 0.5
        while time.monotonic() < ends:
            assert said(home) == "one"
        linked(tmp_path / "next", "two").rename(skills)
        eventually(lambda: "watcher" in home.client.get("/api/health").json(), False)


def test_the_skills_of_a_home_never_reach_up_into_it(tmp_path: Path) -> None:
    home_with_keys(tmp_path / "home")
    for target in ("..", ".", "../../home"):
        for skills in (tmp_path / "home" / "skills", tmp_path / "around"):
            skills.unlink(missing_ok=True)
            skills.symlink_to(target if skills.parent == tmp_path / "home" else tmp_path)
            folder = SkillFolder(skills, (tmp_path / "home",))
            for name in ("private.md", "credentials.json", "home/private.md", "home/credentials.json"):
                with pytest.raises(OSError, match=r".") as refused:
                    folder.read(skills / name)
                assert refused.value.strerror


def test_a_link_into_git_or_to_a_hidden_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(f"url = https://user:{CANARY}@host")
    (tmp_path / ".env").write_text(CANARY)
    folder = SkillFolder(tmp_path)
    for target in (".git/config", ".env"):
        link = linked(tmp_path / "skill" / "readme.md", f"../{target}")
        with pytest.raises(NotRead, match="hidden"):
            folder.read(link)
        link.unlink()


@pytest.mark.slow
def test_a_link_that_is_changed_while_it_is_read_shows_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Whatever is checked, is checked of the very file whose bytes are given."""
    (tmp_path / "outside").mkdir()
    skills = tmp_path / "skills"
    skills.mkdir()
    for place, text in (("outside", CANARY), ("skills", "fine")):
        (tmp_path / place / "text.md").write_text(text)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for target in ("text.md", "../outside/text.md"):
                linked(skills / "next", target).rename(skills / "x.md")

    linked(skills / "x.md", "text.md")
    swapping = threading.Thread(target=swap)
    swapping.start()
    folder = SkillFolder(skills)
    seen: set[bytes] = set()
    try:
        ends = time.monotonic() + 20
        while time.monotonic() < ends and not (len(seen) == 2 and time.monotonic() > ends - 18.5):
            try:
                seen.add(folder.read(skills / "x.md"))
            except NotRead:
                seen.add(b"refused")
    finally:
        over.set()
        swapping.join()
    assert seen == {b"fine", b"refused"}


NAMES = ("a", "b", "c.md", "d", ".h")
PLACES = ("skills", "skills/a", "skills/b", "skills/.git", "outside", "home", "home/deep", "skills/..data")
STEPS = st.one_of(
    st.tuples(st.just("file"), st.sampled_from(PLACES), st.sampled_from(NAMES), st.integers(0, 30)),
    st.tuples(st.just("pipe"), st.sampled_from(PLACES), st.sampled_from(NAMES), st.just(0)),
    st.tuples(
        st.just("link"),
        st.sampled_from(PLACES),
        st.sampled_from(NAMES),
        st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(PLACES), st.sampled_from(("", *NAMES))),
    ),
)


@pytest.mark.slow
@settings(max_examples=TREES, deadline=None)
@given(st.lists(STEPS, max_size=14), st.booleans(), st.sampled_from(["home", "skills/a", "nowhere"]))
def test_what_is_read_of_any_tree_is_what_the_rule_says(steps: Any, through_link: bool, home: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        top = Path(os.path.realpath(made))
        for place in PLACES:
            (top / place).mkdir(parents=True, exist_ok=True)
        for step in steps:
            grow(top, *step)
        root = linked(top / "named", "skills") if through_link else top / "skills"
        folder = SkillFolder(root, (top / home,))
        names = [Path(at, name) for at, _, files in os.walk(root) for name in files]
        names += [root / "a" / name for name in NAMES] + [root / name / "c.md" for name in NAMES]
        for path in names:
            assert outcome(folder, path) == by_the_rule(path, top / "skills", top / home), path


def grow(top: Path, kind: str, place: str, name: str, what: Any) -> None:
    path = top / place / name
    if os.path.lexists(path):
        return
    if kind == "file":
        path.write_bytes(str(path).encode() + bytes(what))
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        absolute, up, elsewhere, inner = what
        target = str(top / elsewhere / inner) if absolute else "/".join([*[".."] * up, elsewhere, inner])
        path.symlink_to(target)


def outcome(folder: SkillFolder, path: Path) -> bytes | None:
    try:
        return folder.read(path, 200)
    except OSError:
        return None


def by_the_rule(path: Path, root: Path, home: Path) -> bytes | None:
    """The rule of docs/security.md in other words, for a tree at rest."""
    real = Path(os.path.realpath(path))
    if not real.is_file() or len(real.read_bytes()) > 200:
        return None
    inside = root in real.parents
    of_home = home in real.parents and home not in root.parents
    hidden = ".git" in real.relative_to(root).parts if inside else False
    hidden = hidden or (real.name.startswith(".") and real.name != path.name)
    return real.read_bytes() if inside and not of_home and not hidden else None
