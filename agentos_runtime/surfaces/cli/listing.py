"""`agentos list`."""

import asyncio
from typing import Any

import click

from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.output import dim, plain, print_json, print_table
from agentos_runtime.surfaces.cli.runtimes import opened
from agentos_runtime.surfaces.cli.shell import Shell, home_options, json_option, pass_shell

NEXT = (
    ("needs_credential", "agentos keys set {}"),
    ("needs_approval", "agentos keys approve {}"),
    ("broken", "agentos check"),
)


@click.command()
@click.argument("query", nargs=-1)
@home_options
@json_option
@pass_shell
def list_skills(
    shell: Shell, query: tuple[str, ...], home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """List the skills; with QUERY, those whose name, description or utilities have all its words.

    \b
    Example:
      agentos list weather
    """
    entries = asyncio.run(_entries(shell, shell.settings(home=home, skills=skills), " ".join(query)))
    if as_json:
        print_json({"skills": entries})
        return
    if not entries:
        click.echo("No skill matches." if query else "There are no skills yet. Write one: agentos new my-skill")
        return
    print_table(
        ("SKILL", "STATE", "UTILITIES", "DESCRIPTION"),
        [(entry["id"], _state(entry), str(len(entry["utilities"])), entry["description"]) for entry in entries],
    )
    for line in _advice(entries):
        click.echo(line)


async def _entries(shell: Shell, settings: Settings, query: str) -> list[Any]:
    async with opened(shell, settings) as runtime:
        return runtime.catalog.entries(query)


def _state(entry: Any) -> str:
    if entry["kind"] == "instructions":
        return "instructions only"
    return f"{entry['state']}, newest save is bad" if entry.get("stale") else str(entry["state"])


def _advice(entries: list[Any]) -> list[str]:
    lines = []
    for state, command in NEXT:
        ids = [plain(entry["id"]) for entry in entries if entry["state"] == state]
        if ids:
            lines.append(dim(f"{state}: {', '.join(ids)}. Run: {command.format(ids[0])}"))
    return ["", *lines] if lines else []
