"""The project's pages, their blocks and links; and a desk at which they are followed."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.console import SCRIPT, Console

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS: Sequence[Path] = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES: Sequence[Path] = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))
_BLOCK = re.compile(r"(?:Save as `([^`]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `path` is where the line before it says that it is saved."""

    path: str
    kind: str
    text: str

    @property
    def commands(self) -> list[str]:
        return self.text.replace("\\\n", "").strip().splitlines()


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(read(page))]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _BLOCK.sub("", read(page))


def section(page: Path, title: str) -> str:
    return read(page).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """The rows of all tables in the text, without their heads."""
    rows: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and lines[number + 1].startswith("|---")
        if line.startswith("| ") and not is_head:
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def desk(folder: Path) -> Console:
    """A folder in which a page is followed, with `agentos` on the path and a home of its own."""
    shim = folder / "bin" / "agentos"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\nexec {SCRIPT[0]} -c '{SCRIPT[2]}' \"$@\"\n", encoding="utf-8")
    shim.chmod(0o755)
    made = Console(folder / "home", folder / "skills")
    made.environ["PATH"] = f"{shim.parent}{os.pathsep}{made.environ['PATH']}"
    made.as_installed()
    made.as_used_before()
    return made
