"""Every character of a value is found again in the file, however YAML wrote it."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.diagnostics import Position
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.guard import read_yaml
from agentos_runtime.manifest.yaml.positions import Lines
from agentos_runtime.manifest.yaml.values import Cursor, Document
from tests.sizes import examples


def cursor_of(text: str, *keys: str | int) -> Cursor:
    report = Report()
    document = Document(text, Lines("x.md", text))
    value = read_yaml(document, 0, len(text), report)
    assert value is not None, report.errors()
    return Cursor(document, value).at(*keys)


def found(text: str, marker: str, *keys: str | int) -> Position:
    """Where `locate` says that a marker inside the value stands."""
    cursor = cursor_of(text, *keys)
    value = cursor.json
    assert isinstance(value, str)
    index = value.index(marker)
    before = value[:index]
    return cursor.locator()(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def truth(text: str, marker: str) -> Position:
    return Lines("x.md", text).position(text.index(marker))


def check(text: str, marker: str, *keys: str | int) -> None:
    assert found(text, marker, *keys) == truth(text, marker)


def test_a_plain_scalar_is_found_on_its_own_and_on_folded_lines() -> None:
    check("a: .one | HERE", "HERE", "a")
    check("a: .one |\n   .two\n   HERE | .x", "HERE", "a")
    check("a: .one\n\n\n   HERE", "HERE", "a")


def test_a_single_quoted_scalar_counts_doubled_quotes_once() -> None:
    check("a: 'it''s a ''quote'' HERE'", "HERE", "a")
    check("a: 'x\n    y''\n\n    HERE'", "HERE", "a")


def test_a_double_quoted_scalar_counts_escapes_once() -> None:
    check('a: "\\"\\u00e9\\x41\\U0001F600\\n\\t HERE"', "HERE", "a")
    check('a: "x \\\n     y\n\n     HERE"', "HERE", "a")


def test_a_literal_block_is_found_line_by_line() -> None:
    check("a: |\n  one\n\n   two\n  HERE\nb: 1\n", "HERE", "a")
    check("a: |-  # a remark\n    HERE", "HERE", "a")
    check("a:\n  - |2\n     one\n    HERE\n", "HERE", "a", 0)
    check("x:\n  a: |1+\n    HERE\n\n", "HERE", "x", "a")


def test_a_folded_block_is_found_through_its_folds() -> None:
    check("a: >\n  one\n  two\n\n  three HERE\n", "HERE", "a")
    check("a: >-\n  one\n    more\n    indented\n  HERE\n", "HERE", "a")
    check("a: >+\n\n  one\n\n\n  HERE\n\n", "HERE", "a")


def test_an_anchored_scalar_begins_after_its_anchor() -> None:
    check("a: &name HERE\nb: *name", "HERE", "a")
    check("a: &name HERE\nb: *name", "HERE", "b")


def test_a_place_outside_the_value_is_moved_to_the_nearest_inside() -> None:
    locate = cursor_of("a: 'xyz'", "a").locator()
    assert locate(1, 99) == Position("x.md", 1, 8)
    assert locate(0, 0) == Position("x.md", 1, 5)


CHARACTERS = st.sampled_from(list("ab .|:#'\"\\{}[]é😀-\n\n  \t"))
TEXTS = st.text(CHARACTERS, max_size=40)
STYLES = st.sampled_from([None, "'", '"', "|", ">"])


@given(TEXTS, STYLES, st.integers(5, 60), st.booleans(), st.booleans())
@settings(max_examples=examples(400), deadline=None)
def test_locate_finds_every_character_that_a_writer_wrote(
    text: str, style: str | None, width: int, unicode: bool, nested: bool
) -> None:
    value = {"k": [{"a": text}]} if nested else {"a": text}
    written = yaml.dump(value, default_style=style, width=width, allow_unicode=unicode)
    written = written.replace("!!map ", "").replace("!!seq ", "")
    cursor = cursor_of(written, *(("k", 0, "a") if nested else ("a",)))
    read_back = cursor.source
    assert read_back == text
    locate, lines = cursor.locator(), Lines("x.md", written)
    positions = {lines.position(offset): char for offset, char in enumerate(written)}
    last = (0, 0)
    for index, char in enumerate(text):
        line = text.count("\n", 0, index) + 1
        position = locate(line, index - (text.rfind("\n", 0, index) + 1) + 1)
        assert (position.line, position.column) >= last
        last = (position.line, position.column)
        if char not in " \n\t" and positions[position] != "\\":
            assert positions[position] == char


@given(
    st.text(st.sampled_from(list("ab .\n\n  ")), max_size=60),
    st.sampled_from(["|", ">"]),
    st.sampled_from(["", "-", "+"]),
)
@settings(max_examples=examples(400), deadline=None)
def test_locate_never_falls_back_for_a_block_that_an_author_wrote(body: str, style: str, chomp: str) -> None:
    source = f"a: {style}{chomp}\n" + "\n".join("  " + line for line in body.split("\n")) + "\nb: 1\n"
    try:
        yaml.safe_load(source)
    except yaml.YAMLError:
        return
    cursor = cursor_of(source, "a")
    text = cursor.source or ""
    for index, char in enumerate(text):
        if char not in " \n":
            offset = cursor.offset_at(index)
            assert source[offset] == char
