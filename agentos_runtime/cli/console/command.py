"""`agentos console`."""

import asyncio
import ssl
import threading
import time
from contextlib import suppress

import click
import httpx

from agentos_runtime.cli.calls.through_server import PATIENCE, base_url, is_ours
from agentos_runtime.cli.terminal.browser import has_browser, open_browser
from agentos_runtime.cli.terminal.output import dim, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.door import open_sessions, open_tickets
from agentos_runtime.console.access.tickets import LIFE, SharedTickets, Tickets

LOOK_AGAIN = 0.1


@click.command()
@click.option(
    "--print", "only_print", is_flag=True, help="Print the link instead of opening it: for SSH and containers."
)
@click.option("--end", is_flag=True, help="End every session of the console: each browser has to be let in again.")
@click.option("--home", metavar="FOLDER", help="Where keys and activity lie. [AGENTOS_HOME]")
@json_option
@pass_shell
def console(shell: Shell, only_print: bool, end: bool, home: str | None, as_json: bool) -> None:
    """Open the console in a browser: what waits, what was called, what it cost, keys and agents.

    The link works once, for 60 seconds. It says which browser was let in.

    \b
    Example:
      agentos console
      agentos console --print
      agentos console --end
    """
    settings = shell.settings(home=home)
    if end:
        _end(settings, as_json)
        return
    if not settings.console_origin and not asyncio.run(_is_there(settings)):
        raise Failed(f"No agentos of yours answers at {base_url(settings)}. Start one: agentos serve")
    tickets = open_tickets(settings)
    ticket = tickets.make()
    url = f"{settings.console_origin or base_url(settings)}/console/login#{ticket}"
    if as_json:
        print_json({"url": url, "seconds": int(LIFE)})
    elif only_print or not has_browser(shell.environ):
        say(url)
        say(dim(f"Open it within {LIFE:.0f} seconds: it works once."), err=True)
    else:
        _open(settings, tickets, ticket, url)


def _end(settings: Settings, as_json: bool) -> None:
    ended = open_sessions(settings).end_all()
    if as_json:
        print_json({"ended": ended})
    else:
        say(f"Ended {ended} session{'' if ended == 1 else 's'} of the console.")


def _open(settings: Settings, tickets: Tickets | SharedTickets, ticket: str, url: str) -> None:
    """Open the link and wait until a browser has used it. Raises Failed."""
    failed = threading.Event()
    open_browser(url, failed.set)
    until = time.monotonic() + LIFE
    while tickets.waits(ticket) and not failed.is_set() and time.monotonic() < until:
        time.sleep(LOOK_AGAIN)
    if tickets.waits(ticket):
        tickets.take(ticket)
        raise Failed("No browser could be opened here. For a link to open by hand: agentos console --print")
    sessions = open_sessions(settings)
    label = None
    while label is None and time.monotonic() < until:
        label = sessions.begun_by(ticket)
        time.sleep(0 if label else LOOK_AGAIN)
    if label is None:
        raise Failed(
            "The link was used, and no session came of it. Somebody else may have it: agentos console --end"
        )
    say(f"Opened in {label}. If that is not yours: agentos console --end")


async def _is_there(settings: Settings) -> bool:
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(
        base_url=base_url(settings), trust_env=False, verify=no_tls, timeout=httpx.Timeout(PATIENCE)
    ) as client:
        with suppress(Failed):  # it is asked again
            return await is_ours(client)
        return False
