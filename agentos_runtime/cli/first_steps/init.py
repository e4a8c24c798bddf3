"""`agentos init`: a key that works, and whom `agentos ask` asks."""

import asyncio
from collections.abc import Sequence

import click

from agentos_runtime.cli.first_steps.chats import Chat, chats
from agentos_runtime.cli.keys.granted import given_values
from agentos_runtime.cli.keys.kept import choose_auth, load_skill, show_destination, store
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.output import ask_text, plain, print_json, say, say_prose
from agentos_runtime.cli.terminal.shell import Failed, Shell, can_ask, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.config.ask import AskSettings, read_ask, with_ask
from agentos_runtime.config.settings import Settings
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.runtime.home.probing import Probed, probe
from agentos_runtime.runtime.operating.config_file import change_config
from agentos_runtime.security.authority import authority_of
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.opening import open_approvals
from agentos_runtime.skills.visibility import did_you_mean


@click.command()
@click.argument("skill", required=False, shell_complete=complete_skill)
@click.option("--model", help="The model that `agentos ask` asks.")
@click.option("--new-key", is_flag=True, help="Ask for a key also when there is one.")
@click.option("--no-test", is_flag=True, help="Do not call the service to try the key.")
@home_options
@json_option
@pass_shell
def init(
    shell: Shell,
    skill: str | None,
    model: str | None,
    new_key: bool,
    no_test: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Begin with SKILL, one that chats: store its key, try it, and write to config.toml that `agentos ask` asks it.

    The key is asked for without being shown; without a terminal it is read from stdin. Trying it makes one call
    that only reads. A key that the service refuses is told, and what was written stays.

    \b
    Example:
      agentos init openrouter
      pass show openrouter | agentos init openrouter --model openrouter/auto
    """
    settings = shell.settings(home=home, skills=skills)
    chat = _chosen(asyncio.run(chats(shell, settings)), skill)
    loaded = asyncio.run(load_skill(shell, settings, chat.skill))
    auth = choose_auth(loaded, None) if loaded.auth else None
    kept = _keep_key(shell, settings, loaded, auth, new_key=new_key) if auth else None
    asked = AskSettings(chat.skill, model or _model(settings, chat))
    change_config(settings.config_file, lambda text: with_ask(text, asked))
    tried = [] if no_test or auth is None else asyncio.run(_try(shell, settings, chat.skill, auth.name))
    shown: dict[str, Json] = {
        "skill": chat.skill,
        "model": asked.model,
        "key": kept,
        "config": str(settings.config_file),
    }
    if as_json:
        print_json(shown | {"tests": [each.as_json() for each in tried]})
    else:
        _tell(settings, asked, tried)
    if any(each.utility is not None and not each.works for each in tried):
        raise click.exceptions.Exit(1)


def _chosen(known: Sequence[Chat], named: str | None) -> Chat:
    """Raises Failed, click.UsageError when nobody can be asked."""
    ids = [chat.skill for chat in known]
    if not ids:
        raise Failed("No skill chats. What there is: agentos list")
    if named is None:
        if not can_ask():
            raise click.UsageError(f"name the skill: agentos init SKILL, one of {', '.join(ids)}")
        having = [chat.skill for chat in known if chat.has_key]
        named = ask_text(f"Which one ({', '.join(ids)})", default=having[0] if having else None).strip()
    found = next((chat for chat in known if chat.skill == named), None)
    if found is None:
        raise Failed(f"No skill {named!r} chats{did_you_mean(named, ids) or '.'} Those that do: {', '.join(ids)}.")
    return found


def _keep_key(shell: Shell, settings: Settings, skill: Skill, auth: Auth, *, new_key: bool) -> str:
    """Where the key is; asked for when there is none. Raises Failed, click.UsageError."""
    credentials = open_credentials(settings, shell.environ)
    found = credentials.find(skill.id, auth.name, auth.asked)
    if found is not None and not new_key:
        return found.source
    refused_at = open_approvals(settings).refused_at(skill.id)
    if refused_at:
        raise Failed(f"{skill.id} was revoked at {refused_at}. Approve it first: agentos approve {skill.id}")
    grants = authority_of(skill).of_credential(auth.name)
    show_destination(skill, auth, grants)
    if auth.help_url:
        say(f"Get one at {plain(auth.help_url)}", err=True)
    return str(store(credentials, skill, auth, given_values(auth), grants)["source"])


def _model(settings: Settings, chat: Chat) -> str | None:
    """The model that was asked before; else a person says it; else the one that the skill names."""
    before = read_ask(settings.ask, settings.config_file)
    known = before.model if before.skill == chat.skill and before.model else chat.model
    if not chat.needs_model or not can_ask():
        return known
    return ask_text("Model to ask", default=known).strip()


async def _try(shell: Shell, settings: Settings, skill: str, credential: str) -> Sequence[Probed]:
    async with opened(shell, settings) as runtime:
        return await probe(runtime, skill, name_here(settings, None), credential)


def _tell(settings: Settings, asked: AskSettings, tried: Sequence[Probed]) -> None:
    failed = [each for each in tried if each.error is not None]
    for each in tried:
        if each.utility is None:
            say(f"The key is stored; {each.skill} names no call to try it with.")
        elif each.works:
            say(f"The key works: {each.utility} answered.")
    for each in failed:
        say(plain(f"The key does not work: {each.error.message if each.error else ''}"), err=True)
        say(f"Give another: agentos init {each.skill} --new-key", err=True)
    whom = f"{asked.skill}, model {asked.model}" if asked.model else str(asked.skill)
    say_prose(plain(f"`agentos ask` asks {whom} ({settings.config_file})."))
    if not failed:
        say("Next:")
        say('  agentos ask "What can you do?"')
        say("  agentos serve               every utility over HTTP")
        say("  agentos service install     the same, whenever you are logged in")
