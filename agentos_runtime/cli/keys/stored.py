"""`agentos keys list`, `agentos keys remove` and `agentos keys rotate`."""

from collections import Counter
from importlib import import_module

import click

from agentos_runtime.cli.terminal.output import print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.jsontext import Json
from agentos_runtime.security.credentials.lookup import Listed
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

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


@click.command(name="rotate")
@home_option
@json_option
@pass_shell
def rotate_keys(shell: Shell, home: str | None, as_json: bool) -> None:
    """Seal keys and answers in the database anew under the first key of AGENTOS_MASTER_KEY.

    Put a new key before the old one there, for all replicas; then run this. When nothing remains under the old
    one, it may be taken out. Exit code 1 while something remains.

    \b
    Example:
      AGENTOS_MASTER_KEY=k2:…,k1:… agentos keys rotate
    """
    settings = shell.settings(home=home)
    if settings.database is None:
        raise Failed("Keys are sealed in a database alone, and AGENTOS_DATABASE is not set.")
    try:
        sealed, remaining, answers = import_module(_SHARED).rotate(settings)
    except (KeyringError, DatabaseTrouble) as error:
        raise Failed(f"Nothing was sealed anew: {error}") from None
    if as_json:
        print_json({"sealed": sealed, "remaining": dict(Counter(remaining) + Counter(answers))})
    else:
        say(f"{sealed} sealed anew.")
        for name, count in remaining.items():
            say(f"{count} under {name} could not be opened: agentos keys list, then set or remove them", err=True)
        for name, count in answers.items():
            say(f"{count} answers under {name} could not be opened: they are not given again", err=True)
    if remaining or answers:
        raise click.exceptions.Exit(1)


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


_SHARED = "agentos_runtime.replicas"
"""What knows of a database: loaded where there is one."""
