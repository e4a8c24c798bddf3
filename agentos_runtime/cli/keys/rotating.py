"""`agentos keys rotate`."""

from collections import Counter

import click

from agentos_runtime.bootstrap import rotate
from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.terminal.output import print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


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
        sealed, remaining, answers = rotate(settings)
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
