"""`agentos check`."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from agentos_runtime.bootstrap import skill_folders
from agentos_runtime.cases.load import case_files, load_cases
from agentos_runtime.cases.schema import CaseSchema
from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.expressions.pool import JqUnusable, WorkerPool
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.skills import SKILL_FILES, check_expressions, problem_json, read_skill, skill_files, unreadable
from agentos_runtime.surfaces.cli.carets import render, source_lines
from agentos_runtime.surfaces.cli.output import print_json
from agentos_runtime.surfaces.cli.shell import Failed, Shell, home_options, json_option, pass_shell


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and everything wrong with it, in the order of the file."""

    file: Path
    id: str
    problems: tuple[Problem, ...]

    def count(self, severity: str) -> int:
        return sum(problem.severity == severity for problem in self.problems)

    def as_json(self) -> dict[str, Json]:
        problems: list[Json] = [{**problem_json(p), "length": p.length} for p in self.problems]
        return {"file": str(self.file), "id": self.id, "ok": not self.count("error"), "problems": problems}


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@home_options
@json_option
@pass_shell
def check(
    shell: Shell,
    paths: tuple[Path, ...],
    strict: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check skill files, folders of a skill, or folders of skills; without PATH all that would be served.

    Every problem is shown with its line, a caret under the very characters, and the fix. The cases beside a skill
    are checked with it. Nothing is called.

    \b
    Example:
      agentos check
      agentos check skills/my-skill --strict
    """
    settings = shell.settings(home=home, skills=skills)
    files = find_files(paths or [folder.path for folder in skill_folders(settings)])
    if paths and not files:
        raise Failed(
            f"There is no skill file in {', '.join(map(str, paths))}: a skill is a folder with a readme.md"
        )
    checked = [*with_duplicates(asyncio.run(check_files(files))), *check_cases(files)]
    (_print_json if as_json else _print)(checked)
    if any(each.count("error") or (strict and each.problems) for each in checked):
        raise click.exceptions.Exit(1)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The skill files that the paths mean, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        own = [path / name for name in SKILL_FILES if (path / name).is_file()]
        below = [*skill_files(path)] if path.is_dir() else []
        is_skill = own and (own[0].name == "SKILL.md" or own[0].read_bytes().startswith(b"---"))
        found |= dict.fromkeys([path] if path.is_file() else own[:1] if is_skill else below or own[:1])
    return list(found)


async def check_files(files: Sequence[Path]) -> list[Checked]:
    """Load each file and compile its expressions in the workers. Raises Failed when there are none."""
    schema = ManifestSchema(read_schema("manifest"))
    try:
        async with WorkerPool() as workers:
            return [await _check_file(file, schema, workers) for file in files]
    except JqUnusable as error:
        raise Failed(str(error)) from None


async def _check_file(file: Path, schema: ManifestSchema, workers: WorkerPool) -> Checked:
    try:
        result = read_skill(file, schema)
    except OSError as error:
        result = unreadable(file, error)
    warnings = result.skill.warnings if result.skill else ()
    problems = (*result.problems, *await check_expressions(workers, result.checks), *warnings)
    return Checked(file, result.id, tuple(sorted(problems, key=_order)))


def check_cases(files: Sequence[Path]) -> list[Checked]:
    """The cases of those skill files that load."""
    manifests, cases = ManifestSchema(read_schema("manifest")), CaseSchema(read_schema("case"))
    skills = [_skill_of(file, manifests) for file in files if case_files(file)]
    return [
        Checked(found.file, found.skill, found.problems)
        for skill in skills
        if skill is not None
        for found in load_cases(skill, cases)
    ]


def _skill_of(file: Path, schema: ManifestSchema) -> Skill | None:
    try:
        return read_skill(file, schema).skill
    except OSError:
        return None


def with_duplicates(checked: Sequence[Checked]) -> list[Checked]:
    """An id that two files want is an error of the second."""
    owners: dict[str, Path] = {}
    out = []
    for each in checked:
        owner = owners.setdefault(each.id, each.file)
        problem = _taken(each, owner)
        out.append(each if owner is each.file else Checked(each.file, each.id, (problem, *each.problems)))
    return out


def _taken(each: Checked, owner: Path) -> Problem:
    place = Place("id", Position(str(each.file), 1, 1))
    return Problem(f"The id {each.id} is already taken by {owner}", place, "Give one of the two another id")


def _order(problem: Problem) -> tuple[str, int, int]:
    position = problem.place.position
    return position.file, position.line, position.column


def _print(checked: Sequence[Checked]) -> None:
    for each in checked:
        files = {problem.place.position.file for problem in each.problems}
        lines = {file: _lines(Path(file)) for file in files}
        for problem in each.problems:
            click.echo(render(problem, lines[problem.place.position.file]))
            click.echo()
    errors, warnings = _totals(checked)
    colour = "red" if errors else "yellow" if warnings else "green"
    total = f"{_count(errors, 'error')}, {_count(warnings, 'warning')} in {_count(len(checked), 'file')}"
    click.secho(total, fg=colour, bold=True)


def _print_json(checked: Sequence[Checked]) -> None:
    errors, warnings = _totals(checked)
    files: list[Json] = [each.as_json() for each in checked]
    print_json({"files": files, "errors": errors, "warnings": warnings})


def _totals(checked: Sequence[Checked]) -> tuple[int, int]:
    return sum(each.count("error") for each in checked), sum(each.count("warning") for each in checked)


def _lines(file: Path) -> list[str]:
    try:
        return source_lines(file.read_bytes())
    except OSError:
        return []


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
