"""The console script `agentos`: the only place that reads the environment and that stops every error."""

import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import click

from agentos_runtime.cli.lazy import LazyGroup
from agentos_runtime.cli.terminal.output import OutputLost, discard, flush, say_usage
from agentos_runtime.cli.terminal.shell import Failed, Shell, trouble
from agentos_runtime.config.settings import SettingsError
from agentos_runtime.errors import AgentOSError
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.version import __version__

LAST_STANDARD = 2
"""stderr's number."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("first_steps.init:init", "Begin: store a key, try it, and choose what `agentos ask` asks."),
    "configure": ("first_steps.init:init", "The same as `agentos init`."),
    "ask": ("first_steps.ask:ask", "Ask a model one question; the answer streams to the terminal."),
    "serve": ("serve:serve", "Serve all skills over HTTP."),
    "demo": ("demo.command:demo", "A tour of the whole, without a key or a network."),
    "list": ("listing:list_skills", "List the skills and what they can do."),
    "show": ("show:show", "Show a skill or a utility: its params, its reply, what it may do."),
    "call": ("calls.command:call", "Call a utility."),
    "use": ("use.command:use", "Call an address of a service with the key of its skill."),
    "search": ("use.search:search", "Find skills, utilities and hosts by words."),
    "status": ("use.status:status", "Whether a server runs, and what is left of the budgets."),
    "check": ("check:check", "Check skill files; every problem with its line and the fix."),
    "compat": ("import_.compat:compat", "Say what of a repository of AgentOS skills works here."),
    "test": ("testing:test", "Run the cases of skills; no network, no key, no cost."),
    "drift": ("cases.drift:drift", "Call cases for real: does the service still answer as they say?"),
    "new": ("new:new", "Write a new skill to begin with."),
    "import": (
        "import_.group:importing",
        "Turn OpenAPI, LAP or a curl command into a skill, or bring one up to date.",
    ),
    "add": ("adding.commands:add", "Add a skill from a folder, an archive, an address or a git repository."),
    "update": ("adding.commands:update", "Bring added skills up to date; what changes is shown first."),
    "login": ("login:login", "Get a key by logging in with a browser."),
    "keys": ("keys.group:keys", "Store, list, approve and look after keys."),
    "approve": ("approving:approve", "Approve what a skill may do."),
    "revoke": ("approving:revoke", "Take back all that a skill was approved for."),
    "approvals": ("approving:approvals", "What each skill may do, who approved it, and what was taken back."),
    "confirm": ("confirming:confirm", "Say that what a skill returns is as its manifest says."),
    "waiting": ("waiting.group:waiting", "What waits for your yes, and your answer."),
    "agents": ("agents.group:agents", "Bind agents' names to tokens; what each may do and has used."),
    "mcp": ("mcp.group:mcp", "Speak MCP over stdin and stdout: every utility is a tool."),
    "openapi": ("documents.openapi:openapi", "Print the OpenAPI document of what can be called."),
    "activity": ("activity.commands:activity", "Who called what, when, at what cost."),
    "usage": ("activity.commands:usage", "Calls, tokens and cost, added up."),
    "service": ("first_steps.service:service", "Run the server whenever you are logged in."),
    "console": ("console.command:console", "Open the console in a browser."),
    "backup": ("backup:backup", "Write all but the keys to one file."),
    "database": (
        "database.group:database",
        "The PostgreSQL that replicas share: its tables, and the limits in it.",
    ),
    "doctor": ("doctor:doctor", "Look whether everything is in order."),
    "completion": ("completion:completion", "Print the completion script of your shell."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="agentos")
def cli() -> None:
    """Skills in, HTTP endpoints out; agents never see a key.

    \b
    Example:
      agentos keys set openrouter
      agentos call openrouter chat model=openai/gpt-4o-mini 'messages=[{"role": "user", "content": "Hello"}]'
      agentos serve
    """


def main() -> NoReturn:
    """Run one command and exit: 0 fine, 1 the call or check failed, 2 wrong usage, 130 interrupted."""
    _hold_standard_descriptors()
    _look_for_cycles_less()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character shows its escape
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:], os.environ))


def run(args: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; the exit code."""
    colour = False if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" else None
    try:
        try:
            return _ended(args, environ, colour)
        except OutputLost as error:
            discard(stdout_only=True)
            return _failed(error, colour)
    except (OutputLost, BrokenPipeError):
        discard()
        return 1


def _ended(args: Sequence[str], environ: Mapping[str, str], colour: bool | None) -> int:
    """Run one command and say how it ended badly. Raises OutputLost, BrokenPipeError."""
    try:
        code = cli.main(list(args), prog_name="agentos", standalone_mode=False, obj=Shell(environ), color=colour)
        flush()
    except (OutputLost, BrokenPipeError):
        raise
    except click.UsageError as error:
        say_usage(error)
        return error.exit_code
    except click.ClickException as error:
        return _failed(error, colour)
    except SettingsError as error:
        return _failed(Failed(str(error)), colour, code=2)
    except (AgentOSError, PrivateFileError) as error:
        return _failed(Failed(str(error)), colour)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except OSError as error:
        return _failed(Failed(trouble(error)), colour)
    except Exception as error:  # noqa: BLE001 - the top of the surface: a bug becomes a sentence
        where = f"{type(error).__name__} in {_place(error)}"
        return _failed(Failed(f"This is a bug of agentos: {where}. Please report it with what you did."), colour)
    return code if isinstance(code, int) else 0


def _failed(error: click.ClickException, colour: bool | None, code: int = 1) -> int:
    with click.Context(cli, color=colour):
        Failed(error.message).show()
    return code


def _look_for_cycles_less() -> None:
    """Nothing looks at all objects while modules are imported (a tenth of a start) or calls are answered.

    Measured while a skill of 10,000 expressions loads: a look at all objects held every call up for 74 to 300 ms.
    """
    gc.set_threshold(20_000, 50, 100)


def _hold_standard_descriptors() -> None:
    """Where stdin, stdout or stderr is closed, no database gets its number: whatever is written goes nowhere."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= LAST_STANDARD:
        pass
    os.close(opened)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "an unknown place"
