"""`agentos import openapi`, `lap` and `curl`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from agentos_runtime.cli.import_.report import print_report
from agentos_runtime.cli.terminal.output import ask, plain, say
from agentos_runtime.cli.terminal.shell import Failed, Shell, can_ask, json_option, pass_shell
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.names.choosing import is_utility_name
from agentos_runtime.importers.openapi.servers import read_values
from agentos_runtime.importers.selection import READS, Choice, read_names
from agentos_runtime.importers.service import CurlImport, Import, ServiceImport
from agentos_runtime.skills.descriptions import always
from agentos_runtime.skills.imported_files import InvalidSkillId
from agentos_runtime.skills.installing import import_skill

Command = TypeVar("Command", bound=Callable[..., Any])


def target_options(command: Command) -> Command:
    """Which skill is written, and whether it is."""
    options = (
        click.option("--id", "skill_id", required=True, metavar="ID", help="The skill's id."),
        click.option(
            "--folder",
            type=click.Path(file_okay=False, path_type=Path),
            help="The folder of skills to write into. [the first of AGENTOS_SKILLS, else AGENTOS_HOME/skills]",
        ),
        click.option("--force", is_flag=True, help="Also add to a skill that was not made by an import."),
        click.option("--dry-run", is_flag=True, help="Only say what would change."),
    )
    for option in reversed(options):
        command = option(command)
    return json_option(command)


def service_options(command: Command) -> Command:
    """What is taken from a description of a whole service."""
    options = (
        click.option(
            "--include",
            multiple=True,
            metavar="PATTERN",
            help="Only what matches: a path (/keys*), METHOD path, tag, operation id or name. May be repeated.",
        ),
        click.option("--exclude", multiple=True, metavar="PATTERN", help="Not what matches. May be repeated."),
        click.option("--methods", metavar="GET,…", help="Only operations of these methods."),
        click.option("--read-only", is_flag=True, help="Only what changes nothing: --methods GET,HEAD."),
        click.option("--deprecated", is_flag=True, help="Also what the service says is deprecated."),
        click.option(
            "--auth",
            metavar="WAY",
            help="How calls prove themselves: bearer, basic, header:NAME, query:NAME, none, or a security scheme.",
        ),
        click.option(
            "--names",
            "naming",
            type=click.Choice(["verb-noun", "operation-id"]),
            help="What utilities are called: by verb and noun, or as the description calls them. [as last time]",
        ),
        click.option("--split", is_flag=True, help="A new skill is written as one file for each tag."),
        click.option(
            "--name", "names", multiple=True, metavar="OLD=NEW", help="Call a utility otherwise. May be repeated."
        ),
        click.option("--base-url", metavar="URL", help="Where the service is, in place of what it says itself."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("source", metavar="FILE|URL")
@click.option("--cases", is_flag=True, help="Also write tests, from the examples of the description.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME=VALUE",
    help="What stands for {NAME} in the address of the service. May be repeated.",
)
@service_options
@target_options
@pass_shell
def openapi(shell: Shell, /, **options: Any) -> None:
    """Import OpenAPI 3 or Swagger 2.0, from a file or an address.

    \b
    Example:
      agentos import openapi openapi.yaml --id example --include '/keys*'
    """
    _import_service(shell, "openapi", **options)


@click.command()
@click.argument("source", metavar="FILE|URL")
@service_options
@target_options
@pass_shell
def lap(shell: Shell, /, **options: Any) -> None:
    """Import a LAP file.

    \b
    Example:
      agentos import lap api-spec.lap --id example
    """
    _import_service(shell, "lap", **options)


@click.command()
@click.argument("source", metavar="FILE|URL")
@service_options
@target_options
@pass_shell
def har(shell: Shell, /, **options: Any) -> None:
    """Turn the calls that a browser recorded (HAR) into utilities. Keys are left out.

    \b
    Example:
      agentos import har recorded.har --id example --include '/api/*'
    """
    _import_service(shell, "har", **options)


@click.command()
@click.argument("source", metavar="FILE|URL")
@service_options
@target_options
@pass_shell
def postman(shell: Shell, /, **options: Any) -> None:
    """Import a Postman collection (v2.0 or v2.1). Keys are left out.

    \b
    Example:
      agentos import postman collection.json --id example
    """
    _import_service(shell, "postman", **options)


@click.command()
@click.argument("command", metavar="COMMAND")
@click.option("--name", metavar="NAME", help="What the utility is called. [made from the address]")
@target_options
@pass_shell
def curl(shell: Shell, /, command: str, name: str | None, **options: Any) -> None:
    """Turn one curl command into a utility, of a new skill or of one that an import made. Keys are left out.

    \b
    Example:
      agentos import curl "curl 'https://api.example.com/search?q=cats'" --id example --name search_cats
    """
    if name is not None and not is_utility_name(name):
        raise click.UsageError("--name has lower-case letters, digits and _, such as search_cats")
    _import(shell, CurlImport(command, name), **options)


def _import_service(
    shell: Shell,
    kind: Literal["openapi", "lap", "har", "postman"],
    *,
    source: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    methods: str | None,
    read_only: bool,
    deprecated: bool,
    auth: str | None,
    naming: str | None,
    names: Sequence[str],
    base_url: str | None,
    split: bool,
    cases: bool = False,
    servers: tuple[str, ...] = (),
    **options: Any,
) -> None:
    try:
        named, values = read_names(names), read_values(servers)
    except ImportProblem as error:
        raise Failed(str(error)) from None
    if read_only and methods:
        raise click.UsageError("--read-only is --methods GET,HEAD: leave one of them out")
    taken = READS if read_only else tuple(filter(None, (methods or "").replace(" ", "").split(",")))
    if base_url and values:
        raise click.UsageError("--base-url is the whole address, and --server a part of it: leave one of them out")
    choice = Choice(
        include,
        exclude,
        taken,
        deprecated,
        named,
        auth,
        naming == "operation-id" if naming else None,
        base_url,
        values,
    )
    _import(shell, ServiceImport(kind, source, choice, cases, split), **options)


def _progress(step: str) -> None:
    """For somebody who watches: a large description takes some seconds."""
    if sys.stderr is not None and sys.stderr.isatty():
        say(f"… {plain(step)}", err=True)


class _Asked:
    """Asks once whether further addresses of the same origin may be fetched."""

    def __init__(self) -> None:
        self._agreed: bool | None = None

    def __call__(self, address: str) -> bool:
        if self._agreed is None:
            self._agreed = ask(f"It refers to {address}. Fetch this, and what else it names there?")
        return self._agreed


def _import(
    shell: Shell,
    wanted: Import,
    *,
    skill_id: str,
    folder: Path | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    try:
        report = import_skill(
            wanted,
            skill_id,
            shell.settings(),
            folder=folder,
            force=force,
            dry_run=dry_run,
            progress=_progress,
            agree=always if as_json or not can_ask() else _Asked(),
        )
    except InvalidSkillId as error:
        raise click.UsageError(str(error)) from None
    except ImportProblem as error:
        raise Failed(str(error)) from None
    print_report(report, dry_run=dry_run, as_json=as_json)
