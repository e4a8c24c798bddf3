"""`agentos waiting`: what waits for a person's yes."""

import time
from datetime import datetime
from typing import Any

import click

from agentos_runtime.cli.lazy import LazyGroup
from agentos_runtime.cli.terminal.output import dim, heading, json_text, plain, print_json, say
from agentos_runtime.cli.terminal.shell import OPERATOR, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.waiting.answers import call_of, done
from agentos_runtime.runtime.operating import waiting as operating


@click.group(
    cls=LazyGroup,
    lazy={
        "yes": ("waiting.answers:say_yes", "Let a call through."),
        "no": ("waiting.answers:say_no", "Refuse a call."),
        "end": ("waiting.answers:end_yes", "End a yes for some minutes."),
    },
    invoke_without_command=True,
)
@home_options
@json_option
@click.pass_context
@pass_shell
def waiting(shell: Shell, context: click.Context, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """List the calls that wait for your yes with all that they would send, and each yes that holds for minutes.

    \b
    Example:
      agentos waiting
    """
    if context.invoked_subcommand is not None:
        return
    settings = shell.settings(home=home, skills=skills)
    found: Any = done(shell, settings, lambda runtime: operating.list_waiting(runtime, OPERATOR))
    if as_json:
        print_json(found)
        return
    if not found["waiting"] and not found["standing"]:
        say("Nothing waits for you.")
    for entry in reversed(found["waiting"]):
        _print(entry)
    for each in found["standing"]:
        ends = f"End it: agentos waiting end {each['id']}"
        say(f"Yes to every {call_of(each)} for another {_left(each['expires_at'])}. {ends}")


def _print(entry: Any) -> None:
    call = entry["call"] or {}
    state = "waits" if entry["state"] == "pending" else "may be made"
    heading(f"{call_of(entry)} {state} for another {_left(entry['expires_at'])}")
    say(f"  {plain(str(call.get('description')))}")
    credential = f" with the key {plain(call['credential'])}" if call.get("credential") else ""
    say(f"  {plain(str(call.get('method')))} {plain(str(call.get('url')))}{credential}")
    for line in json_text(call.get("params", {})).splitlines():
        say(f"  {line}")
    if entry["state"] == "pending":
        where = "in the console only" if entry["console_only"] else f"agentos waiting yes {entry['id']}"
        say(dim(f"  Yes: {where}. No: agentos waiting no {entry['id']}"))


def _call(entry: Any) -> str:
    return f"{plain(entry['skill'])}/{plain(entry['utility'])} of {plain(entry['agent'])}"


def _left(until: str) -> str:
    seconds = max(0, int(datetime.fromisoformat(until).timestamp() - time.time()))
    return f"{seconds // 60} m {seconds % 60:02d} s"
