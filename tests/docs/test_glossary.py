"""docs/glossary.md: each word is used, stands where it is said, and once."""

import re

from tests.docs.pages import DOCS, ROOT, cells, read

PAGE = DOCS / "glossary.md"
PACKAGE = ROOT / "agentos_runtime"


def words() -> dict[str, tuple[str, str]]:
    """Word → what it means and where it lives."""
    return {row[0]: (row[1], row[2]) for row in cells(read(PAGE).partition("## Words that are not used")[0])}


def texts() -> str:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "schemas").glob("*.json"), *DOCS.glob("*.md"), ROOT / "README.md"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file != PAGE).lower()


def test_every_word_is_used_elsewhere() -> None:
    used = texts()
    escaped = {word: re.escape(word) for word in words()}  # first in the pattern: so it is looked for as a text
    patterns = {word: rf"{text}(?<![a-z]{text})(?:s|es)?(?![a-z])" for word, text in escaped.items()}
    assert [word for word, pattern in patterns.items() if not re.search(pattern, used)] == []


def test_every_word_stands_where_it_is_said_to() -> None:
    everything = texts()
    for word, (_, where) in words().items():
        place = re.findall(r"`([^`]+)`", where)[0]
        assert any((base / place).exists() for base in (PACKAGE, ROOT)) or place.lower() in everything, word


def test_each_word_has_one_meaning_and_one_line() -> None:
    rows = [row[0] for row in cells(read(PAGE).partition("## Words that are not used")[0])]
    assert len(rows) == len(set(rows)) > 50
    assert [word for word, (meaning, _) in words().items() if not meaning.endswith((".", "."))] == []


def test_words_that_are_not_used_point_at_one_that_is() -> None:
    rows = cells(read(PAGE).partition("## Words that are not used")[2])
    assert len(rows) > 5
    assert [row[1] for row in rows if re.split(r"[.]", row[1])[0] not in words()] == []
