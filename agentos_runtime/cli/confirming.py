"""`agentos confirm`: a person's word that `returns` is right."""

import asyncio
from collections.abc import Mapping

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill, complete_utility
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import InternalError, ReplyMismatch
from agentos_runtime.skills.confirming import Confirmation, NotConfirmed
from agentos_runtime.skills.confirming import confirm as confirm_returns
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.visibility import VisibleSkills


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.argument("utility", required=False, shell_complete=complete_utility)
@home_options
@json_option
@pass_shell
def confirm(
    shell: Shell, skill: str, utility: str | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Say that what SKILL returns, or one UTILITY of it, is as its manifest says: from now on it is held to that.

    `strict_returns: false` is taken out of the manifest; a utility below it gets `strict_returns: true`. Nothing
    else of the file changes. What did not match so far is shown by `agentos doctor` and `agentos test`.

    \b
    Example:
      agentos confirm my-skill list
      agentos confirm my-skill
    """
    settings = shell.settings(home=home, skills=skills)
    entry, unlike = asyncio.run(_entry(shell, settings, skill))
    try:
        done = confirm_returns(entry, utility)
    except NotConfirmed as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json(done.as_json())
    else:
        _say(done, utility)
    for name in done.confirmed:
        if (count := unlike.get(name)) is not None:
            replies = "reply" if count == 1 else "replies"
            say(
                f"{style('note:', bold=True)} {count} {replies} of {name} did not match its `returns`: such calls "
                f"fail from now on. Look: agentos call {done.skill} {name} --explain",
                err=True,
            )


async def _entry(shell: Shell, settings: Settings, skill: str) -> tuple[SkillEntry, Mapping[str, int]]:
    """The skill, and per utility how many replies did not match."""
    async with opened(shell, settings) as runtime:
        entry = VisibleSkills(runtime.registry).entry(skill)
        try:
            counted = await runtime.ledger.counted(ReplyMismatch.code)
        except InternalError:
            counted = []
    return entry, {name: count for skill_id, name, count in counted if skill_id == entry.id}


def _say(done: Confirmation, utility: str | None) -> None:
    if not done.confirmed and done.files:
        where = ", ".join(plain(str(file)) for file in done.files)
        say(f"All of {done.skill} was confirmed already; `strict_returns` is taken out of {where}.")
        return
    if not done.confirmed:
        what = done.skill if utility is None else f"{done.skill} {utility}"
        say(f"{what} is held to its `returns` already; nothing was changed.")
        return
    say(f"Confirmed: {', '.join(done.confirmed)}. Written: {', '.join(plain(str(file)) for file in done.files)}.")
    if done.left:
        say(f"Not confirmed yet: {', '.join(done.left)}.")
    elif utility is not None:
        say(f"All is confirmed: `agentos confirm {done.skill}` takes `strict_returns` out of the file.")
