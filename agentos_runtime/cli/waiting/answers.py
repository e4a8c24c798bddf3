"""`agentos waiting yes`, `no` and `end`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import click

from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.runtime import Runtime
from agentos_runtime.runtime.operating import waiting as operating
from agentos_runtime.waiting.entries import LONGEST_REASON, MOST_MINUTES


@click.command(name="yes")
@click.argument("entry_id", metavar="ID")
@click.option(
    "--minutes",
    type=click.IntRange(1, MOST_MINUTES),
    help="Say yes to all calls of this agent and utility for so long.",
)
@home_options
@json_option
@pass_shell
def say_yes(
    shell: Shell, entry_id: str, minutes: int | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Let the call of ID through, once. It begins when its agent asks the next time, which is at once if it waits.

    \b
    Example:
      agentos waiting yes wait_0a1b2c3d4e5f60718293a4b5
    """
    decided = _decide(shell, home, skills, entry_id, yes=True, minutes=minutes)
    if as_json:
        print_json(decided)
    else:
        many = f" So may all others for {minutes} minutes." if minutes else ""
        say(f"{call_of(decided)} may be made until {decided['expires_at']}.{many}")


@click.command(name="no")
@click.argument("entry_id", metavar="ID")
@click.option("--reason", help=f"Told to the agent; at most {LONGEST_REASON} characters.")
@home_options
@json_option
@pass_shell
def say_no(
    shell: Shell, entry_id: str, reason: str | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Refuse the call of ID.

    \b
    Example:
      agentos waiting no wait_0a1b2c3d4e5f60718293a4b5 --reason "not on a Friday"
    """
    decided = _decide(shell, home, skills, entry_id, yes=False, reason=reason)
    if as_json:
        print_json(decided)
    else:
        say(f"{call_of(decided)} is refused.")


@click.command(name="end")
@click.argument("entry_id", metavar="ID")
@home_options
@json_option
@pass_shell
def end_yes(shell: Shell, entry_id: str, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """End a yes for some minutes before its time.

    \b
    Example:
      agentos waiting end wait_0a1b2c3d4e5f60718293a4b5
    """
    settings = shell.settings(home=home, skills=skills)
    done(shell, settings, lambda runtime: operating.end_standing(runtime, entry_id))
    if as_json:
        print_json({"id": entry_id, "ended": True})
    else:
        say("Ended: its calls wait for you again.")


def _decide(shell: Shell, home: str | None, skills: tuple[str, ...], entry_id: str, **answer: Any) -> Any:
    def work(runtime: Runtime) -> Awaitable[Any]:
        return operating.decide(runtime, operating.COMMAND, entry_id, **answer)

    return done(shell, shell.settings(home=home, skills=skills), work)


def call_of(entry: Any) -> str:
    """`github/delete_repo of codex`."""
    return f"{plain(entry['skill'])}/{plain(entry['utility'])} of {plain(entry['agent'])}"


def done(shell: Shell, settings: Settings, work: Callable[[Runtime], Awaitable[Any]]) -> Any:
    """What comes of the work over a runtime of this process."""

    async def run() -> Any:
        async with opened(shell, settings) as runtime:
            return await work(runtime)

    return asyncio.run(run())
