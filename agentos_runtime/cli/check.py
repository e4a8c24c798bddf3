"""`agentos check`."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from agentos_runtime.cli.terminal.carets import render
from agentos_runtime.cli.terminal.output import dim, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.jq.pool import JqUnusable
from agentos_runtime.manifest.secrets.excerpts import lines_without_secrets, source_lines
from agentos_runtime.skills.check_formats import sarif, workflow_commands
from agentos_runtime.skills.checking import CheckedFile, CheckReport, NotChecked
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.testing import checking

FORMATS = ("text", "json", "sarif", "github")


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@home_options
@json_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="How problems are shown: text, json (as --json), sarif (SARIF 2.1.0), github (workflow commands).",
)
@pass_shell
def check(
    shell: Shell,
    paths: tuple[Path, ...],
    strict: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
    form: str | None,
) -> None:
    """Check skill files, folders of a skill, or folders of skills; without PATH all that would be served.

    Every problem is shown with its line, a caret under the very characters, and the fix. The cases beside a skill
    are checked with it; a case or a part of a skill stands for its skill. Nothing is called.

    \b
    Example:
      agentos check
      agentos check my-skills/weather --strict
      agentos check my-skills --format sarif > agentos.sarif
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other.")
    settings = shell.settings(home=home, skills=skills)
    try:
        report = asyncio.run(checking.check(settings, paths))
    except (NotChecked, JqUnusable) as error:
        raise Failed(str(error)) from None
    _SHOWN["json" if as_json else form or "text"](report)
    if report.errors or (strict and report.warnings):
        raise click.exceptions.Exit(1)


def _print_sarif(report: CheckReport) -> None:
    print_json(sarif(report, Path.cwd()))


def _print_commands(report: CheckReport) -> None:
    for line in workflow_commands(report, Path.cwd()):
        say(line)
    say(_summary(report))


def _print_json(report: CheckReport) -> None:
    print_json(report.as_json())


def _summary(report: CheckReport) -> str:
    found = f"{_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}"
    return f"{found} in {_count(len(report.files), 'file')}"


def _print(report: CheckReport) -> None:
    for each in report.files:
        files = {problem.place.position.file for problem in each.problems}
        lines = {file: _shown(each, file) for file in files}
        for problem in each.problems:
            say(render(problem, lines[problem.place.position.file]))
            say()
        if each.dialect:
            say(dim(f"{plain(each.id)} is written in dialect {each.dialect} of AgentOS, and read as that"))
    colour = "red" if report.errors else "yellow" if report.warnings else "green"
    say(style(_summary(report), fg=colour, bold=True))


def _lines(folder: SkillFolder, file: Path) -> list[str]:
    try:
        return source_lines(folder.read(file))
    except OSError:
        return []


def _shown(checked: CheckedFile, file: str) -> list[str]:
    """The file's lines, without the secrets that were found in it."""
    problems = [problem for problem in checked.problems if problem.place.position.file == file]
    return lines_without_secrets(_lines(checked.file.folder, Path(file)), problems)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_SHOWN: Mapping[str, Callable[[CheckReport], None]] = {
    "text": _print,
    "json": _print_json,
    "sarif": _print_sarif,
    "github": _print_commands,
}
