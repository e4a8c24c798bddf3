"""What pages, skills and messages tell people to do can be done; what they call missing is missing."""

import ast
import re
from collections.abc import Iterator

import click
import pytest

from agentos_runtime import errors
from agentos_runtime.cli.main import cli
from tests.docs.pages import DOCS, PAGES, ROOT, cells, read, section

PACKAGE = ROOT / "agentos_runtime"
COMMAND = re.compile(r"(?:`|[Rr]un: |^ {2,}|^)agentos ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)
NOTHING_RAISES_IT = "nothing raises it yet"


def commands(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return {name: command for name, command in found if command is not None}


def problem(first: str, second: str, known: dict[str, click.Command]) -> str | None:
    """Why `agentos first second` cannot be typed, if so."""
    command = known.get(first)
    if command is None:
        return f"agentos {first}"
    if isinstance(command, click.Group) and second and second not in commands(command):
        return f"agentos {first} {second}"
    return None


def told() -> Iterator[tuple[str, str]]:
    """Every text that tells people something, and where it stands."""
    for page in (*PAGES, *(ROOT / "skills").glob("*/readme.md")):
        yield page.relative_to(ROOT).as_posix(), read(page)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield file.relative_to(ROOT).as_posix(), node.value


@pytest.mark.slow
def test_every_command_that_people_are_told_to_run_is_there() -> None:
    known = commands(cli)
    mentioned = [(where, *found) for where, text in told() for found in COMMAND.findall(text)]
    assert len(mentioned) > 50
    wrong = {f"{where}: {said}" for where, first, second in mentioned if (said := problem(first, second, known))}
    assert wrong == set()


def test_every_script_that_people_are_told_to_run_is_there() -> None:
    mentioned = {name for page in PAGES for name in re.findall(r"(?<![\w/])scripts/[a-z_]+(?:\.py)?", read(page))}
    assert len(mentioned) > 8
    assert [name for name in sorted(mentioned) if not (ROOT / name).is_file()] == []


def test_every_budget_is_kept_by_the_test_that_is_named() -> None:
    rows = cells(section(ROOT / "CONTRIBUTING.md", "Budgets"))
    named = [name for row in rows for name in re.findall(r"`(test_\w+)`", row[1])]
    kept = read(ROOT / "tests" / "test_house.py")
    assert len(named) > 8
    assert [name for name in named if f"def {name}(" not in kept] == []


def test_what_nothing_raises_yet_is_raised_nowhere() -> None:
    sources = "\n".join(read(file) for file in PACKAGE.rglob("*.py") if file.name != "errors.py")
    classes = {
        kind.code: name for name, kind in vars(errors).items() if isinstance(kind, type) and hasattr(kind, "code")
    }
    rows = [row for row in cells(section(DOCS / "http-api.md", "Errors")) if len(row) == 5]
    assert len(rows) > 30
    stale = [
        row[1]
        for row in rows
        if (re.search(rf"\b{classes[row[1].strip('`')]}\b", sources) is None) != (NOTHING_RAISES_IT in row[2])
    ]
    assert stale == []
