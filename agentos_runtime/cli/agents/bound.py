"""`agentos agents add`, `list` and `remove`."""

import time

import click

from agentos_runtime.bootstrap import SpentInLedger
from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.terminal.output import dim, print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.messages import quantity, shown
from agentos_runtime.limits.report import Use, uses
from agentos_runtime.limits.rules import TOTAL, Rules, read_rules
from agentos_runtime.limits.windows import iso
from agentos_runtime.security.agents import Agents, BoundAgent
from agentos_runtime.storage.private_files import PrivateFile
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

EVERYBODY = "all together"


@click.command(name="add")
@click.argument("name")
@home_option
@json_option
@pass_shell
def add_agent(shell: Shell, name: str, home: str | None, as_json: bool) -> None:
    """Bind NAME to a new token and print it, once: only its hash is kept. An older token of NAME ends.

    From then on a call with X-Agent: NAME needs the token, as Authorization: Bearer.

    \b
    Example:
      agentos agents add cursor
    """
    try:
        token = _agents(shell.settings(home=home)).add(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        print_json({"agent": name, "token": token})
        return
    say(token)
    note = f"The token of {name}, shown this once. It is sent as Authorization: Bearer …; X-Agent may be left out."
    say(dim(note), err=True)


@click.command(name="remove")
@click.argument("name")
@home_option
@json_option
@pass_shell
def remove_agent(shell: Shell, name: str, home: str | None, as_json: bool) -> None:
    """End the token of NAME. Its limits stay; its name is a label again.

    \b
    Example:
      agentos agents remove cursor
    """
    if not _agents(shell.settings(home=home)).remove(name):
        raise Failed(f"No token is bound to {name}. Who has one: agentos agents list")
    if as_json:
        print_json({"agent": name, "removed": True})
    else:
        say(f"Removed the token of {name}.")


@click.command(name="list")
@home_option
@json_option
@pass_shell
def list_agents(shell: Shell, home: str | None, as_json: bool) -> None:
    """List the agents that have a token or limits of their own, and how much of the limits they have used.

    \b
    Example:
      agentos agents list
    """
    settings = shell.settings(home=home)
    bound = {each.name: each for each in _agents(settings).list()}
    rules = read_rules(settings.limits, settings.config_file)
    names = sorted({*bound, *rules.agents})
    try:
        found = [(name, bound.get(name), _uses(settings, rules, name)) for name in names]
        total = _uses(settings, rules, TOTAL)
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        rows: list[Json] = [_json(*each) for each in found]
        print_json({"agents": rows, "total": [_use_json(use) for use in total]})
    elif not found and not total:
        say("No agent has a token or limits. Bind one: agentos agents add cursor")
    else:
        everybody = [(EVERYBODY, None, total)] if total else []
        print_table(("AGENT", "TOKEN SINCE", "LIMITS USED"), [_row(*each) for each in [*found, *everybody]])


def _agents(settings: Settings) -> Agents:
    return Agents(PrivateFile(settings.agents_file))


def _uses(settings: Settings, rules: Rules, subject: str) -> tuple[Use, ...]:
    rule = rules.total if subject == TOTAL else rules.of(subject)
    return uses(settings.limits_file, SpentInLedger(settings), subject, rule, time.time())


def _json(name: str, bound: BoundAgent | None, used: tuple[Use, ...]) -> Json:
    return {
        "agent": name,
        "bound": bound is not None,
        "added_at": bound.added_at if bound else None,
        "limits": [_use_json(use) for use in used],
    }


def _use_json(use: Use) -> Json:
    return {
        "limit": use.key,
        "used": shown(use.key, use.used),
        "allowed": shown(use.key, use.most),
        "resets_at": None if use.resets_at is None else iso(use.resets_at),
    }


def _row(name: str, bound: BoundAgent | None, used: tuple[Use, ...]) -> tuple[str, ...]:
    since = bound.added_at[:10] if bound else "-"
    parts = [f"{use.key} {quantity(use.key, use.used)} of {quantity(use.key, use.most)}" for use in used]
    return name, since, ", ".join(parts) or "none"
