"""Names for the shell's completion, read off the files without loading them."""

import re
from collections.abc import Iterator
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from agentos_runtime.cli.terminal.output import plain
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.regexes import regex
from agentos_runtime.resources import skills_folder
from agentos_runtime.skills.files import SkillFile, SkillFolder, skill_folders

ENOUGH = 512 * 1024
"""Bytes of a file that are looked at: manifests are not larger."""
_ID = regex(r"^id:\s*[\"']?([a-z][a-z0-9-]*)", re.MULTILINE)
_UTILITIES = regex(r"^utilities:[^\n]*\n((?:[ \t#][^\n]*\n|\n)*)", re.MULTILINE)
_NAME = regex(r"^( +)([a-z][a-z0-9_]*):", re.MULTILINE)
_DESCRIPTION = regex(r"^description:\s*[\"']?(.*?)[\"']?\s*$", re.MULTILINE)


def complete_skill(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of skills that begin with what was typed."""
    manifests = _manifests(ctx)
    return [
        CompletionItem(name, help=plain(found[1]) if (found := _DESCRIPTION.search(text)) else None)
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
    for file in _files(settings):
        text = _front_matter(file)
        if text and (written := _ID.search(text)):
            found.setdefault(written[1], text)
    return found


def _files(settings: Settings | None) -> Iterator[SkillFile]:
    for folder in skill_folders(settings) if settings else (SkillFolder(skills_folder()),):
        with suppress(OSError):
            yield from (SkillFile(folder, path) for path in folder.manifests())


def _front_matter(file: SkillFile) -> str:
    try:
        text = file.read()[:ENOUGH].decode(errors="replace")
    except OSError:
        return ""
    return text.removeprefix("---\n").partition("\n---")[0] + "\n" if text.startswith("---\n") else ""


def _utilities(text: str) -> list[str]:
    block = _UTILITIES.search(text)
    names = _NAME.findall(block[1]) if block else []
    return [name for indent, name in names if indent == names[0][0]]
