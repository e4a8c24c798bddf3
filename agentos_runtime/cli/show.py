"""`agentos show`."""

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from agentos_runtime.cli.schemas import param_rows, reply_rows, type_text
from agentos_runtime.cli.terminal.catalogs import looked_at
from agentos_runtime.cli.terminal.output import dim, harmless, heading, plain, print_json, print_table, say, style
from agentos_runtime.cli.terminal.permissions import OPEN, print_permissions
from agentos_runtime.cli.terminal.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill, complete_utility
from agentos_runtime.config.settings import Settings


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
    async with looked_at(shell, settings) as catalog:
        return catalog.utility(skill, utility) if utility else catalog.detail(skill)


def _print_skill(found: dict[str, Any]) -> None:
    say(f"{style(plain(found['name']), bold=True)} ({found['id']})  {found['state']}")
    say(plain(found["description"]))
    for problem in found.get("problems", []):
        say(f"{problem['file']}:{problem['line']}:{problem['column']}: {plain(problem['message'])}")
    if found["state"] == "broken":
        return
    for label in ("file", "website", "privacy_url", "terms_url"):
        if found.get(label):
            say(f"{dim(f'{label}:')} {plain(found[label])}")
    for path in found.get("shadows", []):
        say(f"{dim('shadows:')} {plain(path)}, which is bundled and not served")
    if found.get("dialect"):
        say(f"{dim('dialect:')} {found['dialect']} of AgentOS")
    for auth in found["auth"]:
        say(_auth_line(auth))
    if found["utilities"]:
        say()
        heading("Utilities")
        print_table(("NAME", "DESCRIPTION"), _utility_rows(found["utilities"]), indent="  ")
    _print_unavailable(found.get("unavailable"))
    say()
    heading("What it may do")
    print_permissions([*found["authority"], *_open_calls(found)])
    if found.get("instructions"):
        say()
        heading("Instructions")
        say(harmless(found["instructions"].rstrip()))


def _print_unavailable(unavailable: Mapping[str, str] | None) -> None:
    if unavailable:
        say()
        heading("Not run here")
        print_table(("NAME", "WHY"), [*unavailable.items()], indent="  ")


def _open_calls(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What needs nobody's approval: calls without a key, each method and origin once."""
    known = {(each["method"], each["origin"]) for each in found["authority"]}
    utilities = [each for each in found["utilities"].values() if each.get("executor", "rest") == "rest"]
    open_ones = [each for each in utilities if each["credential"] is None]
    calls = {(each["method"], each["origin"]) for each in open_ones}
    calls |= {(each["method"], each["stream_origin"]) for each in open_ones if each.get("stream_origin")}
    calls -= known
    return [
        {"method": method, "origin": origin, "credential": None, "placement": OPEN, "approved_by": "not needed"}
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
    say(f"{style(f'{skill} {name}', bold=True)}  {plain(utility['description'])}")
    say(dim(", ".join(_marks(utility))))
    if utility["handles_urls"]:
        say(f"{dim('reads:')} {plain(', '.join(utility['handles_urls']))}")
    say()
    heading("Params")
    rows = param_rows(utility["params"])
    if rows:
        print_table(("NAME", "TYPE", "DEFAULT", "DESCRIPTION"), rows, indent="  ")
    else:
        say("  none")
    say()
    heading("Reply")
    _print_reply(utility)
    say()
    say(dim(f"Call it: agentos call {skill} {name}{_example(utility['params'])}"))


def _marks(utility: dict[str, Any]) -> list[str]:
    credential = utility["credential"]
    key = "no key" if credential is None else f"with the {credential} key"
    marks = [utility["method"] or f"{utility['executor']} of this machine", _EFFECTS[utility["effect"]], key]
    if utility["streams"]:
        marks.append("streams")
    if utility["paginates"]:
        marks.append("paginates")
    if not utility["strict_returns"]:
        marks.append("returns not confirmed")
    return marks


_EFFECTS: Mapping[str, str] = {
    "read": "only reads",
    "write": "writes",
    "destroy": "destroys what cannot be brought back",
}


def _print_reply(utility: dict[str, Any]) -> None:
    rows = reply_rows(utility["returns"])
    if utility["raw"]:
        say("  bytes, as the upstream sends them")
    elif utility["void"]:
        say("  null")
    elif rows:
        print_table(("NAME", "TYPE", "DESCRIPTION"), rows, indent="  ")
    else:
        say(f"  {type_text(utility['returns']) if utility['returns'] else 'anything'}")


def _example(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return "".join(f" {name}=…" for name in required)
