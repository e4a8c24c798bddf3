"""`agentos keys set` and `agentos keys approve`: both show where a key will go before anything is stored."""

import asyncio
import sys
from collections.abc import Sequence

import click

from agentos_runtime.approvals import Approvals
from agentos_runtime.authority import Authority, authority_of, sort_grants
from agentos_runtime.bootstrap import open_approvals
from agentos_runtime.credentials.opening import open_credentials
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.surfaces.cli.keys_kept import choose_auth, load_skill, show_destination, store
from agentos_runtime.surfaces.cli.output import plain, print_json
from agentos_runtime.surfaces.cli.permissions import print_permissions
from agentos_runtime.surfaces.cli.shell import Failed, Shell, can_ask, home_options, json_option, pass_shell
from agentos_runtime.surfaces.cli.skill_names import complete_skill


@click.command(name="set")
@click.argument("skill", shell_complete=complete_skill)
@click.option("--credential", help="Which of the skill's credentials. [the only one, or default]")
@home_options
@json_option
@pass_shell
def set_key(
    shell: Shell, skill: str, credential: str | None, home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Store a key of SKILL. It is asked for without being shown; without a terminal it is read from stdin.

    What has several fields (username, password) takes a line for each, in the order of `agentos show SKILL`.

    \b
    Example:
      agentos keys set openrouter
      pass show openrouter | agentos keys set openrouter
    """
    settings = shell.settings(home=home, skills=skills)
    loaded = asyncio.run(load_skill(shell, settings, skill))
    auth = choose_auth(loaded, credential)
    grants = authority_of(loaded).of_credential(auth.name)
    show_destination(loaded, auth, grants)
    if auth.help_url:
        click.echo(f"Get one at {plain(auth.help_url)}", err=True)
    values = _ask(auth) if can_ask() else _read(auth)
    stored = store(open_credentials(settings, shell.environ), loaded, auth, values, grants)
    if as_json:
        print_json(stored)
    else:
        click.echo(f"Stored in {stored['source']}. Try it: agentos show {loaded.id}")


@click.command()
@click.argument("skill", shell_complete=complete_skill)
@click.option("--yes", is_flag=True, help="Approve without asking, for scripts.")
@home_options
@json_option
@pass_shell
def approve(shell: Shell, skill: str, yes: bool, home: str | None, skills: tuple[str, ...], as_json: bool) -> None:
    """Approve all that SKILL may do with its key: it is shown, with what changed since the last approval.

    \b
    Example:
      agentos keys approve my-skill
    """
    settings = shell.settings(home=home, skills=skills)
    loaded = asyncio.run(load_skill(shell, settings, skill))
    approvals = open_approvals(settings, ManifestSchema(read_schema("manifest")))
    before = approvals.approved(loaded.id)
    changes = (before.authority if before else Authority()).diff(authority_of(loaded))
    if not as_json:
        _show_authority(loaded, approvals, changes, first=before is None)
    if not yes and not _agreed():
        raise Failed("Nothing was approved.")
    approvals.approve(loaded)
    if as_json:
        authority = authority_of(loaded).as_json()
        print_json({"skill": loaded.id, "approved": True, "changes": list(changes), "authority": authority})
    else:
        click.echo(f"Approved. It is written in {settings.lock_file}.")


def _ask(auth: Auth) -> dict[str, str]:
    """Hidden prompts; one field is asked for by its label."""
    labels = {name: auth.label or "Key" if len(auth.fields) == 1 else name.capitalize() for name in auth.fields}
    return {name: click.prompt(labels[name], hide_input=True, err=True).strip() for name in auth.fields}


def _read(auth: Auth) -> dict[str, str]:
    lines = sys.stdin.read().splitlines()
    if len(auth.fields) == 1:
        lines = ["\n".join(lines).strip()]
    if len(lines) < len(auth.fields) or not all(lines):
        raise click.UsageError(f"stdin must hold {' and '.join(auth.fields)}, a line each")
    return {name: line.strip() for name, line in zip(auth.fields, lines, strict=False)}


def _show_authority(skill: Skill, approvals: Approvals, changes: Sequence[str], *, first: bool) -> None:
    click.echo(f"{plain(skill.name)} ({skill.file}) asks for:")
    grants = sort_grants(authority_of(skill).grants)
    print_permissions({**grant.as_json(), "approved_by": approvals.covers(skill.id, grant)} for grant in grants)
    if first:
        return
    click.echo("Since the last approval:" if changes else "Nothing changed since the last approval.")
    for line in changes:
        click.secho(f"  {line}", fg="green" if line.startswith("+") else "red")


def _agreed() -> bool:
    if not can_ask():
        raise click.UsageError("nobody can be asked here: look at `agentos show SKILL`, then add --yes")
    return click.confirm("Approve?", err=True)
