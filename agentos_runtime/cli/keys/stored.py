"""`agentos keys list` and `agentos keys remove`."""

import click

from agentos_runtime.cli.terminal.output import print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.jsontext import Json
from agentos_runtime.security.credentials.lookup import Listed
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.credentials.store import KeyringError

home_option = click.option("--home", metavar="FOLDER", help="Where keys and activity lie. [AGENTOS_HOME]")


@click.command(name="list")
@home_option
@json_option
@pass_shell
def list_keys(shell: Shell, home: str | None, as_json: bool) -> None:
    """List the stored keys and where each may go. Keys in the environment are shown by `agentos keys doctor`.

    \b
    Example:
      agentos keys list
    """
    stored = open_credentials(shell.settings(home=home), shell.environ).list()
    if as_json:
        print_json({"keys": [_json(entry) for entry in stored]})
    elif not stored:
        say("No key is stored. Store one: agentos keys set openrouter")
    else:
        print_table(("SKILL", "CREDENTIAL", "FIELDS", "KEPT IN", "SET AT", "MAY GO TO"), map(_row, stored))


@click.command(name="remove")
@click.argument("skill", shell_complete=complete_skill)
@click.option("--credential", default="default", show_default=True, help="Which of the skill's credentials.")
@home_option
@json_option
@pass_shell
def remove_key(shell: Shell, skill: str, credential: str, home: str | None, as_json: bool) -> None:
    """Forget a stored key of SKILL.

    \b
    Example:
      agentos keys remove openrouter
    """
    try:
        removed = open_credentials(shell.settings(home=home), shell.environ).remove(skill, credential)
    except KeyringError as error:
        raise Failed(str(error)) from None
    if not removed:
        raise Failed(f"No {credential} key of {skill} is stored. What is stored: agentos keys list")
    if as_json:
        print_json({"skill": skill, "credential": credential, "removed": True})
    else:
        say(f"Removed the {credential} key of {skill}.")


def _json(entry: Listed) -> Json:
    return {
        "skill": entry.skill,
        "credential": entry.credential,
        "fields": list(entry.fields),
        "source": entry.source,
        "set_at": entry.set_at,
        "origins": _origins(entry),
    }


def _row(entry: Listed) -> tuple[str, ...]:
    fields, origins = ", ".join(entry.fields), ", ".join(map(str, _origins(entry)))
    return entry.skill, entry.credential, fields, entry.source, entry.set_at[:19].replace("T", " "), origins


def _origins(entry: Listed) -> list[Json]:
    return [*sorted({grant.origin for grant in entry.grants if grant.origin is not None})]
