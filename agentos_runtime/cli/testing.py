"""`agentos test`."""

import asyncio
from collections.abc import Iterator

import click

from agentos_runtime import jsontext
from agentos_runtime.cli.terminal.carets import render
from agentos_runtime.cli.terminal.output import dim, harmless, print_json, say, style
from agentos_runtime.cli.terminal.shell import Failed, Shell, home_options, json_option, pass_shell
from agentos_runtime.cli.terminal.skill_names import complete_skill
from agentos_runtime.manifest.secrets.excerpts import source_lines
from agentos_runtime.skills.opening import UNUSABLE
from agentos_runtime.testing.chat.run import ChatReport, try_chat
from agentos_runtime.testing.compare import Difference, Nothing, Side
from agentos_runtime.testing.model import CaseFile
from agentos_runtime.testing.run import CaseResult, CaseRun, CasesReport, NotRun, run_cases

MOST_SHOWN = 20
LONGEST_VALUE = 240


@click.command()
@click.argument("skills_named", nargs=-1, metavar="[SKILL]...", shell_complete=complete_skill)
@click.option("--chat", is_flag=True, help="Try what holds for every chat with the cases of one skill.")
@home_options
@json_option
@pass_shell
def test(
    shell: Shell,
    skills_named: tuple[str, ...],
    chat: bool,
    home: str | None,
    skills: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run the cases of skills: is the right request sent, and is what comes back read rightly?

    Each cases/*.yaml beside a skill's readme.md is one call through the whole runtime; only the upstream is
    simulated. No network, no key, no cost, and nothing in the ledger.

    With --chat the same cases are delivered in other ways: in one packet and in small ones, cut, failing, sent
    back with results. Streams have to end in the plain reply, no failure may pass for a reply, and what came
    has to go back. What a chat can be asked and no case is about is listed.

    \b
    Example:
      agentos test
      agentos test open-meteo openrouter
      agentos test --chat openrouter
    """
    settings = shell.settings(home=home, skills=skills)
    if chat and len(skills_named) != 1:
        raise click.UsageError("--chat takes one skill: agentos test --chat SKILL")
    report: CasesReport | ChatReport
    try:
        if chat:
            report = asyncio.run(try_chat(settings, *skills_named))
        else:
            report = asyncio.run(run_cases(settings, skills_named))
    except (NotRun, *UNUSABLE) as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json(report.as_json())
    elif isinstance(report, ChatReport):
        _print_chat(report)
    else:
        _print(report)
    if report.failed:
        raise click.exceptions.Exit(1)


def _print(report: CasesReport) -> None:
    for skill in sorted({each.file.skill for each in report.runs}):
        say(style(skill, bold=True))
        for each in (each for each in report.runs if each.file.skill == skill):
            _print_one(each)
        say()
    for name in report.without:
        say(f"{name} has no cases yet: they are written as cases/NAME.yaml beside its readme.md.")
    total = f"{report.passed} passed, {report.failed} failed" if report.runs else "There are no cases."
    say(style(total, fg="red" if report.failed else "green" if report.runs else "yellow", bold=True))


def _print_chat(report: ChatReport) -> None:
    for each in report.findings:
        mark = style("ok  ", fg="green") if each.problem is None else style("FAIL", fg="red", bold=True)
        say(f"  {mark} {harmless(each.case.name)}: {each.invariant}")
        if each.problem is not None:
            say(f"       {harmless(each.problem)}")
    say()
    for row in report.uncovered:
        say(f"No case is about {row}.")
    total = f"{len(report.findings) - report.failed} hold, {report.failed} do not"
    say(style(total, fg="red" if report.failed else "green", bold=True))


def _print_one(run: CaseRun) -> None:
    file, case, result = run.file, run.file.case, run.result
    mark = style("ok  ", fg="green") if run.passed else style("FAIL", fg="red", bold=True)
    what = f"{case.utility.name}: {case.description}" if case else file.file.name
    time = dim(f"  {result.milliseconds:.0f} ms") if result else ""
    say(f"  {mark} {harmless(what)}{time}")
    for found in result.mismatches[:MOST_SHOWN] if result else ():
        where = f"{found.path or 'the reply'} {found.message}"
        say(f"       {style('note:', bold=True)} not as `returns` says, and handed on: {harmless(where)}")
    if not run.passed:
        lines = [*_problem_lines(file), *_difference_lines(result)]
        say("\n".join(f"       {line}" for line in lines))


def _problem_lines(file: CaseFile) -> Iterator[str]:
    lines = source_lines(file.data) if file.problems else []
    for problem in file.problems:
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
    line = dim(f"  line {found.line}") if found.line is not None else ""
    yield style(harmless(found.path), bold=True) + line
    yield style(f"  - {_shown(found.expected)}", fg="red") + dim("  the case")
    yield style(f"  + {_shown(found.actual)}", fg="green") + dim("  what came")


def _shown(side: Side) -> str:
    if isinstance(side, Nothing):
        return "nothing"
    text = jsontext.dump(side).decode("utf-8", "replace")
    return harmless(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
