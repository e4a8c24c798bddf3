"""docs/security.md: every promise has tests, they exist, and pytest runs them."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "agentos_runtime"


def rows() -> dict[int, list[str]]:
    """The cells of each numbered row."""
    found = re.findall(r"^\| (\d+) \| (.*) \|$", TEXT, re.MULTILINE)
    return {int(number): cells.split(" | ") for number, cells in found}


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_promise_has_its_row() -> None:
    assert [*rows()] == [*range(1, len(rows()) + 1)]
    assert all(len(cells) == 3 for cells in rows().values())


def test_every_promise_names_where_it_is_kept() -> None:
    for number, (_, by, _) in rows().items():
        assert named(by), number
        for place in named(by):
            file = place.split()[0]
            assert (PACKAGE / file).is_file() or (ROOT / file).is_file(), f"row {number}: {place}"


def collected(names: Sequence[str]) -> set[str]:
    """Those of the names that a pytest of its own collects."""
    how = ["--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *how, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.slow
def test_every_promise_is_shown_by_tests_that_pytest_collects(request: pytest.FixtureRequest) -> None:
    """What this run has collected itself, as a run of all tests has, is not collected again."""
    shown = {number: [f"tests/{name}" for name in named(cells[2])] for number, cells in rows().items()}
    assert all(shown.values()), "every row has a test"
    here = {item.nodeid.partition("[")[0] for item in request.session.items}
    if others := sorted({name for tests in shown.values() for name in tests} - here):
        assert set(others) <= collected(others)


def test_the_commands_that_try_harder_exist() -> None:
    for command in re.findall(r"^\| `([^\s`]+)", TEXT.partition("## Trying harder")[2], re.MULTILINE):
        assert (ROOT / command).is_file(), command
