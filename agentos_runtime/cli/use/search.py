"""`agentos search`."""

import asyncio
from typing import Any

import click

from agentos_runtime.cli.terminal.catalogs import looked_at
from agentos_runtime.cli.terminal.output import print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.manifest.requests.handled import reads

MOST = 25


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(min=1), default=MOST, show_default=True, help="Rows at most.")
@home_options
@json_option
@pass_shell
def search(
    shell: Shell, words: tuple[str, ...], limit: int, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Find skills, utilities and hosts that have all WORDS; what has them in its name comes first.

    \b
    Example:
      agentos search list models
    """
    settings = shell.settings(home=home, skills=skills)
    found = asyncio.run(_found(shell, settings, " ".join(words).lower().split()))
    if as_json:
        print_json({"results": found[:limit], "more": len(found) > limit})
    elif not found:
        say("Nothing has all of these words. All skills: agentos list")
    else:
        print_table(
            ("KIND", "NAME", "DESCRIPTION"), [(e["kind"], e["name"], e["description"]) for e in found[:limit]]
        )
        if len(found) > limit:
            say(f"{len(found) - limit} more: add --limit {len(found)}", err=True)


async def _found(shell: Shell, settings: Settings, words: list[str]) -> list[Any]:
    ranked: list[tuple[int, str, Any]] = []
    async with looked_at(shell, settings) as catalog:
        for entry in catalog.entries():
            detail: Any = catalog.detail(entry["id"])  # type: ignore[index,call-overload,arg-type]
            for each in _things(detail):
                hits = [
                    word in each["name"].lower()
                    or word in each["description"].lower()
                    or (each["kind"] == "url" and reads(each["name"], word))
                    for word in words
                ]
                if all(hits):
                    named = sum(word in each["name"].lower() for word in words)
                    ranked.append((-named, each["name"], each))
    return [each for _, _, each in sorted(ranked, key=lambda one: one[:2])]


def _things(skill: Any) -> list[Any]:
    """The skill, its utilities, and its hosts."""
    name, said = skill["id"], f"{skill['name']}: {skill['description']}"
    hosts = {grant["origin"] for grant in skill.get("authority", ()) if (grant["origin"] or "").startswith("http")}
    hosts |= {f"https://{domain}" for domain in skill.get("domains", ())}
    utilities = skill["utilities"].items()
    return [
        {"kind": "skill", "name": name, "description": said},
        *(
            {"kind": "utility", "name": f"{name}/{key}", "description": each["description"]}
            for key, each in utilities
        ),
        *(
            {"kind": "url", "name": pattern, "description": f"read by {name}/{key}"}
            for key, each in utilities
            for pattern in each["handles_urls"]
        ),
        *(
            {"kind": "host", "name": host, "description": f"agentos use {host}/…, of {name}"}
            for host in sorted(hosts)
        ),
    ]
