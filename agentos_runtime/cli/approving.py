"""`agentos approve`, `agentos revoke` and `agentos approvals`: what a skill may do, and who said so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import ask, dim, heading, plain, print_json, say, say_prose, style
from agentos_runtime.cli.terminal.permissions import print_permissions
from agentos_runtime.cli.terminal.programs import print_programs
from agentos_runtime.cli.terminal.shell import Failed, Shell, can_ask, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.runtime.operating.approvals import approve_asked, asked_by, each_skill
from agentos_runtime.runtime.operating.revoking import take_back
from agentos_runtime.runtime.operating.skills import loaded_skills
from agentos_runtime.security.approvals import Approvals, Lock
from agentos_runtime.security.authority import authority_of, sort_grants
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.opening import open_approvals
from agentos_runtime.skills.visibility import VisibleSkills


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.option("--yes", is_flag=True, help="Approve without asking, for scripts.")
@home_options
@json_option
@pass_shell
def approve(shell: Shell, skill: str, yes: bool, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Approve all that SKILL may do: it is shown, with what changed since the last approval.

    This also lifts what `agentos revoke` refused.

    \b
    Example:
      agentos approve my-skill
    """
    settings = shell.settings(home=home, skills=skills)
    asyncio.run(_approve(shell, settings, skill, yes=yes, as_json=as_json))


async def _approve(shell: Shell, settings: Settings, skill_id: str, *, yes: bool, as_json: bool) -> None:
    async with opened(shell, settings) as runtime:
        approvals = runtime.home.own_keys().approvals
        lock = approvals.lock()
        asked = asked_by(runtime, skill_id)
        before = lock.approvals.get(asked.skill.id)
        changes = asked.changes_since(before)
        if not as_json:
            print_programs(asked.skill, asked.pins, asked.missing)
            _show_authority(asked.skill, approvals, changes, lock, first=before is None)
        if not yes and not _agreed():
            raise Failed("Nothing was approved.")
        approve_asked(runtime, asked)
    if as_json:
        shown: dict[str, Json] = {"changes": [*changes], "authority": asked.authority.as_json()}
        print_json({"skill": asked.skill.id, "approved": True, **shown, **asked.programs()})
    else:
        place = "the database" if settings.database else settings.lock_file
        say_prose(f"Approved. It is written in {place}.")


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@home_options
@json_option
@pass_shell
def revoke(shell: Shell, skill: str, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Take back all that SKILL was approved for, in whichever way: no call of it goes out any more.

    Servers that run notice within a second; streams end. Stored keys stay, without a place to go. Only `agentos
    approve SKILL` lifts it. What AGENTOS_REWRITE approves is the operator's and stays: it is named.

    \b
    Example:
      agentos revoke my-skill
    """
    settings = shell.settings(home=home, skills=skills)
    approvals = open_approvals(settings)
    credentials = open_credentials(settings, shell.environ)

    def found(wanted: str) -> Skill | None:
        return asyncio.run(_loaded_skill(shell, settings, wanted))

    taken: Any = take_back(skill, approvals, credentials, found, rewritten=bool(settings.rewrite))
    if as_json:
        print_json({"revoked": True, **taken})
        return
    say(f"Revoked. No call of {plain(skill)} goes out until you run: agentos approve {plain(skill)}")
    if ended := taken["keys_without_a_place"]:
        say(f"Still stored, without a place to go: the {' and '.join(map(plain, ended))} key.")
    for origin in taken["rewritten"]:
        say(f"AGENTOS_REWRITE names {origin}, so calls to it still go out: take it out there.")


@click.command()
@home_options
@json_option
@pass_shell
def approvals(shell: Shell, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """List per skill what it may do, who approved it, since when, and what was taken back.

    \b
    Example:
      agentos approvals
    """
    settings = shell.settings(home=home, skills=skills)
    kept = open_approvals(settings)
    stored = open_credentials(settings, shell.environ).list()
    loaded = asyncio.run(_loaded(shell, settings))
    listed = each_skill(loaded, kept, stored)
    if as_json:
        rewrites = sorted(origin for url in settings.rewrite if (origin := origin_of(url)))
        print_json({"skills": [*listed], "rewrites": [*rewrites], "file": str(settings.lock_file)})
        return
    for each in listed:
        _print_listed(each)


# ------------------------------------------------------------------ what is listed


def _print_listed(listed: dict[str, Any]) -> None:
    heading(plain(listed["skill"]) + ("" if listed["loaded"] else " (not loaded)"))
    if listed["refused_at"]:
        say(f"  Refused since {listed['refused_at']}. To lift it: agentos approve {plain(listed['skill'])}")
    if listed["grants"]:
        who = "taken back" if listed["refused_at"] else None
        print_permissions(each | {"approved_by": _who(each) or who} for each in listed["grants"])
    elif not listed["refused_at"]:
        say(dim("  Calls without a key, to public addresses only: nothing to approve."))


def _who(grant: Any) -> str | None:
    since = str(grant["since"] or "")[:10]
    return f"{grant['approved_by']}, {since}" if since else grant["approved_by"]


async def _loaded(shell: Shell, settings: Settings) -> dict[str, Skill]:
    async with opened(shell, settings) as runtime:
        return {**loaded_skills(runtime.registry)}


async def _loaded_skill(shell: Shell, settings: Settings, skill_id: str) -> Skill | None:
    """A skill by its file, None where that is broken. Raises UnknownSkill."""
    async with opened(shell, settings) as runtime:
        return VisibleSkills(runtime.registry).entry(skill_id).skill


def _show_authority(skill: Skill, approvals: Approvals, changes: Sequence[str], lock: Lock, *, first: bool) -> None:
    say_prose(f"{plain(skill.name)} ({skill.file}) asks for:")
    grants = sort_grants(authority_of(skill).grants)
    print_permissions({**grant.as_json(), "approved_by": approvals.covers(skill, grant)} for grant in grants)
    if refused_at := lock.refusals.get(skill.id):
        say(f"It was taken back at {refused_at}.")
    if first:
        return
    say("Since the last approval:" if changes else "Nothing changed since the last approval.")
    for line in changes:
        say(style(f"  {line}", fg="green" if line.startswith("+") else "red"))


def _agreed() -> bool:
    if not can_ask():
        raise click.UsageError("nobody can be asked here: look at `agentos show SKILL`, then add --yes")
    return ask("Approve?")
