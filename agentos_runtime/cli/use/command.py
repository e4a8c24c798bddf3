"""`agentos use`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from agentos_runtime.calls.call import new_request_id
from agentos_runtime.cli.calls.backend import CallFailed
from agentos_runtime.cli.calls.command import is_listening
from agentos_runtime.cli.failures import print_failure
from agentos_runtime.cli.terminal.output import dim, harmless, json_text, plain, say, say_bytes
from agentos_runtime.cli.terminal.shell import AGENT, Shell, home_options, on_terminal, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.cli.use.answering import Answer, in_process, through_server
from agentos_runtime.cli.use.arguments import read_body, read_headers
from agentos_runtime.cli.use.budgets import left
from agentos_runtime.cli.use.dry_run import dry_run
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import InvalidParams
from agentos_runtime.jsontext import JsonTextError, parse
from agentos_runtime.proxy.metering import meter_of
from agentos_runtime.proxy.service import METHODS, WHOLE, Asked
from agentos_runtime.proxy.targets import parse_url


@click.command()
@click.argument("url")
@click.option(
    "-X", "--method", type=click.Choice(sorted(METHODS), case_sensitive=False), help="[GET, or POST with a body]"
)
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="May be repeated.")
@click.option("-d", "--body", metavar="TEXT", help="The body, as @file, or - for stdin.")
@click.option("--json", "json_text", metavar="JSON", help="The body as JSON, as @file, or - for stdin.")
@click.option("-F", "--form", multiple=True, metavar="NAME=VALUE", help="A field of a form; NAME=@FILE is a file.")
@click.option("--body-file", metavar="FILE", help="The bytes of a file as the body.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer to a file.")
@click.option("--stream", is_flag=True, help="Print the answer as it comes, also on a terminal.")
@click.option("-i", "--include", is_flag=True, help="Print status and headers on stderr.")
@click.option("--dry-run", "dry", is_flag=True, help="Show the request that would be sent, and send nothing.")
@click.option("--skill", shell_complete=complete_skill, help="Whose key is meant, where several name the host.")
@click.option("--credential", help="Which of the skill's credentials.")
@click.option("--timeout", type=click.FloatRange(0, WHOLE, min_open=True), default=WHOLE, help="Seconds. [600]")
@click.option("--local", is_flag=True, help="Make the call in this process, also when a server runs.")
@click.option("--agent", help=f"The caller's name in the ledger. [AGENTOS_AGENT, else {AGENT}]")
@home_options
@pass_shell
def use(shell: Shell, /, url: str, **options: Any) -> None:
    """Call URL with the key of the skill that it belongs to. The answer is printed as it came, JSON indented on a
    terminal.

    The exit code is 0 for a status below 400, else 1.

    \b
    Example:
      agentos use https://openrouter.ai/api/v1/models
      agentos use https://openrouter.ai/api/v1/chat/completions --json @request.json
    """
    settings = shell.settings(home=options["home"], skills=options["skills"])
    try:
        status = asyncio.run(_use(shell, settings, url, options))
    except CallFailed as error:
        print_failure(error.body)
        status = 500
    if status >= 400:
        raise click.exceptions.Exit(1)


async def _use(shell: Shell, settings: Settings, url: str, options: Any) -> int:
    asked = _asked(url, options)
    if options["dry"]:
        await dry_run(shell, settings, options["agent"], asked)
        return 0
    only = settings.sources["only_skills"] == "flag"
    local = options["local"] or options["home"] or options["skills"] or only
    async with _answer(shell, settings, options["agent"], asked, local=bool(local)) as answer:
        if options["include"]:
            _print_head(answer)
        charged = await _print(answer, options)
        if charged is not None and (options["include"] or on_terminal()):
            say(dim(_charged(settings, options["agent"] or settings.agent or AGENT, charged)), err=True)
        if answer.status >= 400 and on_terminal():
            say(dim(f"The service answered with status {answer.status}."), err=True)
        return answer.status


def _asked(url: str, options: Any) -> Asked:
    headers = read_headers(options["headers"])
    body, kind = read_body(options)
    if kind is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", kind))
    try:
        target = parse_url(url)
    except InvalidParams as error:
        raise click.UsageError(error.message) from None
    method = (options["method"] or ("GET" if body is None else "POST")).upper()
    skill, credential, timeout = options["skill"], options["credential"], options["timeout"]
    return Asked(method, target, AGENT, new_request_id(), headers, body, skill, credential, timeout)


@asynccontextmanager
async def _answer(
    shell: Shell, settings: Settings, named: str | None, asked: Asked, *, local: bool
) -> AsyncIterator[Answer]:
    if not local and await is_listening(settings):
        async with through_server(settings, named, asked) as answer:
            if answer is not None:
                yield answer
                return
    async with in_process(shell, settings, named, asked) as own:
        yield own


async def _print(answer: Answer, options: Any) -> float | None:
    """Print the answer; what it cost in US dollars, when it says that."""
    kind = dict(answer.headers).get("content-type", "").partition(";")[0].strip().lower()
    meter, output = meter_of(kind), options["output"]
    at_once = options["stream"] or kind == "text/event-stream" or not on_terminal()
    kept: list[bytes] = []
    async for piece in answer.pieces:
        meter.feed(piece)
        if output is None and at_once:
            _print_piece(piece)
        else:
            kept.append(piece)
    meter.end()
    if output is not None:
        output.write_bytes(b"".join(kept))
    elif kept:
        _print_whole(b"".join(kept), kind)
    usage = meter.document().get("usage")
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return cost if isinstance(cost, int | float) and not isinstance(cost, bool) else None


def _print_piece(piece: bytes) -> None:
    if on_terminal():
        say(harmless(piece.decode("utf-8", "replace")), nl=False)
    else:
        say_bytes(piece)


def _print_whole(body: bytes, kind: str) -> None:
    """For a person."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"the answer is {len(body)} bytes of {kind or 'no type'}: add -o FILE") from None
    try:
        say(json_text(parse(body)) if kind.endswith("json") else text.removesuffix("\n"))
    except JsonTextError:
        say(text.removesuffix("\n"))


def _print_head(answer: Answer) -> None:
    say(f"{answer.status}", err=True)
    for name, text in answer.headers:
        say(f"{dim(f'{plain(name)}:')} {plain(text)}", err=True)


def _charged(settings: Settings, agent: str, cost: float) -> str:
    remaining = left(settings, agent)
    charged = f"Charged: ${_dollars(cost)}"
    return charged if remaining is None else f"{charged} | Remaining: ${_dollars(remaining)}"


def _dollars(amount: float) -> str:
    return f"{amount:.9f}".rstrip("0").rstrip(".")
