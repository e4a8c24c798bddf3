"""`agentos import`: the group; its commands are in `importing_commands`."""

from collections.abc import Mapping

import click

from agentos_runtime.surfaces.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "openapi": ("importing_commands:openapi", "Import OpenAPI 3.0 or 3.1, from a file or an address."),
    "lap": ("importing_commands:lap", "Import a LAP file."),
    "curl": ("importing_commands:curl", "Turn one curl command into a utility."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def importing() -> None:
    """Turn a description of a service into a skill; later, bring in what is new and keep what you edited.

    \b
    Example:
      agentos import openapi https://api.example.com/openapi.json --id example
      agentos import curl "curl https://api.example.com/search?q=cats" --id example
    """
