"""Names for the shell's completion, read off the files without loading them."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from agentos_runtime.resources import skills_folder
from agentos_runtime.settings import Settings, SettingsError
from agentos_runtime.surfaces.cli.shell import Shell

ENOUGH = 512 * 1024
"""Bytes of a file that are looked at: manifests are not larger."""
_FILES = ("readme.md", "README.md", "SKILL.md")
_ID = re.compile(r"^id:\s*[\"']?([a-z][a-z0-9-]*)", re.MULTILINE)
_UTILITIES = re.compile(r"^utilities:[^\n]*\n((?:[ \t#][^\n]*\n|\n)*)", re.MULTILINE)
_NAME = re.compile(r"^( +)([a-z][a-z0-9_]*):", re.MULTILINE)
_DESCRIPTION = re.compile(r"^description:\s*[\"']?(.*?)[\"']?\s*$", re.MULTILINE)


def complete_skill(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of skills that begin with what was typed."""
    manifests = _manifests(ctx)
    return [
        CompletionItem(name, help=found[1] if (found := _DESCRIPTION.search(text)) else None)
        for name, text in sorted(manifests.items())
        if name.startswith(incomplete)
    ]


def complete_utility(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The utilities of the skill named before."""
    text = _manifests(ctx).get(str(ctx.params.get("skill")), "")
    return [CompletionItem(name) for name in _utilities(text) if name.startswith(incomplete)]


def _manifests(ctx: click.Context) -> dict[str, str]:
    shell = ctx.find_object(Shell)
    try:
        settings = shell.settings(home=ctx.params.get("home"), skills=ctx.params.get("skills")) if shell else None
    except SettingsError:
        settings = None
    found: dict[str, str] = {}
    for path in _paths(settings):
        text = _front_matter(path)
        if text and (written := _ID.search(text)):
            found.setdefault(written[1], text)
    return found


def _paths(settings: Settings | None) -> Iterator[Path]:
    default = (settings.home / "skills", skills_folder()) if settings else (skills_folder(),)
    for folder in (settings.skills if settings else ()) or default:
        children = sorted(folder.iterdir()) if folder.is_dir() else []
        for child in children:
            yield from (child / name for name in _FILES if child.is_dir() and (child / name).is_file())
            if child.suffix == ".md" and child.name.lower() != "readme.md":
                yield child


def _front_matter(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(ENOUGH)
    except OSError:
        return ""
    return text.removeprefix("---\n").partition("\n---")[0] + "\n" if text.startswith("---\n") else ""


def _utilities(text: str) -> list[str]:
    block = _UTILITIES.search(text)
    names = _NAME.findall(block[1]) if block else []
    return [name for indent, name in names if indent == names[0][0]]
