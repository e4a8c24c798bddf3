"""`agentos add` and `agentos update`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agentos_runtime.cli.adding.report import print_broken, print_candidate, print_changes, print_next
from agentos_runtime.cli.terminal.output import ask, plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, can_ask, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.skills.sources.installing import (
    BrokenSource,
    Candidate,
    added_skills,
    candidate,
    install,
    renamed,
)
from agentos_runtime.skills.sources.listing import NotAdded
from agentos_runtime.skills.sources.memory import Memory, recall
from agentos_runtime.skills.sources.repositories import REVISION
from agentos_runtime.skills.sources.source import read_source
from agentos_runtime.suggest import suggest


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--path", metavar="PATH", help="Which skill, when SOURCE holds several: its folder or its file.")
@click.option("--revision", metavar="REVISION", help="Of a git repository: a commit, a branch or a tag.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of skills to put it into. [AGENTOS_HOME/skills]",
)
@click.option("--digest", metavar="SHA256", help="Refuse any text but the one with this digest.")
@click.option("--yes", is_flag=True, help="Add it without asking, for scripts.")
@click.option("--dry-run", is_flag=True, help="Show it, and add nothing.")
@home_options
@json_option
@pass_shell
def add(shell: Shell, /, source: str, path: str | None, revision: str | None, **options: Any) -> None:
    """Add a skill from a folder, a file, an archive (.tar.gz, .tar, .zip), an https address or a git repository.

    What it may do and the digest of its text are shown first. Nothing of it runs, and no key goes anywhere before
    you store one or approve the skill. Where it came from is remembered for `agentos update`.

    \b
    Example:
      agentos add ./weather
      agentos add https://example.com/skills/weather.md
      agentos add git+https://example.com/skills.git@v2 --path weather
    """
    settings = shell.settings(home=options["home"], skills=options["skills"])
    try:
        named = read_source(source, revision, path, Path.cwd())
        asyncio.run(_add(shell, settings, named, options))
    except BrokenSource as error:
        print_broken(error)
        raise Failed(f"Nothing was added: {error}.") from None
    except NotAdded as error:
        raise Failed(f"Nothing was added: {error}.") from None
    except UNUSABLE as error:
        raise Failed(str(error)) from None


@click.command()
@click.argument("skill", required=False, shell_complete=complete_skill)
@click.option("--revision", metavar="REVISION", help="Of a git repository: another commit, branch or tag.")
@click.option("--discard-edits", is_flag=True, help="Also where you changed the files: your changes are lost.")
@click.option("--yes", is_flag=True, help="Update without asking, for scripts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@home_options
@json_option
@pass_shell
def update(shell: Shell, /, skill: str | None, revision: str | None, **options: Any) -> None:
    """Bring SKILL, or each skill that was added, up to date with where it came from.

    What changes in its text and in what it may do is shown first. Where it may do more, it gets no key for that
    before you approve it.

    \b
    Example:
      agentos update
      agentos update weather --dry-run
    """
    settings = shell.settings(home=options["home"], skills=options["skills"])
    known = added_skills(settings)
    if skill is not None and skill not in known:
        near = suggest(skill, known)
        guess = f" Did you mean {near}?" if near else ""
        raise Failed(f"{skill} was not added from elsewhere, so nobody knows where to look.{guess}")
    if revision is not None and (skill is None or not REVISION.fullmatch(revision)):
        raise click.UsageError("--revision needs a SKILL, and is a commit, a branch or a tag")
    done: list[Json] = []
    failed = False
    for name in [skill] if skill else sorted(known):
        found = asyncio.run(_update_one(shell, settings, known[name], revision, options))
        done.append({"id": name, **found})
        failed = failed or "error" in found
    if options["as_json"]:
        print_json({"skills": done})
    elif not known:
        say("No skill was added from elsewhere. Add one: agentos add SOURCE")
    if failed:
        raise click.exceptions.Exit(1)


async def _add(shell: Shell, settings: Settings, source: Any, options: Mapping[str, Any]) -> None:
    async with candidate(source, settings, shell.environ, options["folder"]) as found:
        if found.before is not None:
            known = found.before.memory is not None
            fix = f"agentos update {found.skill.id}" if known else "Move it elsewhere first"
            raise NotAdded(f"there is a skill in {found.path} already. {fix}")
        digest = (options["digest"] or found.skill.digest).lower().removeprefix("sha256:")
        if digest != found.skill.digest:
            raise NotAdded(f"its digest is {found.skill.digest}, and not the one that you gave")
        if not options["as_json"]:
            print_candidate(found)
        agreed = not options["dry_run"] and _agreed(options, f"Add it to {found.folder}?", "Nothing was added.")
        file = install(found) if agreed else None
        if options["as_json"]:
            print_json({**found.as_json(), "file": str(file) if file else None})
        elif file:
            say(f"Added: {plain(str(file))}")
            print_next(found)


async def _update_one(
    shell: Shell, settings: Settings, place: tuple[Any, Path], revision: str | None, options: Mapping[str, Any]
) -> dict[str, Json]:
    """What came of one skill: `updated`, what changed, or the `error`."""
    folder, path = place
    memory = recall(folder, path)
    try:
        if memory is None:
            raise NotAdded(f"nobody knows any more where {path} came from")
        if memory.source.is_pinned and revision is None:
            _tell(options, f"{path.name} stays at {memory.source}: another one is --revision REVISION")
            return {"updated": False, "pinned": True}
        source = renamed(memory.source, revision) if revision else memory.source
        async with candidate(source, settings, shell.environ, folder.path) as found:
            return _replace(found, memory, path, options)
    except BrokenSource as error:
        if not options["as_json"]:
            print_broken(error)
        return _not_updated(path.name, error, options)
    except (NotAdded, *UNUSABLE) as error:
        return _not_updated(path.name, error, options)


def _replace(found: Candidate, memory: Memory, path: Path, options: Mapping[str, Any]) -> dict[str, Json]:
    if found.path != path or found.before is None:
        raise NotAdded(f"what comes from there now is another skill, {found.skill.id}")
    if not found.changed_files:
        _tell(options, f"{found.skill.id} is up to date: {memory.source}")
        return {"updated": False}
    edited = found.before.edited
    if edited and not options["discard_edits"] and not options["dry_run"]:
        raise NotAdded(f"you changed {', '.join(edited[:6])}: keep a copy, then add --discard-edits")
    if not options["as_json"]:
        print_changes(found, edited)
    agreed = not options["dry_run"] and _agreed(options, "Update it?", f"{found.skill.id} was left as it is.")
    if agreed:
        install(found)
        _tell(options, f"Updated: {found.path}")
        if not options["as_json"] and found.changes:
            print_next(found)
    return {**found.as_json(), "updated": agreed}


def _not_updated(name: str, error: Exception, options: Mapping[str, Any]) -> dict[str, Json]:
    if not options["as_json"]:
        say(f"error: {plain(name)} was not updated: {plain(str(error))}.", err=True)
    return {"updated": False, "error": str(error)}


def _tell(options: Mapping[str, Any], text: str) -> None:
    if not options["as_json"]:
        say(plain(text))


def _agreed(options: Mapping[str, Any], question: str, otherwise: str) -> bool:
    """Raises Failed for a no, click.UsageError when nobody can be asked."""
    if options["yes"]:
        return True
    if not can_ask() or options["as_json"]:
        raise click.UsageError("nobody can be asked here: look with --dry-run, then add --yes")
    if not ask(question):
        raise Failed(otherwise)
    return True
