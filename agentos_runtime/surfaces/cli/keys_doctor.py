"""`agentos keys doctor`."""

import asyncio
from dataclasses import dataclass

import click

from agentos_runtime.credentials.lookup import Credentials, UnusableCredential
from agentos_runtime.credentials.opening import open_credentials
from agentos_runtime.credentials.store import KeyringError
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth
from agentos_runtime.manifest.variables import variables
from agentos_runtime.private_files import PrivateFileError
from agentos_runtime.surfaces.cli.health import home_findings, print_findings
from agentos_runtime.surfaces.cli.output import print_json, print_table
from agentos_runtime.surfaces.cli.runtimes import opened
from agentos_runtime.surfaces.cli.shell import Shell, home_options, json_option, pass_shell


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """One credential of a skill: the variables that can hold it, and where it would be taken from."""

    skill: str
    credential: str
    variables: tuple[str, ...]
    source: str | None
    problem: str | None
    optional: bool

    def as_json(self) -> dict[str, Json]:
        return {
            "skill": self.skill,
            "credential": self.credential,
            "variables": list(self.variables),
            "source": self.source,
            "problem": self.problem,
            "optional": self.optional,
        }


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
    files = home_findings(settings)
    auths = asyncio.run(_auths(shell, home=home, skills=skills))
    credentials = open_credentials(settings, shell.environ)
    found = [_whereabouts(credentials, skill, auth) for skill, auth in auths]
    if as_json:
        print_json({"keys": [each.as_json() for each in found], "files": [each.as_json() for each in files]})
    else:
        print_table(("SKILL", "CREDENTIAL", "VARIABLES", "TAKEN FROM"), map(_row, found))
        click.echo()
        print_findings(files)
    if any(each.problem for each in found) or any(each.state == "wrong" for each in files):
        raise click.exceptions.Exit(1)


async def _auths(shell: Shell, home: str | None, skills: tuple[str, ...]) -> list[tuple[str, Auth]]:
    async with opened(shell, shell.settings(home=home, skills=skills)) as runtime:
        loaded = [entry.skill for entry in runtime.registry.entries if entry.skill]
    return [(skill.id, auth) for skill in loaded for auth in skill.auth.values()]


def _whereabouts(credentials: Credentials, skill: str, auth: Auth) -> Whereabouts:
    names = tuple(variables(skill, auth.name, auth.fields).values())
    source, problem = None, None
    try:
        credential = credentials.find(skill, auth.name, auth.fields)
        source = credential.source if credential else None
    except (UnusableCredential, PrivateFileError, KeyringError) as error:
        problem = str(error)
    return Whereabouts(skill, auth.name, names, source, problem, auth.optional)


def _row(found: Whereabouts) -> tuple[str, str, str, str]:
    missing = "nowhere (optional)" if found.optional else f"nowhere. Run: agentos keys set {found.skill}"
    return found.skill, found.credential, ", ".join(found.variables), found.problem or found.source or missing
