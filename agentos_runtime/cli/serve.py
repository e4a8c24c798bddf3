"""`agentos serve`."""

import contextlib
import sys
from contextlib import nullcontext
from typing import Any

import click

from agentos_runtime.cli.lazy import load
from agentos_runtime.cli.serving.server import JSON, NEAREST, QUIET, STRICT, TEXT, Said, Server
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.door import open_sessions
from agentos_runtime.server.lifecycle.processes import HERALD, NeverServed, Processes
from agentos_runtime.server.server import address, listen_apart
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.storage.private_files import make_private_folder


@click.command()
@click.option("--host", help="The address to listen on; others than loopback need AGENTOS_TOKEN. [AGENTOS_HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 is any free one. [AGENTOS_PORT]")
@click.option(
    "--rewrite",
    multiple=True,
    metavar="ORIGIN=URL",
    help="Send calls for an origin elsewhere; may be repeated. [AGENTOS_REWRITE]",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, help="Server processes that share the port and the home."
)
@click.option("--fresh", is_flag=True, help="End every session of the console before serving.")
@click.option("--inherit", hidden=True)
@click.option(HERALD, is_flag=True, hidden=True)
@click.option(
    "--simulate",
    is_flag=False,
    flag_value=NEAREST,
    type=click.Choice([NEAREST, STRICT]),
    help="Answer from the skills' cases: no network, no key, no cost; with =strict their very requests only.",
)
@click.option("--quiet", is_flag=True, help="Say where it listens and what is wrong, and nothing of calls.")
@click.option(
    "--log",
    type=click.Choice([TEXT, JSON]),
    help="A line on stderr for each call and each change of a skill. [text on a terminal]",
)
@home_options
@json_option
@pass_shell
def serve(
    shell: Shell,
    /,
    as_json: bool,
    simulate: str | None,
    fresh: bool,
    processes: int,
    inherit: str | None,
    herald: bool,
    quiet: bool,
    log: str | None,
    **flags: Any,
) -> None:
    """Serve every utility at POST /api/skills/SKILL/UTILITY until Ctrl-C. An edited skill is live at once.

    With --simulate nothing leaves this machine and nothing is kept: activity goes to a folder that is removed
    at the end, unless --home names one. On a terminal each call and each change of a skill is a line on stderr.

    \b
    Example:
      agentos serve
      agentos serve --port 8080 --skills my-skills
      agentos serve --simulate
      agentos serve --log json 2> agentos.log
    """
    if flags["port"] is not None:
        flags["port"] = str(flags["port"])
    settings = shell.settings(**flags | {"rewrite": ",".join(flags["rewrite"])})
    said = Said(as_json, simulate, QUIET if quiet else log)
    elsewhere = load("simulated:home")(settings) if simulate and not flags["home"] else nullcontext(settings)
    try:
        with elsewhere as given:
            server = Server(shell, given, said)
            server.warn(make_private_folder(given.home))
            if fresh:
                open_sessions(given).end_all()
            if processes > 1:
                _serve_with(processes, shell, given, said)
            else:
                server.run(inherit, herald=herald)
    except UNUSABLE as error:
        raise Failed(str(error)) from None
    except NeverServed as error:
        raise click.exceptions.Exit(error.code) from None


def _child_command(settings: Settings, said: Said) -> list[str]:
    """One of several processes: the same home and skills; everything else it reads from the same environment."""
    command = [sys.executable, "-m", "agentos_runtime", "serve", "--home", str(settings.home)]
    for folder in settings.skills:
        command += ["--skills", str(folder)]
    if settings.only_skills:
        command.append("--only-skills")
    for origin, target in settings.rewrite.items():
        command += ["--rewrite", f"{origin}={target}"]
    return [*command, "--host", settings.host, *said.flags]


def _serve_with(count: int, shell: Shell, settings: Settings, said: Said) -> None:
    with contextlib.ExitStack() as kept:
        listeners = listen_apart(settings.host, settings.port, count)
        for listener in listeners:
            kept.enter_context(contextlib.closing(listener))
        url = address(settings.host, listeners[0].getsockname()[1])
        server = Server(shell, settings, said)
        processes = Processes(
            _child_command(settings, said),
            shell.environ,
            listeners,
            lambda: server.say_processes(url, count),
            server.notice,
            settings.drain,
        )
        with server.printing():
            processes.run()
