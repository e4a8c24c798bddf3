"""`agentos activity` and `agentos usage`: read from the ledger's file, also while no server runs."""

import asyncio
import itertools
import re
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.lazy import LazyGroup
from agentos_runtime.cli.terminal.output import print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Shell, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.settings import Settings
from agentos_runtime.runtime.ports import Reader
from agentos_runtime.storage.activity.conditions import OUTCOMES, moment_of
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.usage import GROUPS
from agentos_runtime.storage.files import with_database
from agentos_runtime.suggest import suggest

LOOK_AGAIN = 0.5
"""Seconds between two looks of --follow."""
HEAD = ("TIME (UTC)", "AGENT", "SKILL", "UTILITY", "OUTCOME", "MS", "MODEL", "IN", "OUT", "COST")
_UNITS: Mapping[str, str] = {
    "": "d",
    "s": "s",
    "sec": "s",
    "second": "s",
    "m": "m",
    "min": "m",
    "minute": "m",
    "h": "h",
    "hr": "h",
    "hour": "h",
    "d": "d",
    "day": "d",
    "w": "w",
    "week": "w",
}
_SAID: Mapping[str, str] = {"today": "24h", "yesterday": "48h", "last week": "7d", "week": "7d", "day": "24h"}


def _checked_since(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Raises click.UsageError for what is no time, with the one that was probably meant."""
    if not value or moment_of(value, time.time()) is not None:
        return value
    word = value.strip().lower()
    counted = re.fullmatch(r"(\d{1,6})\s*([a-z]*?)s?(?: ago)?", word)
    unit = _UNITS.get(counted[2] or ("s" if "s" in word else "")) if counted else None
    said = _SAID.get(suggest(word, _SAID) or "") if counted is None else None
    meant = f"{counted[1]}{unit}" if counted and unit else said
    guess = f" Did you mean {meant}?" if meant else ""
    raise click.BadParameter(f"{value!r} is neither a duration (90s, 30m, 24h, 7d) nor an ISO time.{guess}")


def _checked_groups(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Raises click.UsageError for what usage is not added up by, with what was probably meant."""
    for name in (value or "").split(","):
        if name.strip() and name.strip() not in GROUPS:
            meant = suggest(name.strip(), GROUPS)
            guess = f"Did you mean {meant}?" if meant else f"It is added up by {', '.join(GROUPS)}."
            raise click.BadParameter(f"{name.strip()!r} is not known. {guess}")
    return value


since_option = click.option(
    "--since", metavar="WHEN", callback=_checked_since, help="A duration (90s, 30m, 24h, 7d) or an ISO time."
)
until_option = click.option(
    "--until", metavar="WHEN", callback=_checked_since, help="The same; calls that began before it."
)


@click.group(
    cls=LazyGroup,
    lazy={"prune": ("activity.prune:prune_activity", "Drop old calls, and give their space back.")},
    invoke_without_command=True,
)
@click.option("--agent", help="Only calls by this agent.")
@click.option("--skill", help="Only calls of this skill.", shell_complete=complete_skill)
@click.option("--utility", help="Only calls of this utility.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only calls that ended so.")
@click.option("--model", help="Only calls that this model answered.")
@click.option("--code", help="Only calls that ended with this code.")
@since_option
@until_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Rows at most.")
@click.option("-f", "--follow", is_flag=True, help="Go on with calls as they are made.")
@home_option
@json_option
@click.pass_context
@pass_shell
def activity(
    shell: Shell,
    context: click.Context,
    /,
    home: str | None,
    as_json: bool,
    follow: bool,
    limit: int,
    **given: str | None,
) -> None:
    """Who called what, when, how it ended, and what it cost; the newest first.

    \b
    Example:
      agentos activity --since 24h --outcome error
    """
    if context.invoked_subcommand is not None:
        return
    reader = _reader(shell.settings(home=home))
    filters = _filters(given) | {"limit": str(limit)}
    if follow:
        _follow(reader, filters, as_json)
        return
    found: Any = asyncio.run(reader.rows(filters))
    if as_json:
        print_json(found)
    elif not found["rows"]:
        say("No calls yet." if len(filters) == 1 else "No call matches.")
    else:
        print_table(HEAD, map(_row, found["rows"]))


@click.command()
@since_option
@until_option
@click.option(
    "--by",
    callback=_checked_groups,
    help=f"What to add up by, separated by commas: of {', '.join(GROUPS)}. [all but day]",
)
@click.option("--zone", help="With --by day: the time zone whose days are meant. [UTC]")
@click.option("--latency", is_flag=True, help="Add how long calls took: p50 and p95, in milliseconds.")
@home_option
@json_option
@pass_shell
def usage(shell: Shell, /, home: str | None, as_json: bool, latency: bool, **given: str | None) -> None:
    """Calls, errors, tokens and cost, added up; the dearest first, days in their order.

    \b
    Example:
      agentos usage --since 7d --by agent
    """
    reader = _reader(shell.settings(home=home))
    found: Any = asyncio.run(reader.usage(_filters(given) | ({"latency": "true"} if latency else {})))
    if as_json:
        print_json(found)
    elif not found["rows"]:
        say("No calls yet.")
    else:
        names = list(found["rows"][0])
        head = [name.replace("_", " ").upper() for name in names]
        print_table(head, [[_text(row[name]) for name in names] for row in found["rows"]])


def _reader(settings: Settings) -> Reader:
    """What the ledger tells, without what only calls need. Raises SettingsError."""
    if settings.database is None:
        return ActivityReader(settings.activity_file)
    reader: Reader = import_module("agentos_runtime.replicas").open_reader(with_database(settings))
    return reader


def _filters(given: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value}


def _follow(reader: Reader, filters: dict[str, str], as_json: bool) -> None:
    """Prints rows once they are closed, the oldest first, until it is interrupted."""
    printed: set[tuple[int, str]] = set()  # a number alone may come again when all calls were dropped
    for row in _closed_rows(reader, filters):
        name = (row["id"], row["request_id"])
        if name in printed:
            continue
        printed.add(name)
        if as_json:
            print_json(row, pretty=False)
        else:
            say("  ".join(cell for cell in _row(row) if cell))


def _closed_rows(reader: Reader, filters: dict[str, str]) -> Iterator[Any]:
    for look in itertools.count():
        if look:
            time.sleep(LOOK_AGAIN)
        found: Any = asyncio.run(reader.rows(filters))
        yield from (row for row in reversed(found["rows"]) if row["outcome"] != "started")


def _row(row: Any) -> tuple[str, ...]:
    outcome = row["outcome"] if row["code"] is None else f"{row['outcome']} ({row['code']})"
    texts = (
        row["duration_ms"] and round(row["duration_ms"]),
        row["model"],
        row["input_tokens"],
        row["output_tokens"],
    )
    named = (row["started_at"][:19].replace("T", " "), row["agent"], row["skill"], row["utility"], outcome)
    return (*named, *map(_text, texts), _money(row["cost"]))


def _money(cost: float | None) -> str:
    return "" if cost is None else f"${cost:.9f}".rstrip("0").rstrip(".")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)
