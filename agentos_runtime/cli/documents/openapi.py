"""`agentos openapi`."""

import asyncio
from pathlib import Path
from typing import get_args

import click

from agentos_runtime.cli.calls.through_server import base_url
from agentos_runtime.cli.terminal.catalogs import looked_at
from agentos_runtime.cli.terminal.output import json_text, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell, trouble
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.openapi.document import Asked, document
from agentos_runtime.openapi.operations import Version


@click.command()
@click.argument("skill", required=False, shell_complete=complete_skill)
@click.option("-o", "--output", metavar="FILE", help="Write it there; what stands there is replaced.")
@click.option("--version", type=click.Choice(get_args(Version)), default="3.1", help="Of OpenAPI. [3.1]")
@click.option("--for-tools", is_flag=True, help="For those who make a tool of each operation: calls only.")
@home_options
@json_option
@pass_shell
def openapi(
    shell: Shell,
    skill: str | None,
    output: str | None,
    version: Version,
    for_tools: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print the OpenAPI document of all skills, or of SKILL; a running server has it at /openapi.json.

    \b
    Example:
      agentos openapi
      agentos openapi open-meteo -o open-meteo.json
    """
    settings = shell.settings(home=home, skills=skills)
    server = settings.public_url or base_url(settings)
    asked = Asked(server, version, skill, for_tools, settings.token is not None)
    text = json_text(asyncio.run(_written(shell, settings, asked)))
    if output is None:
        say(text)
        return
    try:
        Path(output).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Failed(trouble(error)) from None


async def _written(shell: Shell, settings: Settings, asked: Asked) -> Json:
    async with looked_at(shell, settings) as catalog:
        return document(catalog.skills, asked)
