"""`agentos mcp config CLIENT`: what a client's settings need, to be pasted or redirected there."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which
from typing import Any

import click

from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import Shell, json_option, pass_shell
from agentos_runtime.jsontext import Json, dump

NAME = "agentos"
"""Short: clients put it before the name of every tool."""


def _servers(command: str, args: list[str]) -> Json:
    return {"mcpServers": {NAME: {"command": command, "args": [*args]}}}


def _vscode(command: str, args: list[str]) -> Json:
    return {"servers": {NAME: {"type": "stdio", "command": command, "args": [*args]}}}


def _codex(command: str, args: list[str]) -> Json:
    return {"mcp_servers": {NAME: {"command": command, "args": [*args]}}}


def _zed(command: str, args: list[str]) -> Json:
    return {"context_servers": {NAME: {"command": command, "args": [*args]}}}


CLIENTS: Mapping[str, tuple[str, Callable[[str, list[str]], Json]]] = {
    "claude": (".mcp.json of a project, or: claude mcp add agentos -- agentos mcp", _servers),
    "cursor": ("~/.cursor/mcp.json", _servers),
    "vscode": (".vscode/mcp.json", _vscode),
    "codex": ("~/.codex/config.toml", _codex),
    "gemini": ("~/.gemini/settings.json", _servers),
    "zed": ("settings.json of Zed", _zed),
}


@click.command()
@click.argument("client", type=click.Choice([*CLIENTS]))
@click.option("--tools", metavar="PATTERNS", help="Show these only: openrouter/chat,open-meteo.")
@click.option(
    "--mode", type=click.Choice(["auto", "tools", "search"]), help="List each utility, or three to find them."
)
@click.option("--read-only", is_flag=True, help="Only what reads.")
@click.option("--agent", metavar="NAME", help="Who calls; without it, what the client calls itself.")
@json_option
@pass_shell
def config(
    shell: Shell,
    /,
    client: str,
    tools: str | None,
    mode: str | None,
    read_only: bool,
    agent: str | None,
    as_json: bool,
) -> None:
    """Print the entry for a client's settings; where it belongs is said on stderr. It holds no key and no token.

    \b
    Example:
      agentos mcp config claude > .mcp.json
      agentos mcp config codex --tools openrouter/chat >> ~/.codex/config.toml
    """
    where, write = CLIENTS[client]
    args = ["mcp"]
    for option, value in (("--tools", tools), ("--mode", mode), ("--agent", agent)):
        args += [option, value] if value else []
    args += ["--read-only"] if read_only else []
    command, first = _command(shell)
    say(f"This belongs into {where}.", err=True)
    entry = write(command, [*first, *args])
    if client == "codex" and not as_json:
        _say_toml(entry)
    else:
        print_json(entry)


def _say_toml(tables: Any) -> None:
    """A text and a list of texts are written in TOML as in JSON."""
    for table, servers in tables.items():
        for name, entry in servers.items():
            say(f"[{table}.{name}]")
            for key, value in entry.items():
                say(f"{key} = {dump(value).decode()}")


def _command(shell: Shell) -> tuple[str, list[str]]:
    """By its whole path: clients that a desktop starts have no PATH of a shell."""
    found = which(NAME, path=shell.environ.get("PATH"))
    if found is not None:
        return str(Path(found).absolute()), []
    return sys.executable, ["-m", "agentos_runtime"]
