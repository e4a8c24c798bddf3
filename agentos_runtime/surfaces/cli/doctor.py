"""`agentos doctor`."""

import asyncio
import importlib.metadata
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import click

from agentos_runtime import __version__
from agentos_runtime.bootstrap import skill_folders
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime import Runtime
from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.health import Finding, home_findings, print_findings
from agentos_runtime.surfaces.cli.output import heading, print_json, print_table
from agentos_runtime.surfaces.cli.runtimes import opened
from agentos_runtime.surfaces.cli.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.surfaces.cli.through_server import base_url, through_server

HIDDEN = frozenset({"token", "proxy"})
"""Settings that may hold a secret: only whether they are set is shown."""


@click.command()
@home_options
@json_option
@pass_shell
def doctor(shell: Shell, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Look whether everything is in order: settings and their sources, files, workers, skills, the server.

    Exit code 1 when something is wrong; each finding says what to do.

    \b
    Example:
      agentos doctor
    """
    settings = shell.settings(home=home, skills=skills)
    found = asyncio.run(_all(shell, settings))
    if as_json:
        shown: list[Json] = [
            {"name": name, "value": value, "source": source} for name, value, source in _settings(settings)
        ]
        print_json({"version": __version__, "settings": shown, "findings": [each.as_json() for each in found]})
    else:
        heading(f"agentos {__version__}, Python {sys.version.split()[0]} on {sys.platform}")
        print_table(
            ("SETTING", "SOURCE", "VALUE"), [(name, source, value) for name, value, source in _settings(settings)]
        )
        click.echo()
        print_findings(found)
    if any(each.state == "wrong" for each in found):
        raise click.exceptions.Exit(1)


async def _all(shell: Shell, settings: Settings) -> list[Finding]:
    files = home_findings(settings)
    return [*files, *[found async for found in _runtime(shell, settings)], await _server(settings), *_platform()]


async def _runtime(shell: Shell, settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with opened(shell, settings) as runtime:
            yield Finding("workers", "fine", f"jq {importlib.metadata.version('jq')} in sealed processes")
            degraded = runtime.ledger.degraded
            yield Finding("activity", "wrong" if degraded else "fine", degraded or "recorded")
            for found in _skills(runtime):
                yield found
    except Failed as error:
        yield Finding("runtime", "wrong", error.message)


def _skills(runtime: Runtime) -> Iterator[Finding]:
    entries: list[Any] = runtime.catalog.entries()
    ready = [entry["id"] for entry in entries if entry["state"] == "ready"]
    yield Finding(
        "skills", "fine" if entries else "note", f"{len(entries)} found; ready: {', '.join(ready) or 'none'}"
    )
    for entry in entries:
        name = f"skill {entry['id']}"
        if entry["state"] == "broken" or entry.get("stale"):
            yield Finding(name, "wrong", f"{entry['problems'][0]['message']}. Run: agentos check")
        elif entry["state"] == "needs_credential":
            yield Finding(name, "note", f"has no key. Run: agentos keys set {entry['id']}")
        elif entry["state"] == "needs_approval":
            yield Finding(name, "note", f"is not approved. Run: agentos keys approve {entry['id']}")


async def _server(settings: Settings) -> Finding:
    url = base_url(settings)
    found = Finding("server", "note", f"no agentos of yours answers at {url}. Start one: agentos serve")
    async with through_server(settings) as server:
        if server is not None:
            found = Finding("server", "fine", f"answers at {url}")
    return found


def _platform(name: str = sys.platform) -> Iterator[Finding]:
    if name == "darwin":
        yield Finding(
            "platform",
            "note",
            "macOS limits neither the workers' memory nor which local user may connect: set a token",
        )


def _settings(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Name, value, source of each; secrets are not shown."""
    for name, source in settings.sources.items():
        value = getattr(settings, name)
        if name in HIDDEN:
            text = "set, not shown" if value else "none"
        elif name == "skills":
            text = ", ".join(str(folder.path) for folder in skill_folders(settings))
        elif isinstance(value, tuple):
            text = ", ".join(map(str, value)) or "none"
        elif isinstance(value, dict):
            text = ", ".join(f"{key} → {each}" for key, each in value.items()) or "none"
        else:
            text = str(value)
        yield name, text, source
