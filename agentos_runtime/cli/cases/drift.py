"""`agentos drift`."""

import asyncio
from collections.abc import Sequence

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.output import harmless, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.testing.drift import Looked, look
from agentos_runtime.testing.run import NotRun

COLOURS = (("same", "green"), ("drifted", "red"), ("failed", "yellow"))


@click.command()
@click.argument("skills_named", nargs=-1, metavar="[SKILL]...", shell_complete=complete_skill)
@click.option("--all-reads", is_flag=True, help="Also cases without `live: true`, of utilities that only read.")
@click.option("--update", is_flag=True, help="Write the cases that drifted anew, with what came.")
@home_options
@json_option
@pass_shell
def drift(
    shell: Shell,
    skills_named: tuple[str, ...],
    all_reads: bool,
    update: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Does a service still answer as its cases say? Cases with `live: true` are called for real; they only read.

    Shapes are compared, not values: fields that are gone, types that changed, replies that `returns` does not
    promise. What is new is no drift. Exit code 1 when something drifted, or no answer came.

    \b
    Example:
      agentos drift weather
      agentos drift --all-reads --json
    """
    settings = shell.settings(home=home, skills=skills)
    try:
        found = asyncio.run(_look(shell, settings, skills_named, all_reads=all_reads, update=update))
    except NotRun as error:
        raise Failed(str(error)) from None
    counts = {state: sum(each.state == state for each in found) for state, _ in COLOURS}
    if as_json:
        print_json({"cases": [each.as_json() for each in found], **counts})
    else:
        _print(found, counts)
    if counts["drifted"] or counts["failed"]:
        raise click.exceptions.Exit(1)


async def _look(
    shell: Shell, settings: Settings, skills: Sequence[str], *, all_reads: bool, update: bool
) -> list[Looked]:
    async with opened(shell, settings) as runtime:
        agent = name_here(settings, None)
        return await look(runtime, settings, agent, skills, all_reads=all_reads, update=update)


def _print(found: Sequence[Looked], counts: dict[str, int]) -> None:
    if not found:
        say("No case may be called for real: one says so with `live: true`, and its utility only reads.")
        say("Make one: agentos call SKILL UTILITY … --record NAME. Or look at all that read: --all-reads")
        return
    for each in found:
        case = each.case
        mark = style(f"{each.state:8}", fg=dict(COLOURS)[each.state], bold=each.state != "same")
        updated = ", written anew" if each.updated else ""
        say(f"{mark} {plain(case.skill)} {plain(case.utility.name)}: {plain(case.description)}{updated}")
        for change in each.changes:
            say(f"         {style(harmless(change.path), bold=True)} {harmless(change.what)}")
    say(", ".join(f"{count} {state}" for state, count in counts.items()))
