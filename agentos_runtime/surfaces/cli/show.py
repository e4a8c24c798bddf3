"""`agentos show`."""

import asyncio
from typing import Any

import click

from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.output import dim, harmless, heading, plain, print_json, print_table
from agentos_runtime.surfaces.cli.permissions import print_permissions
from agentos_runtime.surfaces.cli.runtimes import opened
from agentos_runtime.surfaces.cli.schemas import param_rows, reply_rows, type_text
from agentos_runtime.surfaces.cli.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.surfaces.cli.skill_names import complete_skill, complete_utility


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.argument("utility", required=False, shell_complete=complete_utility)
@home_options
@json_option
@pass_shell
def show(
    shell: Shell, skill: str, utility: str | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Show a skill: its utilities, its auth, and what it may do. With UTILITY: its params and its reply.

    \b
    Example:
      agentos show openrouter
      agentos show openrouter chat
    """
    settings = shell.settings(home=home, skills=skills)
    found = asyncio.run(_look_up(shell, settings, skill, utility))
    if as_json:
        print_json(found)
    elif utility:
        _print_utility(skill, found)
    else:
        _print_skill(found)


async def _look_up(shell: Shell, settings: Settings, skill: str, utility: str | None) -> dict[str, Any]:
    async with opened(shell, settings) as runtime:
        return runtime.catalog.utility(skill, utility) if utility else runtime.catalog.detail(skill)


def _print_skill(found: dict[str, Any]) -> None:
    click.echo(f"{click.style(plain(found['name']), bold=True)} ({found['id']})  {found['state']}")
    click.echo(plain(found["description"]))
    for problem in found.get("problems", []):
        click.echo(f"{problem['file']}:{problem['line']}:{problem['column']}: {plain(problem['message'])}")
    if found["state"] == "broken":
        return
    for label in ("file", "website", "privacy_url", "terms_url"):
        if found.get(label):
            click.echo(f"{dim(f'{label}:')} {plain(found[label])}")
    for auth in found["auth"]:
        click.echo(_auth_line(auth))
    if found["utilities"]:
        click.echo()
        heading("Utilities")
        print_table(("NAME", "DESCRIPTION"), _utility_rows(found["utilities"]), indent="  ")
    click.echo()
    heading("What it may do")
    print_permissions([*found["authority"], *_open_calls(found)])
    if found.get("instructions"):
        click.echo()
        heading("Instructions")
        click.echo(harmless(found["instructions"].rstrip()))


def _open_calls(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What needs nobody's approval: calls without a key, each method and origin once."""
    known = {(each["method"], each["origin"]) for each in found["authority"]}
    open_ones = [each for each in found["utilities"].values() if each["credential"] is None]
    calls = {(each["method"], each["origin"]) for each in open_ones} - known
    return [
        {"method": method, "origin": origin, "credential": None, "placement": "open", "approved_by": "not needed"}
        for method, origin in sorted(calls, key=str)
    ]


def _auth_line(auth: dict[str, Any]) -> str:
    name = "" if auth["credential"] == "default" else f" ({auth['credential']})"
    what = auth["label"] or auth["type"]
    places = f" in {', '.join(auth['places'])}" if auth["places"] else ""
    where = f"; get one at {auth['help_url']}" if auth["help_url"] else ""
    optional = "optional" if auth["optional"] else "needed"
    return f"{dim('key:')} {plain(f'{what}{name}{places}, {optional}{where}')}"


def _utility_rows(utilities: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, f"{utility['description']}{' (streams)' if utility['streams'] else ''}")
        for name, utility in utilities.items()
    ]


def _print_utility(skill: str, utility: dict[str, Any]) -> None:
    name = utility["name"]
    click.echo(f"{click.style(f'{skill} {name}', bold=True)}  {plain(utility['description'])}")
    click.echo(dim(", ".join(_marks(utility))))
    click.echo()
    heading("Params")
    rows = param_rows(utility["params"])
    if rows:
        print_table(("NAME", "TYPE", "DEFAULT", "DESCRIPTION"), rows, indent="  ")
    else:
        click.echo("  none")
    click.echo()
    heading("Reply")
    _print_reply(utility)
    click.echo()
    click.echo(dim(f"Call it: agentos call {skill} {name}{_example(utility['params'])}"))


def _marks(utility: dict[str, Any]) -> list[str]:
    credential = utility["credential"]
    marks = [utility["method"], "no key" if credential is None else f"with the {credential} key"]
    if utility["streams"]:
        marks.append("streams")
    if utility["paginates"]:
        marks.append("paginates")
    return marks


def _print_reply(utility: dict[str, Any]) -> None:
    rows = reply_rows(utility["returns"])
    if utility["raw"]:
        click.echo("  bytes, as the upstream sends them")
    elif utility["void"]:
        click.echo("  null")
    elif rows:
        print_table(("NAME", "TYPE", "DESCRIPTION"), rows, indent="  ")
    else:
        click.echo(f"  {type_text(utility['returns']) if utility['returns'] else 'anything'}")


def _example(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return "".join(f" {name}=…" for name in required)
