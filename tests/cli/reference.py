"""`docs/cli.md` is what `--help` says: `python -m tests.cli.reference` writes it anew."""

from pathlib import Path

import click

from agentos_runtime.cli.lazy import LazyGroup
from agentos_runtime.cli.main import cli

REFERENCE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """\
# The command line

Every command has `--json`. For `call` it gives the params; the reply is JSON anyway, and `--jsonl` does it for
`--stream`, `--dry-run` and `--explain`. Exit codes: 0 fine, 1 the call or the check failed, 2 wrong usage, 130
interrupted. Errors go to stderr. Colours are for terminals only; `NO_COLOR` turns them off.

What a terminal would obey, reorder or hide (control characters, bidi and zero-width characters) is shown as
`\\u202e`, whether stdout is a terminal or not; JSON keeps its value, so a program reads replies as JSON and streams
with `--jsonl`. Raw replies go to a file or a pipe byte for byte; on a terminal text is shown like other text, and
other bytes are refused.

`call` goes through the server that runs at `AGENTOS_HOST:AGENTOS_PORT` when it is an agentos of the same user, and
makes the call itself otherwise; answers and errors are the same. The server's keys, skills and settings count then;
`--local`, `--home`, `--skills` and `--only-skills` make the call in the command's own process.

It types `key=value` as the utility declares its param: a string stays a string, everything else is JSON where it
can be read as JSON. `key:=JSON` is always JSON, `key=@file` is what the file holds, `key=@-` what stdin holds;
where the param is a file, it is the file itself, with its name and type.

This page is written from `--help`; a test compares them.
"""


def commands() -> list[str]:
    """Every command by its words, `keys set` too; the empty one is `agentos` itself."""
    return ["", *_below(cli, "")]


def help_of(command: str) -> str:
    """What `agentos <command> --help` prints, 100 columns wide."""
    context = click.Context(
        cli, info_name="agentos", terminal_width=100, max_content_width=100, **cli.context_settings
    )
    found: click.Command = cli
    for word in command.split():
        assert isinstance(found, LazyGroup)
        below = found.get_command(context, word)
        assert below is not None
        found, context = below, click.Context(below, info_name=word, parent=context)
    with context.scope(cleanup=False):
        return found.get_help(context)


def reference() -> str:
    """The whole page."""
    sections = [f"## agentos {command}".rstrip() + f"\n\n```\n{help_of(command)}\n```\n" for command in commands()]
    return "\n".join([HEAD, *sections])


def _below(group: click.Group, words: str) -> list[str]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append(f"{words} {name}".strip())
        if isinstance(command, click.Group):
            found += _below(command, found[-1])
    return found


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
