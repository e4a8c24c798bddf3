"""docs/python-api.md: its programs print what is shown, and every public name is on it."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentos_runtime
from agentos_runtime import Runtime, SyncRuntime, errors, open_runtime
from tests.cli.console import PATIENCE
from tests.docs.pages import DOCS, Block, blocks, cells, prose, read, section

PAGE = DOCS / "python-api.md"


def programs() -> list[tuple[Block, Block]]:
    """Each program and the block after it."""
    found = blocks(PAGE)
    return [(block, found[number + 1]) for number, block in enumerate(found) if block.kind == "python"]


def table(head: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    return cells(f"| {head}" + read(PAGE).partition(f"\n| {head}")[2].partition("\n\n")[0])


def methods(kind: type) -> dict[str, bool]:
    """The methods that the page tells of → whether it says that they are awaited."""
    told = [row[0].strip("`") for row in table(f"method of `{kind.__name__}`")]
    return {each.removeprefix("await ").partition("(")[0]: each.startswith("await ") for each in told}


@pytest.mark.slow
@pytest.mark.parametrize(("program", "shown"), programs(), ids=lambda block: block.text.splitlines()[0])
def test_a_program_prints_what_is_shown(program: Block, shown: Block, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.text],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (shown.kind, done.stdout) == ("text", shown.text)


def test_the_page_has_programs_for_every_way_in() -> None:
    text = "".join(program.text for program, _ in programs())
    assert [
        name for name in ("open_runtime(", "open_runtime_sync(", ".stream(", "except ") if name not in text
    ] == []


def test_every_public_name_is_told_of() -> None:
    told = set(re.findall(r"`(\w+)[`(]", prose(PAGE)))
    assert [name for name in agentos_runtime.__all__ if name not in told] == []


def test_errors_stand_under_whoever_can_fix_them() -> None:
    rows = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in table("base class")}
    bases = errors.AgentOSError.__subclasses__()
    assert rows == {base.__name__: {kind.__name__ for kind in base.__subclasses__()} for base in bases}


@pytest.mark.parametrize("kind", [Runtime, SyncRuntime])
def test_methods_are_there_and_awaited_as_told(kind: type) -> None:
    told = methods(kind)
    assert len(told) > 2
    assert told == {name: inspect.iscoroutinefunction(getattr(kind, name)) for name in told}


def test_every_parameter_of_opening_is_told_of() -> None:
    told = [row[0].strip("`") for row in cells(section(PAGE, "Settings and keys"))]
    assert told == [*inspect.signature(open_runtime).parameters]
