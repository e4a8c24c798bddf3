"""`agentos completion`."""

import click
from click.shell_completion import get_completion_class

from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import json_option

VARIABLE = "_AGENTOS_COMPLETE"
"""What the script sets when the shell asks; click answers."""


@click.command()
@click.argument("shell_name", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(ctx: click.Context, shell_name: str, as_json: bool) -> None:
    """Print the completion script for bash, zsh or fish: commands, options, skills and utilities.

    \b
    Example:
      agentos completion bash > ~/.local/share/bash-completion/completions/agentos
      agentos completion zsh > ~/.zfunc/_agentos
      agentos completion fish > ~/.config/fish/completions/agentos.fish
    """
    kind = get_completion_class(shell_name)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "agentos", VARIABLE).source()
    if as_json:
        print_json({"shell": shell_name, "script": script})
    else:
        say(script)
