"""What somebody does to the database that replicas share, and no server ever does."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.config.settings import read_config
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


@click.command()
@json_option
@pass_shell
def migrate(shell: Shell, /, as_json: bool) -> None:
    """Bring the database's tables and functions up to date. Servers never do; run it before they start.

    \b
    Example:
      agentos database migrate
    """
    documents = _documents(shell)
    try:
        applied = import_module(_SCHEMA).migrate(documents.side)
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({"applied": [*applied]})
        return
    for name in applied:
        say(f"applied {name}")
    if not applied:
        say("The database is up to date.")


@click.command()
@json_option
@pass_shell
def status(shell: Shell, /, as_json: bool) -> None:
    """What was applied to the database, and what is still to be; exit code 1 while something is.

    \b
    Example:
      agentos database status
    """
    documents = _documents(shell)
    try:
        found = import_module(_SCHEMA).status(documents.side)
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({"applied": [*found.applied], "pending": [*found.pending], "newer": [*found.newer]})
    else:
        for name in found.applied:
            say(f"applied  {name}{', of a newer agentos' if name in found.newer else ''}")
        for name in found.pending:
            say(f"pending  {name}")
    if found.pending:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@pass_shell
def limits(shell: Shell, /, file: Path, as_json: bool) -> None:
    """Put the tables [limits…] of a config.toml into the database: from then on they hold for all replicas.

    What the database had is replaced; a file without [limits] lifts all limits.

    \b
    Example:
      agentos database limits limits.toml
    """
    raw = read_config(file).get("limits", {})
    documents = _documents(shell)
    try:
        import_module("agentos_runtime.limits.shared").set_rules(documents, raw)
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({"subjects": sorted(raw)})
        return
    say(f"The limits of {file} hold for all replicas." if raw else "No limits hold any more.")


def _documents(shell: Shell) -> Any:
    settings = shell.settings()
    if settings.documents is None:
        raise Failed("AGENTOS_DATABASE is not set: name the database, as postgresql://user@host/name")
    return settings.documents


_SCHEMA = "agentos_runtime.storage.postgres.schema"
