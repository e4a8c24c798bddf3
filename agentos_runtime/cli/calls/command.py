"""`agentos call`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from agentos_runtime import jsontext
from agentos_runtime.calls.call import Call, RawReply
from agentos_runtime.cli.calls.arguments import read_object, read_params
from agentos_runtime.cli.calls.asked import once_allowed
from agentos_runtime.cli.calls.backend import Answer, Backend, CallFailed
from agentos_runtime.cli.calls.streamed import print_stream
from agentos_runtime.cli.failures import print_failure
from agentos_runtime.cli.lazy import load
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.output import dim, plain, print_json, say, say_bytes
from agentos_runtime.cli.terminal.shell import AGENT, Shell, home_options, on_terminal, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill, complete_utility
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.argument("utility", shell_complete=complete_utility)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "params", metavar="JSON", help="Params as a JSON object, as @file, or - for stdin.")
@click.option("--limit", type=click.IntRange(min=1), help="Of a list, at most so many rows, from all pages.")
@click.option("--all", "everything", is_flag=True, help="Of a list, every row.")
@click.option("--stream", is_flag=True, help="Print the reply as it comes.")
@click.option("--jsonl", is_flag=True, help="With --stream, --dry-run, --explain: print lines of JSON.")
@click.option("--dry-run", is_flag=True, help="Show the request that would be sent, and send nothing.")
@click.option("--explain", is_flag=True, help="Show what each stage of the call gives.")
@click.option("--record", metavar="NAME", help="Also write the call as a case beside the skill, without secrets.")
@click.option("--local", is_flag=True, help="Make the call in this process, also when a server runs.")
@click.option("--agent", help=f"The caller's name in the ledger. [AGENTOS_AGENT, else {AGENT}]")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the reply to a file.")
@home_options
@pass_shell
def call(shell: Shell, /, skill: str, utility: str, arguments: tuple[str, ...], **options: Any) -> None:
    """Call a utility; its reply is printed as JSON. Through the server that runs, or without one in this process.
    With a server its settings and keys count; --local makes the call here all the same.

    KEY=VALUE is typed as the utility declares it, KEY:=JSON is JSON, KEY=@FILE is what the file holds, or the file
    itself with its name where the utility takes files.
    When the call fails and stdout is no terminal, stderr has the error as JSON.

    --record NAME makes the call here, and writes it as cases/NAME.yaml, which `agentos test` runs.

    \b
    Example:
      agentos call open-meteo forecast latitude=52.5 longitude=13.4
      agentos call openrouter chat --stream model=openrouter/auto 'messages=[{"role": "user", "content": "Hi"}]'
      agentos call openrouter chat --json @request.json --dry-run
    """
    settings = shell.settings(home=options["home"], skills=options["skills"])
    try:
        asyncio.run(_call(shell, settings, Call(skill, utility, {}, AGENT, uuid4().hex), arguments, options))
    except CallFailed as error:
        print_failure(error.body)
        raise click.exceptions.Exit(1) from None


async def _call(shell: Shell, settings: Settings, call: Call, arguments: tuple[str, ...], options: Any) -> None:
    base = read_object(options["params"]) | _rows(options)
    if options["dry_run"] or options["explain"]:
        flags = {name: options[name] for name in ("stream", "jsonl")}
        call = replace(call, agent=name_here(settings, options["agent"]))
        look: Any = load("calls.dry_run:dry_run" if options["dry_run"] else "calls.explain:explain")
        await look(shell, settings, call, lambda schema: read_params(arguments, base, schema), **flags)
        return
    if options["record"]:
        call = replace(call, agent=name_here(settings, options["agent"]))
        keep: Any = load("calls.recorded:record")
        wanted = {"name": options["record"], "stream": options["stream"]}
        await keep(shell, settings, call, lambda schema: read_params(arguments, base, schema), **wanted)
        return
    only = settings.sources["only_skills"] == "flag"
    elsewhere = options["local"] or options["home"] or options["skills"] or only
    async with backend_for(shell, settings, options["agent"], local=bool(elsewhere)) as (backend, agent):
        schema = (await backend.utility(call.skill, call.utility))["params"] if arguments else {}
        given = replace(call, params=read_params(arguments, base, schema), agent=agent)

        async def make(call: Call) -> None:
            if options["stream"]:
                await print_stream(backend.stream(call), jsonl=options["jsonl"])
            else:
                _print(await backend.invoke(call), options["output"])

        await once_allowed(backend, given, make)


def _rows(options: Any) -> dict[str, Json]:
    """`--limit` and `--all` as the params that they are."""
    limit: dict[str, Json] = {"limit": options["limit"]} if options["limit"] is not None else {}
    return limit | ({"all": True} if options["everything"] else {})


@asynccontextmanager
async def backend_for(
    shell: Shell, settings: Settings, named: str | None, *, local: bool
) -> AsyncIterator[tuple[Backend, str]]:
    """The server that runs here, else a runtime of this process, and who calls there.

    The modules of the other are not loaded.
    """
    if not local and await is_listening(settings):
        through: AbstractAsyncContextManager[Backend | None]
        through = load("calls.through_server:through_server")(settings, named)
        async with through as backend:
            if backend is not None:
                yield backend, named or AGENT
                return
    agent = name_here(settings, named)
    inside: AbstractAsyncContextManager[Backend] = load("calls.in_process:in_process")(shell, settings)
    async with inside as own:
        yield own, agent


async def is_listening(settings: Settings) -> bool:
    """Whether anything listens there at all."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(settings.host, settings.port), 0.5)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _print(answer: Answer, output: Path | None) -> None:
    if answer.raw is not None:
        _print_raw(answer.raw, output)
    elif output is not None:
        output.write_bytes(jsontext.dump(answer.value) + b"\n")
    else:
        print_json(answer.value, pretty=on_terminal())
    if answer.ignored:
        names = ", ".join(map(plain, answer.ignored))
        say(dim(f"Not sent, since the service cannot honour it: {names}"), err=True)
    if answer.more and on_terminal():
        say(dim("There may be more rows: add --all, or --limit N"), err=True)


def _print_raw(raw: RawReply, output: Path | None) -> None:
    if output is not None:
        output.write_bytes(raw.body)
    elif on_terminal() and not raw.content_type.startswith(("text/", "application/json")):
        raise click.UsageError(
            f"the reply is {len(raw.body)} bytes of {raw.content_type}: add -o FILE, or redirect the output"
        )
    elif on_terminal():
        say(raw.body.decode("utf-8", "replace"), nl=False)
    else:
        say_bytes(raw.body)
