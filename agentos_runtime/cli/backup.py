"""`agentos backup`."""

from pathlib import Path

import click

from agentos_runtime.cli.keys.stored import home_option
from agentos_runtime.cli.terminal.output import plain, print_json, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.config.settings import SECRETS, Settings, read_config
from agentos_runtime.runtime.home.backup import Backup, BackupFailed, back_up, back_up_credentials

UNITS = ((1024 * 1024, "MB"), (1024, "kB"), (1, "bytes"))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--credentials",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Copy credentials.json to a file of its own, too.",
)
@home_option
@json_option
@pass_shell
def backup(shell: Shell, file: Path, credentials: Path | None, home: str | None, as_json: bool) -> None:
    """Write activity, limits, agents, approvals, settings and skills to FILE, a tar file that only you can read.

    Servers may go on meanwhile. Keys are not in it, but config.toml is as it stands. To restore, unpack it into
    an empty folder: tar -xf FILE -C FOLDER

    \b
    Example:
      agentos backup ~/agentos-2026-11-20.tar.gz
    """
    settings = shell.settings(home=home)
    try:
        written = back_up(settings, file)
        if credentials is not None:
            back_up_credentials(settings, credentials)
    except BackupFailed as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({
            "file": str(file),
            "bytes": file.stat().st_size,
            "files": list(written.files),
            "skills": list(written.skills),
            "outside": dict(written.outside),
            "credentials": None if credentials is None else str(credentials),
        })  # fmt: skip
    else:
        _say(settings, file, credentials, written)


def _say(settings: Settings, file: Path, credentials: Path | None, written: Backup) -> None:
    skills = len(written.skills) - len(written.outside)
    held = [*written.files, *([f"{skills} {'file' if skills == 1 else 'files'} of skills"] if skills else [])]
    say(f"Wrote {plain(str(file))} ({size(file.stat().st_size)}): {', '.join(held) or 'nothing yet'}.")
    if credentials is None:
        say("Keys are not in it; --credentials FILE copies them to a file of their own.")
    else:
        say(f"Wrote the keys to {plain(str(credentials))}.")
    for name, target in written.outside.items():
        say(plain(f"{name} is a link to {target}, which is not in it: back that up, too."))
    secret = sorted(SECRETS & read_config(settings.config_file).keys())
    if secret and settings.config_file.name in written.files:
        say(f"config.toml is in it with {' and '.join(secret)}: keep it as you keep a key.")


def size(number: int) -> str:
    """`1.5 MB`."""
    unit, name = next((each for each in UNITS if number >= each[0]), UNITS[-1])
    return f"{number / unit:.1f}".removesuffix(".0") + f" {name}"
