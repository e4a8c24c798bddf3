"""`agentos confirm`: a person's word that `returns` is right."""

import asyncio

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill, complete_utility
from agentos_runtime.config.settings import Settings
from agentos_runtime.skills.confirming import Confirmation, NotConfirmed
from agentos_runtime.skills.confirming import confirm as confirm_returns
from agentos_runtime.skills.registry import SkillEntry
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
    entry = asyncio.run(_entry(shell, settings, skill))
    try:
        done = confirm_returns(entry, utility)
    except NotConfirmed as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json(done.as_json())
    else:
        _say(done, utility)


async def _entry(shell: Shell, settings: Settings, skill: str) -> SkillEntry:
    async with opened(shell, settings) as runtime:
        return VisibleSkills(runtime.registry).entry(skill)


def _say(done: Confirmation, utility: str | None) -> None:
    if not done.confirmed:
        what = done.skill if utility is None else f"{done.skill} {utility}"
        say(f"{what} is held to its `returns` already; nothing was changed.")
        return
    say(f"Confirmed: {', '.join(done.confirmed)}. Written: {', '.join(plain(str(file)) for file in done.files)}.")
    if done.left:
        say(f"Not confirmed yet: {', '.join(done.left)}.")
    elif utility is not None:
        say(f"All of {done.skill} is confirmed: `agentos confirm {done.skill}` takes the key of the skill away.")
