"""`agentos database`: the group; its commands are in `commands`."""

from collections.abc import Mapping

import click

from agentos_runtime.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "migrate": ("database.commands:migrate", "Bring the database up to date; servers never do."),
    "status": ("database.commands:status", "What was applied to the database, and what is still to be."),
    "limits": ("database.commands:limits", "Put the limits of a config.toml into the database, for all replicas."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def database() -> None:
    """The PostgreSQL that replicas share (AGENTOS_DATABASE): its tables, and the limits in it.

    \b
    Example:
      agentos database migrate
      agentos database limits limits.toml
    """
