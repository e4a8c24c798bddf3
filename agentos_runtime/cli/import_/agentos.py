"""`agentos import agentos`."""

from pathlib import Path

import click

from agentos_runtime.cli.import_.report import print_report
from agentos_runtime.cli.terminal.shell import Failed, Shell, json_option, pass_shell
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.skills.imported_files import InvalidSkillId
from agentos_runtime.skills.sources.converting import convert_skill


@click.command()
@click.argument("source", metavar="FILE|FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--id", "skill_id", metavar="ID", help="The skill's id. [its own]")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of skills to write into. [the first of AGENTOS_SKILLS, else AGENTOS_HOME/skills]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@json_option
@pass_shell
def agentos(
    shell: Shell, source: Path, skill_id: str | None, folder: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Turn a skill file of AgentOS's first dialects, A (`actions`) and B (placeholders), into one that loads.

    Actions become operations, placeholders and mappings jq. What cannot be said is left out and listed. Files of
    later dialects load as they are.

    \b
    Example:
      agentos import agentos connectors/tasks/readme.md
    """
    try:
        report = convert_skill(source, skill_id, shell.settings(), folder=folder, dry_run=dry_run)
    except InvalidSkillId as error:
        raise click.UsageError(str(error)) from None
    except ImportProblem as error:
        raise Failed(str(error)) from None
    print_report(report, dry_run=dry_run, as_json=as_json)
