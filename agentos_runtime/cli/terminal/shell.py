"""What every command is given: the environment, the settings it makes, and how a command ends badly."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeVar

import click

from agentos_runtime.cli.terminal.output import harmless, say_prose, style
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.security.agents import Caller
from agentos_runtime.storage.files import with_database

Command = TypeVar("Command", bound=Callable[..., Any])

ONLY_SKILLS = f"{__name__}.only_skills"
AGENT = "agentos-cli"
"""The agent's name in the ledger for calls made by hand."""
OPERATOR = Caller(AGENT, operator=True)
"""Who runs a command that opens the home itself."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The environment the process was started with."""

    environ: Mapping[str, str] = field(repr=False)

    def settings(self, **flags: Any) -> Settings:
        """Flags, then environment, then config.toml. Raises SettingsError."""
        context = click.get_current_context(silent=True)
        given = flags | ({"only_skills": context.meta.get(ONLY_SKILLS)} if context else {})
        settings = Settings.from_environ(self.environ, {name: value or None for name, value in given.items()})
        settings = with_database(settings)
        if context is not None and settings.documents is not None:
            context.call_on_close(settings.documents.side.close)
        return settings


pass_shell = click.make_pass_decorator(Shell)


def trouble(error: OSError) -> str:
    """What the system refused, in a sentence that says what to look at."""
    reason = error.strerror or "it cannot be used"
    named = error.filename if isinstance(error.filename, str) else None
    if isinstance(error, IsADirectoryError) and named:
        return f"{named} is a folder, and a file is needed there: move it away, then try again."
    if isinstance(error, NotADirectoryError | FileExistsError) and named:
        return f"{named}: {reason}. A folder is needed there: move the file away, or choose another place."
    if isinstance(error, PermissionError) and named:
        return f"{named}: {reason}. Its owner and mode decide: look with ls -ld."
    return f"{named}: {reason}." if named else f"The system refused: {reason}."


class Failed(click.ClickException):
    """The command did not succeed: a sentence on stderr that says what to do, and exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        say_prose(f"{style('error:', fg='red', bold=True)} {harmless(self.message)}", err=True)


def json_option(command: Command) -> Command:
    """`--json`, handed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def home_options(command: Command) -> Command:
    """`--home`, `--skills`, and `--only-skills` (which `Shell.settings` knows): they win over the environment."""
    command = click.option(
        "--only-skills",
        is_flag=True,
        expose_value=False,
        callback=_only_skills,
        help="Leave out AGENTOS_HOME/skills and the bundled skills. [AGENTOS_ONLY_SKILLS]",
    )(command)
    command = click.option(
        "--skills",
        multiple=True,
        metavar="FOLDER",
        help="A further folder of skills, which comes first; may be repeated. [AGENTOS_SKILLS]",
    )(command)
    return click.option("--home", metavar="FOLDER", help="Where keys and activity lie. [AGENTOS_HOME]")(command)


def _only_skills(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[ONLY_SKILLS] = value


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout is not None and sys.stdout.isatty()


def can_ask() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def stdin_text() -> str:
    """All of stdin; nothing when it is closed. Raises Failed for what is no text."""
    try:
        return sys.stdin.read() if sys.stdin is not None else ""
    except UnicodeDecodeError:
        raise Failed("stdin is not UTF-8 text.") from None


def stdin_bytes() -> bytes:
    """All of stdin; nothing when it is closed."""
    return sys.stdin.buffer.read() if sys.stdin is not None else b""
