"""Folders of skills as strangers make them: with links out of them, pipes, devices, and more than anybody wants."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

CANARY = "canary-files-71c3d0"
CRED = f'{{"version": 1, "credentials": {{"openrouter": "{CANARY}"}}}}'
FRONT = "---\nid: {id}\nname: N\ndescription: D\n{more}utilities:\n  say: {{description: x, rest: {{url: https://a.example/{id}}}}}\n---\n"


def manifest(skill: str, more: str = "") -> str:
    return FRONT.format(id=skill, more=more)


def home_with_keys(home: Path) -> Path:
    """A home whose files hold a canary; gives one that would be a skill, a part, a case and an icon alike."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "credentials.json").write_text(CRED)
    (home / "credentials.json").chmod(0o600)
    private = home / "private.md"
    private.write_text(f"---\nid: {CANARY}\nname: {CANARY}\ndescription: {CANARY}\n---\n# {CANARY}\n")
    return private


def linked(path: Path, target: Path | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def linking(skills: Path, targets: Mapping[str, Path | str]) -> None:
    """For each target a link to it in every role that a file of a skill can have."""
    for name, target in targets.items():
        linked(skills / f"single-{name}.md", target)
        linked(skills / f"folder-{name}" / "readme.md", target)
        linked(skills / f"skill-{name}" / "SKILL.md", target)
        with_part = skills / f"part-{name}"
        linked(with_part / "more.md", target)
        (with_part / "readme.md").write_text(manifest(with_part.name, "parts: [more.md]\n"))
        with_icon = skills / f"icon-{name}"
        linked(with_icon / "icon.svg", target)
        (with_icon / "readme.md").write_text(manifest(with_icon.name, "icon: icon.svg\n"))
        with_case = skills / f"case-{name}"
        linked(with_case / "cases" / "one.yaml", target)
        (with_case / "readme.md").write_text(manifest(with_case.name))


def standing(skills: Path) -> None:
    """What is no file at all, under names of files."""
    folder = skills / "odd"
    (folder / "cases").mkdir(parents=True)
    (folder / "readme.md").write_text(manifest("odd", "icon: icon.svg\nparts: [pipe.md]\n"))
    for pipe in (skills / "pipe.md", folder / "pipe.md", folder / "icon.svg", folder / "cases" / "pipe.yaml"):
        os.mkfifo(pipe)
    here = os.getcwd()
    os.chdir(folder)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("cases/socket.yaml")
    finally:
        os.chdir(here)
    for name in ("sparse.md", "odd/cases/sparse.yaml"):
        with (skills / name).open("wb") as sparse:
            sparse.truncate(1 << 30)
    linked(skills / "loop.md", "loop.md")
    linked(skills / "round" / "readme.md", "../round2/readme.md")
    linked(skills / "round2" / "readme.md", "../round/readme.md")
    linked(skills / "nowhere.md", "nothing.md")


def crowded(folder: Path, count: int, suffix: str = ".txt") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"crowd-{number}{suffix}").touch()
