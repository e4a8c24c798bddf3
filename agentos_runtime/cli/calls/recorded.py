"""`agentos call --record NAME`: the call that is made becomes a case beside its skill."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from agentos_runtime.calls.call import Call
from agentos_runtime.cli.failures import print_failure
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import plain, print_json, say, say_prose
from agentos_runtime.cli.terminal.shell import OPERATOR, Failed, Shell, on_terminal
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.skills.visibility import VisibleSkills
from agentos_runtime.testing.load import FOLDER
from agentos_runtime.testing.recording import Heard, NotRecorded, make_case, write_case
from agentos_runtime.testing.run import Outcome, plain_outcome, playing, streamed_outcome

_NAME = regex(r"[a-z0-9][a-z0-9-]{0,80}")


async def record(
    shell: Shell,
    settings: Settings,
    call: Call,
    read: Callable[[Any], dict[str, Json]],
    *,
    name: str,
    stream: bool,
) -> None:
    """Make the call in this process, print what it gives, and write the case. Raises Failed, click.UsageError."""
    if not _NAME.fullmatch(name):
        raise click.UsageError("--record has lower-case letters, digits and hyphens, such as two-pages")
    heard = Heard()
    async with opened(shell, settings) as runtime:
        visible = VisibleSkills(runtime.registry)
        entry = visible.entry(call.skill)
        utility = visible.utility(call.skill, call.utility).utility
        file = entry.file.parent / FOLDER / f"{name}.yaml"
        skill = entry.skill
        if skill is None or entry.folder.bundled:
            raise Failed(f"{call.skill} ships with the runtime, and its cases too. Record beside a skill of yours.")
        if entry.file.parent == entry.folder.path:
            raise Failed(f"{entry.file} has no folder of its own: move it to {entry.file.stem}/readme.md first.")
        if file.exists():
            raise Failed(f"{file} is there already: choose another name.")
        schema = runtime.catalog(OPERATOR, everything=True).utility(call.skill, call.utility)["params"]
        given = replace(call, params=read(schema))
        outcome = await (streamed_outcome if stream else plain_outcome)(runtime, given, heard.tell)
    _print(outcome)
    try:
        async with playing(settings) as stage:
            recorded = await make_case(stage, skill, utility.name, given.params, heard, outcome, file=file)
        write_case(entry.folder, file, recorded.text)
    except NotRecorded as error:
        raise Failed(f"No case was written: {error}.") from None
    _tell(file, redacted=recorded.redacted)
    if outcome.error is not None:
        raise click.exceptions.Exit(1)


def _print(outcome: Outcome) -> None:
    if outcome.error is not None:
        body: Mapping[str, Any] = outcome.error
        print_failure({key: value for key, value in body.items() if key != "status"})
    else:
        print_json(outcome.reply, pretty=on_terminal())


def _tell(file: Path, *, redacted: bool) -> None:
    say(f"Recorded: {plain(str(file))}", err=True)
    if redacted:
        say("What looked like a secret is REDACTED in it.", err=True)
    say_prose("It holds what the service answered: look at it before you share it.", err=True)
