"""`agentos compat`: what of a repository of skills works here."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from agentos_runtime.cli.terminal.output import dim, heading, plain, print_json, print_table, say, style
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.jq.pool import JqUnusable
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.checking import NotChecked
from agentos_runtime.testing.compat import STATES, SkillState
from agentos_runtime.testing.compat import compat as look_at

_WORDS: Mapping[str, str] = {
    "ok": "OK",
    "approval": "NEED APPROVAL",
    "unsupported": "NOT SUPPORTED",
    "broken": "BROKEN",
}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@home_options
@json_option
@pass_shell
def compat(shell: Shell, folder: Path, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Load a whole repository of AgentOS skills and say what of each works, asks for approval, or does not run.

    FOLDER is the repository or its folder of skills. Nothing is called. Exit code 1 when something that should load
    does not.

    \b
    Example:
      agentos compat ../agentos-community
    """
    settings = shell.settings(home=home, skills=skills)
    try:
        found = asyncio.run(look_at(settings, folder))
    except (NotChecked, JqUnusable) as error:
        raise Failed(str(error)) from None
    if as_json:
        totals: dict[str, Json] = {state: sum(each.count(state) for each in found) for state in STATES}
        print_json({"skills": [each.as_json() for each in found], "callables": totals})
    else:
        _print(found)
    if not all(each.is_right for each in found):
        raise click.exceptions.Exit(1)


def _print(found: Sequence[SkillState]) -> None:
    rows = [
        (
            plain(each.id),
            each.dialect or "own",
            "yes" if each.problem is None else "no",
            *(str(each.count(state) or "") for state in STATES),
        )
        for each in found
    ]
    print_table(("SKILL", "DIALECT", "LOADS", *_WORDS.values()), rows)
    for each in found:
        reasons = [one for one in each.callables if one.reason]
        if not reasons and each.problem is None:
            continue
        say()
        heading(plain(each.id))
        if each.problem is not None:
            say(f"  {style('does not load:', fg='red')} {plain(each.problem)}")
        for one in reasons:
            say(f"  {plain(one.name)}  {dim(plain(one.reason))}")
    total = sum(len(each.callables) for each in found)
    works = sum(each.count("ok") + each.count("approval") for each in found)
    say()
    say(style(f"{works} of {total} callables in {len(found)} skills can be called here", bold=True))
