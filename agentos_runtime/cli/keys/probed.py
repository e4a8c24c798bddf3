"""`agentos keys test`."""

import asyncio
from collections.abc import Sequence

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.runtime.home.probing import Probed, probe


@click.command(name="test")
@click.argument("skill", shell_complete=complete_skill)
@click.option("--credential", help="Only the one of this name.")
@home_options
@json_option
@pass_shell
def test_keys(
    shell: Shell, skill: str, credential: str | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Make the call that SKILL names as the probe of its key: it only reads, and costs nothing.

    Exit code 1 when a key does not work, is not there, or has no probe.

    \b
    Example:
      agentos keys test openrouter
    """
    found = asyncio.run(_probe(shell, shell.settings(home=home, skills=skills), skill, credential))
    if not found:
        raise Failed(
            f"{skill} has no credential named {credential}" if credential else f"{skill} needs no credential"
        )
    if as_json:
        print_json({"keys": [each.as_json() for each in found]})
    else:
        for each in found:
            say(plain(_sentence(each)), err=not each.works)
    if not all(each.works for each in found):
        raise click.exceptions.Exit(1)


async def _probe(shell: Shell, settings: Settings, skill: str, credential: str | None) -> Sequence[Probed]:
    try:
        async with opened(shell, settings) as runtime:
            return await probe(runtime, skill, name_here(settings, None), credential)
    except AgentOSError as error:
        raise Failed(error.message) from None


def _sentence(found: Probed) -> str:
    whose = found.skill if found.credential == "default" else f"{found.skill} ({found.credential})"
    if found.utility is None:
        return (
            f"{whose}: cannot be tested: the skill names no probe. Add `probe: …` under its `auth`: a utility that "
            "reads, carries the key, and needs no params"
        )
    if found.error is None:
        return f"{whose}: works ({found.utility} answered)"
    return f"{whose}: does not work: {found.error.message}"
