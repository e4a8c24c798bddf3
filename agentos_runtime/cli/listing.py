"""`agentos list`."""

import asyncio
from typing import Any

import click

from agentos_runtime.cli.terminal.catalogs import looked_at
from agentos_runtime.cli.terminal.output import dim, plain, print_json, print_table, say, say_prose
from agentos_runtime.cli.terminal.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.skills.catalog import Catalog

NEXT = (
    ("needs_credential", "agentos {command} {id}"),
    ("needs_approval", "agentos approve {id}"),
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
    settings = shell.settings(home=home, skills=skills)
    entries, loading, advice = asyncio.run(_listed(shell, settings, " ".join(query)))
    if as_json:
        print_json({"skills": entries, **({"loading": loading} if loading else {})})
        return
    for each in loading:
        say(f"{plain(each['id'])} is not ready: {plain(each['problems'][0]['message'])}", err=True)
    if not entries:
        say("No skill matches." if query else "There are no skills yet. Write one: agentos new my-skill")
        return
    print_table(
        ("SKILL", "STATE", "UTILITIES", "DESCRIPTION"),
        [(entry["id"], _state(entry), str(len(entry["utilities"])), entry["description"]) for entry in entries],
    )
    for line in (*_shadows(entries), *advice):
        say_prose(line)


async def _listed(shell: Shell, settings: Settings, query: str) -> tuple[list[Any], list[Any], list[str]]:
    """The skills, those of which nothing could be said, and what to do next."""
    async with looked_at(shell, settings) as catalog:
        entries: list[Any] = catalog.entries(query)
        return entries, catalog.loading(), _advice(entries, catalog)


def _state(entry: Any) -> str:
    if entry["kind"] == "instructions":
        return "instructions only"
    return f"{entry['state']}, newest save is bad" if entry.get("stale") else str(entry["state"])


def _shadows(entries: list[Any]) -> list[str]:
    """Which skills are served in place of bundled ones."""
    ids = [plain(entry["id"]) for entry in entries if entry.get("shadows")]
    return ["", dim(f"in place of the bundled skill: {', '.join(ids)}")] if ids else []


def _advice(entries: list[Any], catalog: Catalog) -> list[str]:
    """A line for each command that helps, or for the file that is in its way."""
    commands = {each.id: each.skill.key_command for each in catalog.skills.entries if each.skill}
    unreadable = catalog.unreadable()
    found: dict[tuple[str, str], list[str]] = {}
    for state, then in NEXT:
        for entry in (each for each in entries if each["state"] == state):
            command = commands.get(entry["id"], "") if "{command}" in then else ""
            found.setdefault((state, then.replace("{command}", command)), []).append(plain(entry["id"]))
    lines = [
        f"{state}: {', '.join(ids)}. {plain(unreadable.get(state, f'Run: {then.format(id=ids[0])}'))}"
        for (state, then), ids in found.items()
    ]
    return ["", *lines] if lines else []
