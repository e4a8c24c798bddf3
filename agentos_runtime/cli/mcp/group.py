"""`agentos mcp`: serves by itself, and has a command that prints what a client's settings need."""

from collections.abc import Mapping
from typing import Any

import click

from agentos_runtime.cli.lazy import LazyGroup, load
from agentos_runtime.cli.terminal.shell import Shell, home_options, pass_shell

COMMANDS: Mapping[str, tuple[str, str]] = {
    "config": ("mcp.clients:config", "Print the entry for a client's settings."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, invoke_without_command=True)
@click.option("--tools", metavar="PATTERNS", help="Show these only: openrouter/chat,open-meteo.")
@click.option(
    "--mode", type=click.Choice(["auto", "tools", "search"]), help="List each utility, or three to find them."
)
@click.option("--read-only", is_flag=True, help="Only what reads.")
@click.option("--agent", metavar="NAME", help="Who calls. [AGENTOS_AGENT, or what the client calls itself]")
@click.option("--local", is_flag=True, help="In this process, although a server runs.")
@home_options
@click.pass_context
@pass_shell
def mcp(shell: Shell, context: click.Context, /, **given: Any) -> None:
    """Speak the Model Context Protocol over stdin and stdout: every utility is a tool.

    Goes through the server that runs here, or does without one. Messages go to stdout, everything else to stderr.

    \b
    Example:
      agentos mcp
      agentos mcp --tools openrouter/chat,open-meteo --read-only
      agentos mcp config claude
    """
    if context.invoked_subcommand is None:
        load("mcp.serving:serve_stdio")(shell, **given)
