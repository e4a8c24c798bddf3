"""docs/decisions: every decision is in the index, and has the same form as the others."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DECISIONS, DOCS, cells, read, section

INDEX = DOCS / "decisions" / "README.md"
HEADINGS = ("Context", "Decision", "What was measured", "Consequences", "When to reconsider")
BEGINNING = re.compile(r"# (\d+)\. (.+)\n\n(\d{4}-\d\d-\d\d) · (?:in force|replaced by \[.+\]\(.+\))\n\n## ")


def row_of(page: Path) -> list[str]:
    """What the index has to say of the page."""
    beginning = BEGINNING.match(read(page))
    assert beginning, f"{page.name} does not begin with its number, title, date and state"
    number, title, date = beginning.groups()
    return [f"[{number}]({page.name})", title, date]


def test_every_decision_is_in_the_index_with_its_title_and_date() -> None:
    assert cells(read(INDEX)) == [row_of(page) for page in DECISIONS]


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [(page.name[:4], row_of(page)[0].partition("]")[0]) for page in DECISIONS]
    assert numbers == [(f"{number:04}", f"[{number}") for number in range(1, len(DECISIONS) + 1)]


def test_the_architecture_links_every_decision() -> None:
    text = section(DOCS / "architecture.md", "Decisions")
    assert re.findall(r"\]\(decisions/(\d[^)]*)\)", text) == [page.name for page in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_the_same_headings(page: Path) -> None:
    assert tuple(re.findall(r"^## (.+)$", read(page), re.MULTILINE)) == HEADINGS
