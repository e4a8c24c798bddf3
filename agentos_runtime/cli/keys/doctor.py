"""`agentos keys doctor`."""

import asyncio

import click

from agentos_runtime.cli.health import print_findings
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.output import print_json, print_table, say
from agentos_runtime.cli.terminal.shell import Shell, home_options, json_option, pass_shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.runtime.home.doctor import CredentialSource, KeysReport, examine_keys
from agentos_runtime.security.opening import open_approvals


@click.command(name="doctor")
@home_options
@json_option
@pass_shell
def keys_doctor(shell: Shell, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Show where each key would come from, which variables are looked at, and whether others could read the files.

    Never a value. Exit code 1 when a file is open to others, or a key cannot be used.

    \b
    Example:
      agentos keys doctor
    """
    settings = shell.settings(home=home, skills=skills)
    report = asyncio.run(_examine(shell, settings))
    if as_json:
        print_json(report.as_json())
    else:
        print_table(("SKILL", "CREDENTIAL", "VARIABLES", "TAKEN FROM"), map(_row, report.keys))
        say()
        print_findings(report.files)
    if report.wrong:
        raise click.exceptions.Exit(1)


async def _examine(shell: Shell, settings: Settings) -> KeysReport:
    return await examine_keys(settings, shell.environ, open_approvals(settings), opened(shell, settings))


def _row(found: CredentialSource) -> tuple[str, str, str, str]:
    missing = "nowhere (optional)" if found.optional else f"nowhere. Run: {found.command}"
    return found.skill, found.credential, ", ".join(found.variables), found.problem or found.source or missing
