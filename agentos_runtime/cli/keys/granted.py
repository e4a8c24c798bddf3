"""`agentos keys set`: it shows where a key will go before anything is stored."""

import asyncio

import click

from agentos_runtime.cli.keys.account import given_account, keep_account
from agentos_runtime.cli.keys.kept import choose_auth, load_skill, show_destination, store
from agentos_runtime.cli.terminal.output import ask_hidden, plain, print_json, say
from agentos_runtime.cli.terminal.shell import Shell, can_ask, home_options, json_option, pass_shell, stdin_text
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.manifest.model import Auth
from agentos_runtime.security.authority import Grant, authority_of
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.opening import open_approvals


@click.command(name="set")
@click.argument("skill", shell_complete=complete_skill)
@click.option("--credential", help="Which of the skill's credentials. [the only one, or default]")
@click.option(
    "--param", "given", multiple=True, metavar="NAME=VALUE", help="What is the same for all calls of the account."
)
@home_options
@json_option
@pass_shell
def set_key(
    shell: Shell,
    skill: str,
    credential: str | None,
    given: tuple[str, ...],
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Store a key of SKILL. It is asked for without being shown; without a terminal it is read from stdin.

    What has several fields (username, password) takes a line for each, in the order of `agentos show SKILL`. Where
    the skill says that one of the two is empty, only the other is asked for; an empty line may stand for it.

    What a skill of AgentOS names as params of the account (a workspace, say) is asked for after the key, or given
    with --param, and written to config.toml for all calls.

    \b
    Example:
      agentos keys set openrouter
      pass show openrouter | agentos keys set openrouter
    """
    settings = shell.settings(home=home, skills=skills)
    loaded = asyncio.run(load_skill(shell, settings, skill))
    auth = choose_auth(loaded, credential)
    grants = authority_of(loaded).of_credential(auth.name)
    refused_at = open_approvals(settings).refused_at(loaded.id)
    show_destination(loaded, auth, grants, refused_at)
    if auth.help_url:
        say(f"Get one at {plain(auth.help_url)}", err=True)
    values = given_values(auth)
    account = given_account(loaded, auth, settings, given)
    agreed = frozenset[Grant]() if refused_at else grants
    stored = store(open_credentials(settings, shell.environ), loaded, auth, values, agreed)
    keep_account(loaded, auth, settings, account)
    if as_json:
        print_json(stored | {"refused_at": refused_at, "account_params": [*sorted(account)]})
    elif refused_at:
        say(f"Stored in {stored['source']}. It goes nowhere until you run: agentos approve {loaded.id}")
    else:
        say(f"Stored in {stored['source']}. Try it: agentos {'keys test' if auth.probe else 'show'} {loaded.id}")


def given_values(auth: Auth) -> dict[str, str]:
    """The fields of a credential: asked for without being shown, or read from stdin. Raises click.UsageError."""
    return _ask(auth) if can_ask() else _read(auth)


def _ask(auth: Auth) -> dict[str, str]:
    """Hidden prompts; one field is asked for by its label."""
    named = "Key" if auth.kind != "basic" else auth.asked[0].capitalize()
    labels = {
        name: auth.label or named if len(auth.asked) == 1 else name.replace("_", " ").capitalize()
        for name in auth.asked
    }
    return {name: ask_hidden(labels[name]).strip() for name in auth.asked}


def _read(auth: Auth) -> dict[str, str]:
    lines = stdin_text().splitlines()
    if len(auth.asked) == 1:
        lines = ["\n".join(lines).strip()]
    if len(lines) < len(auth.asked) or not all(lines):
        raise click.UsageError(f"stdin must hold {' and '.join(auth.asked)}, a line each")
    return {name: line.strip() for name, line in zip(auth.asked, lines, strict=False)}
