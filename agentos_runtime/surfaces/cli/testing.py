"""`agentos test`."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from agentos_runtime import jsontext
from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cases.book import CaseBook
from agentos_runtime.cases.compare import Difference, Nothing, Side
from agentos_runtime.cases.model import CaseFile
from agentos_runtime.cases.run import CaseResult, CaseRunner, OneCase
from agentos_runtime.cases.world import home_for_a_while, simulation
from agentos_runtime.diagnostics import Problem
from agentos_runtime.jsontext import Json
from agentos_runtime.resources import read_schema
from agentos_runtime.settings import Settings
from agentos_runtime.skills import Registry, broken_error, nearest, problem_json
from agentos_runtime.surfaces.cli.carets import render, source_lines
from agentos_runtime.surfaces.cli.output import dim, harmless, print_json
from agentos_runtime.surfaces.cli.runtimes import UNUSABLE
from agentos_runtime.surfaces.cli.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.surfaces.cli.skill_names import complete_skill

MOST_SHOWN = 20
LONGEST_VALUE = 240


@dataclass(frozen=True, slots=True)
class Tested:
    """A case file, and how its case went; no result = it cannot be run."""

    file: CaseFile
    result: CaseResult | None

    @property
    def passed(self) -> bool:
        return self.result is not None and self.result.passed

    def as_json(self) -> dict[str, Json]:
        case, result = self.file.case, self.result
        return {
            "skill": self.file.skill,
            "utility": case.utility.name if case else None,
            "case": self.file.file.stem,
            "file": str(self.file.file),
            "description": case.description if case else None,
            "passed": self.passed,
            "ms": round(result.milliseconds, 1) if result else None,
            "differences": [found.as_json() for found in result.differences] if result else [],
            "problems": [problem_json(problem) for problem in self.file.problems],
        }


@click.command()
@click.argument("skills_named", nargs=-1, metavar="[SKILL]...", shell_complete=complete_skill)
@home_options
@json_option
@pass_shell
def test(
    shell: Shell, skills_named: tuple[str, ...], home: str | None, skills: tuple[str, ...], as_json: bool
) -> None:
    """Run the cases of skills: is the right request sent, and is what comes back read rightly?

    Each cases/*.yaml beside a skill's readme.md is one call through the whole runtime; only the upstream is
    simulated. No network, no key, no cost, and nothing in the ledger.

    \b
    Example:
      agentos test
      agentos test open-meteo openrouter
    """
    settings = shell.settings(home=home, skills=skills)
    try:
        tested = asyncio.run(run_cases(settings, skills_named))
    except UNUSABLE as error:
        raise Failed(str(error)) from None
    (_print_json if as_json else _print)(tested, skills_named)
    if not all(each.passed for each in tested):
        raise click.exceptions.Exit(1)


async def run_cases(settings: Settings, skills: Sequence[str] = ()) -> list[Tested]:
    """Run the cases of these skills, or of all; as their authors wrote them, without the operator's settings.

    Raises Failed for a skill that is not there or cannot be loaded.
    """
    stage = OneCase()
    books: list[CaseBook] = []
    with home_for_a_while(replace(settings, skill_settings={})) as elsewhere:
        outside = simulation(chooser=stage, seen=books.append)
        async with open_runtime(elsewhere, {}, watch=False, outside=outside) as runtime:
            _check_names(runtime.registry, skills)
            runner = CaseRunner(runtime, stage, read_schema("chat-reply"))
            return [
                Tested(file, await runner.run(file.case) if file.case else None)
                for file in books[0].files()
                if not skills or file.skill in skills
            ]


def _check_names(registry: Registry, skills: Sequence[str]) -> None:
    entries = {entry.id: entry for entry in registry.entries}
    for name in skills:
        if name not in entries:
            raise Failed(f"There is no skill {name!r}{nearest(name, entries)}")
        if entries[name].skill is None:
            raise Failed(f"{broken_error(entries[name]).message}. See: agentos check {entries[name].file}")


def _print(tested: Sequence[Tested], named: Sequence[str]) -> None:
    for skill in sorted({each.file.skill for each in tested}):
        click.secho(skill, bold=True)
        for each in (each for each in tested if each.file.skill == skill):
            _print_one(each)
        click.echo()
    failed = sum(not each.passed for each in tested)
    for name in named:
        if not any(each.file.skill == name for each in tested):
            click.echo(f"{name} has no cases yet: they are written as cases/NAME.yaml beside its readme.md.")
    total = f"{len(tested) - failed} passed, {failed} failed" if tested else "There are no cases."
    click.secho(total, fg="red" if failed else "green" if tested else "yellow", bold=True)


def _print_json(tested: Sequence[Tested], named: Sequence[str]) -> None:
    failed = sum(not each.passed for each in tested)
    cases: list[Json] = [each.as_json() for each in tested]
    print_json({"cases": cases, "passed": len(tested) - failed, "failed": failed})


def _print_one(tested: Tested) -> None:
    file, case, result = tested.file, tested.file.case, tested.result
    mark = click.style("ok  ", fg="green") if tested.passed else click.style("FAIL", fg="red", bold=True)
    what = f"{case.utility.name}: {case.description}" if case else file.file.name
    time = dim(f"  {result.milliseconds:.0f} ms") if result else ""
    click.echo(f"  {mark} {harmless(what)}{time}")
    if not tested.passed:
        lines = [*_problem_lines(file.problems, file.file), *_difference_lines(result)]
        click.echo("\n".join(f"       {line}" for line in lines))


def _problem_lines(problems: Sequence[Problem], file: Path) -> Iterator[str]:
    try:
        lines = source_lines(file.read_bytes()) if problems else []
    except OSError:
        lines = []
    for problem in problems:
        yield from render(problem, lines).splitlines()


def _difference_lines(result: CaseResult | None) -> Iterator[str]:
    if result is None:
        return
    yield dim(str(result.case.file))
    for found in result.differences[:MOST_SHOWN]:
        yield from _one_difference(found)
    if len(result.differences) > MOST_SHOWN:
        yield dim(f"and {len(result.differences) - MOST_SHOWN} more")


def _one_difference(found: Difference) -> Iterator[str]:
    yield click.style(harmless(found.path), bold=True)
    yield click.style(f"  - {_shown(found.expected)}", fg="red") + dim("  the case")
    yield click.style(f"  + {_shown(found.actual)}", fg="green") + dim("  what came")


def _shown(side: Side) -> str:
    if isinstance(side, Nothing):
        return "nothing"
    text = jsontext.dump(side).decode("utf-8", "replace")
    return harmless(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
