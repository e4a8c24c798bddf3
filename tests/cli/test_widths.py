"""What people read fits narrow terminals: no word is cut at 80 or at 60 columns, and none is lost."""

import re
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.cli.skills import TOY

COMMANDS = (
    ("list",),
    ("demo",),
    ("--help",),
    ("call", "--help"),
    ("keys", "doctor"),
    ("call", "toy", "nothing"),
    ("ask", "Hello", "--skill", "toy"),
    ("update", "toy"),
    ("import", "openapi", "tests/importers/vendors/watch.yaml", "--id", "watch", "--dry-run"),
    ("list", *["something-else"] * 6),
)
_CODE = re.compile(r"\x1b\[[0-9;]*m")
_LITERAL = re.compile(r"[{}\"\[\]\\]|https?://|^\s*(?:-H|agentos|curl)\b")
"""Lines that are code or an address: they are never broken."""


def captured(console: Console, args: tuple[str, ...], width: int) -> list[str]:
    return lines_of(console.on_terminal(*args, COLUMNS=str(width)).out)


def lines_of(text: str) -> list[str]:
    """What a terminal shows, without colours."""
    return _CODE.sub("", text).replace("\r", "").split("\n")


def is_code(line: str) -> bool:
    """Whether a line is code or an address."""
    return bool(_LITERAL.search(line))


def words(lines: list[str]) -> set[str]:
    """Without code, and without ports, times and ids, which differ each time."""
    found = {word.lower().strip(":") for line in lines for word in line.split()}
    return {word for word in found if not re.search(r"\d", word) and not _LITERAL.search(word)}


@pytest.mark.parametrize(
    "args", [pytest.param(one, marks=[pytest.mark.slow] * (one == ("demo",))) for one in COMMANDS], ids=" ".join
)
def test_nothing_is_cut_or_lost_on_a_narrow_terminal(tmp_path: Path, args: tuple[str, ...]) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write("toy/readme.md", TOY)
    console.as_used_before()
    console.environ["AGENTOS_ONLY_SKILLS"] = "false"
    shown = {width: captured(console, args, width) for width in (80, 60)}
    for width, lines in shown.items():
        wide = [line for line in lines if len(line) > width and " " in line.strip() and not _LITERAL.search(line)]
        assert wide == []
    assert words(shown[80]) ^ words(shown[60]) <= {"state", "utilities", "description", "skill", "agent", "call"}
