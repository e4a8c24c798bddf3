"""`agentos activity prune`."""

import time
from importlib import import_module

import click

from agentos_runtime.cli.backup import size
from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.jsontext import Json
from agentos_runtime.storage.activity.conditions import moment_of
from agentos_runtime.storage.activity.pruning import Pruned, prune
from agentos_runtime.storage.activity.queries import iso
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


@click.command(name="prune")
@click.option("--older-than", metavar="WHEN", required=True, help="A duration (90s, 30m, 24h, 30d) or an ISO time.")
@home_option
@json_option
@pass_shell
def prune_activity(shell: Shell, older_than: str, home: str | None, as_json: bool) -> None:
    """Drop the calls that began before WHEN, a few at a time: servers go on. Calls under way stay.

    Usage no longer adds them up. A limit that is new counts what is left of its day or week.

    \b
    Example:
      agentos activity prune --older-than 30d
    """
    settings = shell.settings(home=home)
    try:
        shared = None if settings.documents is None else import_module(_SHARED)
        now = time.time() if shared is None else shared.now(settings.documents.side) / 1000
        before = moment_of(older_than, now)
        if before is None or before > now * 1000:
            raise click.BadParameter(
                "must be a duration (24h, 30d) or a time that is past (2026-11-20T08:00:00Z)",
                param_hint="--older-than",
            )
        pruned = (
            prune(settings.activity_file, before)
            if shared is None
            else shared.prune(settings.documents.side, before)
        )
    except DatabaseTrouble as error:
        raise Failed(str(error)) from None
    if as_json:
        shown: dict[str, Json] = {"pruned": pruned.rows, "before": iso(before)}
        print_json(shown | {"freed_bytes": pruned.freed, "reusable_bytes": pruned.reusable})
    else:
        say(_sentence(pruned, iso(before)))


def _sentence(pruned: Pruned, before: str) -> str:
    if not pruned.rows:
        return f"No call began before {before}."
    calls = "1 call that began" if pruned.rows == 1 else f"{pruned.rows} calls that began"
    space = f" The disk got {size(pruned.freed)} back." if pruned.freed else ""
    if pruned.reusable and not pruned.freed:
        space = f" {size(pruned.reusable)} of the file are free for new calls."
    return f"Dropped {calls} before {before}.{space}"


_SHARED = "agentos_runtime.storage.postgres.pruning"
"""What knows of a database: loaded where there is one."""
