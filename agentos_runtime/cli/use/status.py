"""`agentos status`."""

import asyncio
from typing import Any

import click
import httpx

from agentos_runtime.cli.calls.command import is_listening
from agentos_runtime.cli.calls.through_server import PATIENCE, base_url, server_client
from agentos_runtime.cli.terminal.output import dim, plain, print_json, print_table, say
from agentos_runtime.cli.terminal.shell import AGENT, Failed, Shell, json_option, pass_shell
from agentos_runtime.cli.use.budgets import Budget, budgets
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.limits.messages import quantity, shown
from agentos_runtime.limits.windows import iso
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


@click.command()
@click.option("--agent", help=f"Whose budgets. [AGENTOS_AGENT, else {AGENT}]")
@click.option("--home", metavar="FOLDER", help="Where keys and activity lie. [AGENTOS_HOME]")
@json_option
@pass_shell
def status(shell: Shell, agent: str | None, home: str | None, as_json: bool) -> None:
    """Say whether a server runs here, what it serves, and what is left of the budgets.

    \b
    Example:
      agentos status
    """
    settings = shell.settings(home=home)
    name = agent or settings.agent or AGENT
    health = asyncio.run(_health(settings))
    try:
        counted = list(budgets(settings, name))
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        server: Json = None if health is None else {"url": base_url(settings), **health}
        print_json({"server": server, "agent": name, "budgets": [_json(each) for each in counted]})
        return
    if health is None:
        say(f"No server of yours runs at {base_url(settings)}. Start one: agentos serve")
    else:
        skills: Any = health["skills"]
        broken = f", {skills['broken']} broken (agentos check)" if skills["broken"] else ""
        version = plain(str(health["version"]))
        say(f"agentos {version} runs at {base_url(settings)}: {skills['loaded']} skills loaded{broken}.")
    if counted:
        rows = [_row(each) for each in counted]
        print_table(("LIMIT", "OF", "USED", "LEFT", "RESETS AT"), rows)
    else:
        say(dim(f"No limits count for {plain(name)}."))


async def _health(settings: Settings) -> dict[str, Json] | None:
    """What the server says of itself; None when none of this user is there."""
    if not await is_listening(settings):
        return None
    async with server_client(settings) as client:
        if client is None:
            return None
        try:
            health = parse((await client.get("/api/health", timeout=PATIENCE)).content)
        except (httpx.HTTPError, JsonTextError):
            return None
        return health if isinstance(health, dict) else None


def _json(budget: Budget) -> Json:
    use = budget.use
    return {
        "limit": use.key,
        "of_all_agents": budget.of_all,
        "used": shown(use.key, use.used),
        "allowed": shown(use.key, use.most),
        "left": shown(use.key, max(0, use.most - use.used)),
        "resets_at": None if use.resets_at is None else iso(use.resets_at),
    }


def _row(budget: Budget) -> tuple[str, ...]:
    use = budget.use
    return (
        use.key,
        "all agents" if budget.of_all else "this agent",
        quantity(use.key, use.used),
        quantity(use.key, max(0, use.most - use.used)),
        "" if use.resets_at is None else iso(use.resets_at),
    )
