"""`agentos doctor`."""

import asyncio
import sys
from functools import partial

import click

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cli.calls.through_server import base_url, through_server
from agentos_runtime.cli.health import print_findings
from agentos_runtime.cli.terminal.output import heading, print_json, print_table, say
from agentos_runtime.cli.terminal.shell import OPERATOR, Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.mcp.advice import tools_advice
from agentos_runtime.mcp.toolsets import read_mcp
from agentos_runtime.runtime.home.doctor import HealthReport, examine
from agentos_runtime.runtime.home.findings import Finding
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.opening import open_approvals
from agentos_runtime.version import __version__


@click.command()
@home_options
@json_option
@pass_shell
def doctor(shell: Shell, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Look whether everything is in order: settings and their sources, files, workers, skills, the server.

    Exit code 1 when something is wrong; each finding says what to do.

    \b
    Example:
      agentos doctor
    """
    settings = shell.settings(home=home, skills=skills)
    report = asyncio.run(_examine(shell, settings))
    if as_json:
        print_json({"version": __version__, **report.as_json()})
    else:
        heading(f"agentos {__version__}, Python {sys.version.split()[0]} on {sys.platform}")
        rows = [(each.name, each.source, each.value) for each in report.settings]
        print_table(("SETTING", "SOURCE", "VALUE"), rows)
        say()
        print_findings(report.findings)
    if report.wrong:
        raise click.exceptions.Exit(1)


async def _examine(shell: Shell, settings: Settings) -> HealthReport:
    runtime = open_runtime(settings, shell.environ, watch=False)

    def tools(opened: Runtime) -> str:
        return tools_advice(opened.visible(OPERATOR.agent), read_mcp(settings.mcp, settings.config_file))

    approvals, server = open_approvals(settings), partial(_server, settings)
    return await examine(settings, approvals, runtime, OPERATOR, server, tools, shell.environ)


async def _server(settings: Settings) -> Finding:
    url = base_url(settings)
    found = Finding("server", "note", f"no agentos of yours answers at {url}. Start one: agentos serve")
    try:
        async with through_server(settings) as server:
            if server is not None:
                found = Finding("server", "fine", f"answers at {url}")
    except Failed as error:
        return Finding("server", "wrong", str(error))
    return found
