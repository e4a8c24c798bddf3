"""All pages: their links lead somewhere, none is lost, and they speak of the project only."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agentos_runtime import __version__
from agentos_runtime.cli.main import cli
from tests.docs.pages import DECISIONS, DOCS, PAGES, ROOT, prose, read, section

FOREIGN = re.compile(
    r"(?<![\w.])/(?:work|root|tmp/v)\b|\bissue #\d+|\b(?:sub-?agent|our session|this session|co-authored)\b"
    r"|\blocalhost:\d+/simple\b",
    re.IGNORECASE,
)
"""Paths of the machine it was written on, and words of how it was written."""


def names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[str, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not target.startswith(("http://", "https://", "mailto:")):
            path, _, anchor = target.partition("#")
            yield path, anchor


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{path} is not there"
        assert not anchor or anchor in anchors(target), f"{path} has no heading {anchor}"


def test_every_page_of_the_docs_is_in_their_index() -> None:
    linked = {(DOCS / path).resolve() for path, _ in links(DOCS / "README.md")}
    assert linked == {*PAGES} - {*DECISIONS, DOCS / "README.md", ROOT / "README.md"}


def test_the_changelog_tells_of_this_version() -> None:
    versions = re.findall(r"^## \[?([\w.]+)\]?", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert __version__ in versions


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert tomllib.loads(read(ROOT / "pyproject.toml"))["project"]["version"] == __version__
    assert f"-{__version__}-" in section(ROOT / "README.md", "Install")


def test_the_changelog_tells_of_every_command_and_bundled_skill() -> None:
    text = read(ROOT / "CHANGELOG.md")
    assert [name for name in cli.list_commands(click.Context(cli)) if f"`{name}`" not in text] == []
    names = re.findall(r"^name: (.*)$", "\n".join(map(read, (ROOT / "skills").glob("*/readme.md"))), re.MULTILINE)
    assert len(names) > 3
    assert [name for name in names if name not in text] == []


def test_the_project_speaks_of_itself_only() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode != 0:
        pytest.skip("not a clone")
    files = [ROOT / name for name in listed.stdout.split("\0") if name and not name.endswith((".lock", ".svg"))]
    found = [
        f"{names(file)}: {match[0]}"
        for file in files
        if file.is_file() and file != Path(__file__)
        for match in FOREIGN.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
