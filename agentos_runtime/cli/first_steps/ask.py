"""`agentos ask`."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import click

from agentos_runtime.calls.call import Call
from agentos_runtime.cli.calls.backend import CallFailed
from agentos_runtime.cli.calls.command import backend_for
from agentos_runtime.cli.calls.streamed import print_stream
from agentos_runtime.cli.failures import print_failure
from agentos_runtime.cli.first_steps.chats import CHAT, Chat, chats
from agentos_runtime.cli.terminal.output import plain, print_json
from agentos_runtime.cli.terminal.shell import (
    AGENT,
    Failed,
    Shell,
    home_options,
    json_option,
    pass_shell,
    stdin_text,
)
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.ask import read_ask
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.visibility import did_you_mean


@click.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--skill", shell_complete=complete_skill, help="The skill that is asked. [ask.skill in config.toml]")
@click.option("--model", help="The model that is asked. [ask.model in config.toml]")
@click.option("--system", metavar="TEXT", help="What the model is told before the question.")
@click.option("--local", is_flag=True, help="Make the call in this process, also when a server runs.")
@home_options
@json_option
@pass_shell
def ask(shell: Shell, /, question: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Ask a model one question. The answer streams to the terminal; - stands for what is on stdin.

    Whom it asks, `agentos init` has written; else it is the only chat skill that has a key.

    \b
    Example:
      agentos ask "What is the capital of Australia?"
      git diff | agentos ask "What does this change?" -
      agentos ask --skill openrouter --model openrouter/auto "Hello"
    """
    settings = shell.settings(home=options["home"], skills=options["skills"])
    known = asyncio.run(chats(shell, settings))
    asked = read_ask(settings.ask, settings.config_file)
    chat = _chosen(known, options["skill"] or asked.skill)
    model = options["model"] or (asked.model if chat.skill == asked.skill or not options["skill"] else None)
    if model is None and chat.needs_model:
        shown = f", such as --model {plain(chat.model)}" if chat.model else ""
        raise Failed(f"{chat.skill} needs to know which model: name it with --model{shown}, or run: agentos init")
    text = "\n\n".join(stdin_text().strip() if word == "-" else word for word in _words(question))
    params: dict[str, Json] = {"messages": _messages(text, options["system"])}
    call = Call(chat.skill, CHAT, params | ({"model": model} if model else {}), AGENT, uuid4().hex)
    try:
        asyncio.run(_ask(shell, settings, call, as_json=as_json, local=_elsewhere(settings, options)))
    except CallFailed as error:
        print_failure(error.body)
        raise click.exceptions.Exit(1) from None


async def _ask(shell: Shell, settings: Settings, call: Call, *, as_json: bool, local: bool) -> None:
    async with backend_for(shell, settings, None, local=local) as (backend, agent):
        given = Call(call.skill, call.utility, call.params, agent, call.request_id)
        if as_json:
            print_json((await backend.invoke(given)).value)
        else:
            await print_stream(backend.stream(given))


def _elsewhere(settings: Settings, options: Any) -> bool:
    only = settings.sources["only_skills"] == "flag"
    return bool(options["local"] or options["home"] or options["skills"] or only)


def _words(question: Sequence[str]) -> list[str]:
    """The question as one text, `-` apart."""
    texts: list[str] = []
    for word in question:
        if texts and word != "-" and texts[-1] != "-":
            texts[-1] += f" {word}"
        else:
            texts.append(word)
    return texts


def _messages(text: str, system: str | None) -> list[Json]:
    first: list[Json] = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": text}]


def _chosen(known: Sequence[Chat], named: str | None) -> Chat:
    """The one that is named, else the only one with a key. Raises Failed."""
    ids = [chat.skill for chat in known]
    if named is not None:
        found = next((chat for chat in known if chat.skill == named), None)
        if found is None:
            raise Failed(
                f"No skill {named!r} chats{did_you_mean(named, ids) or '.'} Those that do: {', '.join(ids)}."
            )
        return found
    having = [chat for chat in known if chat.has_key]
    if len(having) == 1:
        return having[0]
    if not having:
        raise Failed(
            f"No chat skill has a key yet ({', '.join(ids)}). Begin with: agentos init {ids[0] if ids else ''}"
        )
    names = ", ".join(chat.skill for chat in having)
    raise Failed(f"Several chat skills have a key: {names}. Choose with --skill, or for good: agentos init SKILL")
