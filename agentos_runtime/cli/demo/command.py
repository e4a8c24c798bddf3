"""`agentos demo`."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import click
import httpx

from agentos_runtime.cli.demo.tour import AGENT, ORIGIN, STEPS, Taken, Tour, Watcher, tour
from agentos_runtime.cli.terminal.output import (
    columns,
    dim,
    pause,
    print_json,
    print_table,
    say,
    say_prose,
    style,
    wrapped,
)
from agentos_runtime.cli.terminal.shell import Failed, can_ask, json_option
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.testing.simulate import short_pause
from agentos_runtime.version import __version__

MARGIN = 7
"""Columns in front of JSON, and one behind."""
WIDEST = 108
NEXT: Sequence[tuple[str, str]] = (
    ("agentos init openrouter", "store your key and try it: it stays here, and no agent ever sees it"),
    ('agentos ask "Hello"', "ask a model one question"),
    ("agentos serve", "serve the same with the real OpenRouter, at http://127.0.0.1:3456"),
    ("agentos serve --simulate", "serve this simulation, to write your agent against"),
    ("agentos list", "see the skills there are"),
    ("agentos new my-skill", "write one of your own: a single file (docs/authoring.md)"),
    ("agentos import openapi.yaml --id my-api", "make one of a service's own description"),
)


@click.command()
@click.option("--step", is_flag=True, help="Wait for Enter before each part.")
@json_option
def demo(as_json: bool, step: bool) -> None:
    """A tour of the whole on this machine, in a few seconds: no key, no network, nothing left behind.

    Starts the runtime and a simulated OpenRouter, makes real HTTP calls, and shows for each what was asked, what
    went upstream and what came back.

    \b
    Example:
      agentos demo
      agentos demo --step
      agentos demo --json
    """
    if step and (as_json or not can_ask()):
        raise click.UsageError("--step waits for somebody at the terminal; leave it out here")
    try:
        taken, rows = asyncio.run(_walk(Watcher() if as_json else _Guide(step), quiet=as_json))
    except UNUSABLE as error:
        raise Failed(str(error)) from None
    except httpx.HTTPError as error:
        raise Failed(f"The tour was cut short: the runtime did not answer ({type(error).__name__}).") from None
    if as_json:
        steps: list[Json] = [each.as_json() | {"curl": curl(each)} for each in taken]
        following: list[Json] = [{"command": command, "words": words} for command, words in NEXT]
        print_json({"version": __version__, "steps": steps, "activity": rows, "next": following})
    else:
        _print_activity(rows)
        _print_next()
    wrong = [each.step.title for each in taken if each.wrong]
    if wrong:
        raise Failed(f"This did not come out as it should: {', '.join(wrong)}. Please report it.")


async def _walk(watcher: Watcher, *, quiet: bool) -> tuple[list[Taken], list[Any]]:
    async with tour(short_pause) as guided:
        if not quiet:
            _print_welcome(guided)
        taken = [await guided.take(number, step, watcher) for number, step in enumerate(STEPS, 1)]
        return taken, await guided.activity()


class _Guide(Watcher):
    """Prints what happens while it happens. step: waits before each part but the first."""

    def __init__(self, step: bool) -> None:
        self._step = step

    def asked(self, number: int, taken: Taken) -> None:
        if self._step and number > 1:
            pause(f"   Enter: {number} of {len(STEPS)}, Ctrl-C: stop")
        say()
        say(style(f"{number}. {taken.step.title} ({number} of {len(STEPS)})", bold=True, fg="cyan"))
        for line in wrapped(taken.step.words, min(columns(), 96) - 3):
            say(f"   {line}")
        _heading("asked")
        _indented(curl(taken).splitlines())

    def went(self, taken: Taken) -> None:
        sent: Any = taken.sent
        _heading("went upstream")
        _indented([f"{sent['method']} {sent['url']}"])
        _indented(dim(f"{name}: ") + text for name, text in sent["headers"].items())
        _indented(laid_out(sent["body"]))
        if taken.status >= 400:
            answered: Any = taken.answered
            _heading("what OpenRouter said")
            _indented([str(answered["status"]), *laid_out(answered["body"])])
        _heading("came back")
        _indented([style(str(taken.status), fg="green" if taken.status < 400 else "red", bold=True)])
        _indented(dim(f"{name}: ") + text for name, text in taken.headers.items() if name == "retry-after")

    def event(self, name: str, data: Json) -> None:
        _indented([f"{dim('event:')} {name}", *_labelled(data)])

    def came(self, taken: Taken) -> None:
        if not taken.events:
            _indented(laid_out(taken.body))


def _print_welcome(guided: Tour) -> None:
    say(style(f"agentos {__version__}: a tour", bold=True))
    say_prose("Everything here really happens, over HTTP, on this machine. Only OpenRouter is simulated.")
    say_prose(f"The runtime listens at {guided.runtime_url}; it sends calls for {ORIGIN} to the simulation.")


def _print_activity(rows: Sequence[Any]) -> None:
    say()
    say(style("Who called what, and what it cost", bold=True, fg="cyan"))
    say_prose("   Every call has its row in a local ledger: no payloads, no secrets.")
    say()
    table = [
        (row["agent"], f"{row['skill']}/{row['utility']}", row["outcome"], *map(_number, _amounts(row)))
        for row in rows
    ]
    print_table(("AGENT", "CALL", "OUTCOME", "IN", "OUT", "COST (USD)"), table, indent="     ")


def _print_next() -> None:
    say()
    say(style("Next", bold=True, fg="cyan"))
    longest = max(len(command) for command, _ in NEXT)
    beside = columns() >= longest + 46
    for command, words in NEXT:
        if beside:
            first, *more = wrapped(words, columns() - longest - 7)
            say(f"   {style(command, bold=True)}{' ' * (longest - len(command))}   {dim(first)}")
        else:
            more = wrapped(words, columns() - longest - 7 if beside else columns() - 6)
            say(f"   {style(command, bold=True)}")
        for line in more:
            say(f"{' ' * (longest + 6 if beside else 5)}{dim(line)}")


def curl(taken: Taken) -> str:
    """The call as a command for a POSIX shell."""
    body = "\n  ".join(laid_out({**taken.params}))
    quoted = body.replace("'", "'\\''")
    flag = "curl -N" if taken.params.get("stream") else "curl"
    return f"{flag} {taken.url} \\\n  -H 'Content-Type: application/json' -H 'X-Agent: {AGENT}' \\\n  -d '{quoted}'"


def laid_out(value: Json, before: int = 0) -> list[str]:
    """JSON on one line where it fits, else a line for each entry. `before`: columns taken on the first line."""
    line = json.dumps(value, ensure_ascii=False)
    if before + len(line) <= min(columns() - MARGIN, WIDEST) or not isinstance(value, dict | list):
        return [line]
    if isinstance(value, dict):
        opening, closing = "{", "}"
        pairs = [(f"{json.dumps(name, ensure_ascii=False)}: ", item) for name, item in value.items()]
    else:
        opening, closing = "[", "]"
        pairs = [("", item) for item in value]
    lines = [opening]
    for number, (label, item) in enumerate(pairs, 1):
        first, *more = laid_out(item, before + 2 + len(label))
        inner = [label + first, *more]
        inner[-1] += "," if number < len(pairs) else ""
        lines += [f"  {each}" for each in inner]
    return [*lines, closing]


def _labelled(data: Json) -> Iterator[str]:
    first, *rest = laid_out(data, 6)
    yield f"{dim('data:')} {first}"
    yield from (f"      {line}" for line in rest)


def _heading(text: str) -> None:
    say()
    say(f"   {style(text, fg='yellow')}")


def _indented(lines: Iterator[str] | Sequence[str]) -> None:
    for line in lines:
        say(f"     {line}")


def _amounts(row: Any) -> tuple[Any, ...]:
    return row["input_tokens"], row["output_tokens"], row["cost"]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.7f}".rstrip("0") if isinstance(value, float) else str(value)
