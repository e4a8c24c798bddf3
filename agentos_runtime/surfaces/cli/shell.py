"""What every command is given: the environment, the settings it makes, and how a command ends badly."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.output import harmless

Command = TypeVar("Command", bound=Callable[..., Any])

AGENT = "agentos-cli"
"""The agent's name in the ledger for calls made by hand."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The environment the process was started with."""

    environ: Mapping[str, str] = field(repr=False)

    def settings(self, **flags: Any) -> Settings:
        """Flags, then environment, then config.toml. Raises SettingsError."""
        return Settings.from_environ(self.environ, {name: value or None for name, value in flags.items()})


pass_shell = click.make_pass_decorator(Shell)


class Failed(click.ClickException):
    """The command did not succeed: a sentence on stderr that says what to do, and exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {harmless(self.message)}", file=file, err=True)


def json_option(command: Command) -> Command:
    """`--json`, handed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def home_options(command: Command) -> Command:
    """`--home` and `--skills`, which win over the environment."""
    command = click.option(
        "--skills", multiple=True, metavar="FOLDER", help="A folder of skills; may be repeated. [AGENTOS_SKILLS]"
    )(command)
    return click.option("--home", metavar="FOLDER", help="Where keys and activity lie. [AGENTOS_HOME]")(command)


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()
