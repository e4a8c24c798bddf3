"""`agentos agents add`, `list`, `remove`, `stop` and `resume`."""

from typing import Any

import click

from agentos_runtime.bootstrap import open_limits
from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.terminal.output import dim, plain, print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.limits.messages import quantity
from agentos_runtime.limits.rules import NANO
from agentos_runtime.runtime.operating import agents as operating
from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.files import file_of
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
    try:
        with open_limits(settings) as limits:
            found: Any = operating.list_agents(_agents(settings), limits)
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json(found)
    elif not found["agents"] and not found["total"]:
        say("No agent has a token or limits. Bind one: agentos agents add cursor")
    else:
        everybody = [{"agent": EVERYBODY, "limits": found["total"]}] if found["total"] else []
        print_table(("AGENT", "TOKEN SINCE", "LIMITS USED"), map(_row, [*found["agents"], *everybody]))


@click.command(name="stop")
@click.argument("name")
@home_option
@json_option
@pass_shell
def stop_agent(shell: Shell, name: str, home: str | None, as_json: bool) -> None:
    """Let no call of NAME be made, until `agentos agents resume NAME`. Servers notice at once; streams
    end, lists and jobs at their next request.

    \b
    Example:
      agentos agents stop cursor
    """
    stopped = operating.stop_agent(_agents(shell.settings(home=home)), name)
    if as_json:
        print_json(stopped)
    else:
        say(f"Stopped {plain(name)}. It goes on with: agentos agents resume {plain(name)}")


@click.command(name="resume")
@click.argument("name")
@home_option
@json_option
@pass_shell
def resume_agent(shell: Shell, name: str, home: str | None, as_json: bool) -> None:
    """Let NAME call again.

    \b
    Example:
      agentos agents resume cursor
    """
    operating.resume_agent(_agents(shell.settings(home=home)), name)
    if as_json:
        print_json({"agent": name, "stopped_at": None})
    else:
        say(f"{plain(name)} may call again.")


def _agents(settings: Settings) -> Agents:
    return Agents(file_of(settings, settings.agents_file))


def _row(row: Any) -> tuple[str, ...]:
    since = str(row.get("added_at") or "-")[:10]
    parts = [f"{use['limit']} {_said(use, 'used')} of {_said(use, 'allowed')}" for use in row["limits"]]
    stopped = [f"stopped since {row['stopped_at'][:10]}"] if row.get("stopped_at") else []
    return row["agent"], since, ", ".join([*stopped, *parts]) or "none"


def _said(use: Any, name: str) -> str:
    """A number of the listing as people read it."""
    number = use[name]
    return quantity(use["limit"], round(number * NANO) if "cost" in use["limit"] else number)
