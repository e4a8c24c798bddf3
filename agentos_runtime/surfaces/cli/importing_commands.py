"""`agentos import openapi`, `lap` and `curl`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from agentos_runtime.importing.adding import added
from agentos_runtime.importing.api import Api, ImportProblem, Losses
from agentos_runtime.importing.build import Generated, build
from agentos_runtime.importing.cases import with_cases
from agentos_runtime.importing.curl import read_curl
from agentos_runtime.importing.lap.reader import read_lap
from agentos_runtime.importing.naming import is_utility_name, utility_names
from agentos_runtime.importing.openapi.operations import read_openapi
from agentos_runtime.importing.selection import read_names, selected, source_of
from agentos_runtime.importing.update import known_names, make_plan
from agentos_runtime.surfaces.cli.importing_files import SkillFolder, open_folder
from agentos_runtime.surfaces.cli.importing_report import report
from agentos_runtime.surfaces.cli.importing_source import Origin, open_source
from agentos_runtime.surfaces.cli.shell import Failed, Shell, json_option, pass_shell

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
        click.option("--split", is_flag=True, help="A new skill is written as one file for each tag."),
        click.option(
            "--name", "names", multiple=True, metavar="OLD=NEW", help="Call a utility otherwise. May be repeated."
        ),
        click.option("--base-url", metavar="URL", help="Where the service is, when the description does not say."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("source", metavar="FILE|URL")
@click.option("--cases", is_flag=True, help="Also write tests, from the examples of the description.")
@service_options
@target_options
@pass_shell
def openapi(shell: Shell, /, source: str, base_url: str | None, **options: Any) -> None:
    """Import OpenAPI 3.0 or 3.1, from a file or an address.

    \b
    Example:
      agentos import openapi openapi.yaml --id example --include '/keys*'
    """

    def read(origin: Origin, losses: Losses) -> Api:
        return read_openapi(origin.data, origin.address, origin.fetch, losses, base_url=base_url)

    _import_service(shell, "openapi", source, read, **options)


@click.command()
@click.argument("source", metavar="FILE|URL")
@service_options
@target_options
@pass_shell
def lap(shell: Shell, /, source: str, base_url: str | None, **options: Any) -> None:
    """Import a LAP file.

    \b
    Example:
      agentos import lap api-spec.lap --id example
    """

    def read(origin: Origin, losses: Losses) -> Api:
        return read_lap(origin.data.decode("utf-8-sig", "replace"), losses, base_url=base_url)

    _import_service(shell, "lap", source, read, **options)


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

    def make(folder: SkillFolder, losses: Losses) -> Generated:
        return added(read_curl(command, losses), folder.skill_id, name, folder.disk, losses)

    _write(shell, make, split=False, **options)


def _import_service(
    shell: Shell,
    kind: str,
    source: str,
    read: Callable[[Origin, Losses], Api],
    *,
    include: Sequence[str],
    names: Sequence[str],
    cases: bool = False,
    **options: Any,
) -> None:
    def make(folder: SkillFolder, losses: Losses) -> Generated:
        said = source_of(kind, source, include, read_names(names), folder.disk)
        api = selected(read(open_source(source), losses), said.include, folder.skill_id)
        known = known_names(folder.disk)
        called = utility_names(api.operations, (folder.skill_id, api.title), known, said.names or {})
        generated = build(api, folder.skill_id, called, said, losses)
        return with_cases(generated, api) if cases else generated

    _write(shell, make, **options)


def _write(
    shell: Shell,
    make: Callable[[SkillFolder, Losses], Generated],
    *,
    skill_id: str,
    folder: Path | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
    split: bool,
) -> None:
    losses = Losses()
    there = open_folder(shell, skill_id, folder, force=force)
    try:
        plan = make_plan(make(there, losses), there.disk, split=split)
    except ImportProblem as error:
        raise Failed(str(error)) from None
    written = [] if dry_run else there.write(plan)
    report(there, plan, losses, written, dry_run=dry_run, as_json=as_json)
