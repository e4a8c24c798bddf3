"""`agentos import`: the group; its commands are in `commands`."""

import re
from collections.abc import Mapping
from pathlib import Path

import click

from agentos_runtime.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "openapi": ("import_.commands:openapi", "Import OpenAPI 3 or Swagger 2.0, from a file or an address."),
    "lap": ("import_.commands:lap", "Import a LAP file."),
    "har": ("import_.commands:har", "Turn the calls that a browser recorded (HAR) into utilities."),
    "postman": ("import_.commands:postman", "Import a Postman collection (v2.0 or v2.1)."),
    "agentos": (
        "import_.agentos:agentos",
        "Turn a skill of AgentOS's first dialects (actions, placeholders) into one that loads.",
    ),
    "curl": ("import_.commands:curl", "Turn one curl command into a utility."),
}


class SourceGroup(LazyGroup):
    """Takes a source as it is, too: `agentos import openapi.yaml` finds out what it holds."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        kind = None if args[0] in COMMANDS else kind_of(args[0])
        return super().resolve_command(ctx, args if kind is None else [kind, *args])


def kind_of(source: str) -> str | None:
    """The command that reads this file, address or curl command; None for what is none of them."""
    if re.match(r"\s*(?:\$ )?curl(?:\.exe)?\s", source):
        return "curl"
    address = source.startswith(("http://", "https://"))
    if not address and not Path(source).is_file():
        return None
    if source.endswith((".har", ".postman_collection.json")):
        return "har" if source.endswith(".har") else "postman"
    if source.endswith(".md"):
        return "agentos"
    return "lap" if source.endswith(".lap") or (not address and _begins_as_lap(Path(source))) else "openapi"


def _begins_as_lap(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(16).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"@lap")
    except OSError:
        return False


@click.group(cls=SourceGroup, lazy=COMMANDS)
def importing() -> None:
    """Turn a description of a service into a skill; later, bring in what is new and keep what you edited.

    \b
    Example:
      agentos import openapi https://api.example.com/openapi.json --id example
      agentos import curl "curl https://api.example.com/search?q=cats" --id example
      agentos import openapi.yaml --id example
    """
