"""Texts, CSV, XML and NDJSON become JSON exactly, or not at all; whatever bytes come, in bounded time."""

# ruff: noqa: E501  (a row of a table is one line)

import csv
import io
import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.formats import bounds
from agentos_runtime.calls.formats.charsets import FormatError, decode, known_charset
from agentos_runtime.calls.formats.lines import read_lines, read_ndjson
from agentos_runtime.calls.formats.markup import read_xml
from agentos_runtime.calls.formats.reading import read_format
from agentos_runtime.calls.formats.tables import read_csv
from agentos_runtime.jsontext import dump, parse
from agentos_runtime.manifest.model import AnswerFormat
from tests.sizes import examples

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
XML_WORDS = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_categories=["Cs", "Cc"]), max_size=12
)
TAGS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,6}", fullmatch=True)
FORMATS = [
    AnswerFormat(kind=kind, simple=simple, header=header)
    for kind in ("text", "lines", "csv", "xml", "ndjson")
    for simple in (False, True)
    for header in (False, True)
]


@given(
    st.lists(st.lists(WORDS, min_size=2, max_size=4), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_as_csv_is_read_back(rows: list[list[str]], delimiter: str, end: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    assert read_csv(written.getvalue(), delimiter, header=False) == rows
    names, width = rows[0], len(rows[0])
    if len(set(names)) < width or any(len(row) > width for row in rows):
        with pytest.raises(FormatError):
            read_csv(written.getvalue(), delimiter, header=True)
        return
    filled = [[*row, *[None] * (width - len(row))] for row in rows[1:]]
    assert read_csv(written.getvalue(), delimiter, header=True) == [
        dict(zip(names, row, strict=True)) for row in filled
    ]


def trees(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    children = st.lists(trees(depth - 1), max_size=3) if depth else st.just([])
    return st.fixed_dictionaries(
        {"tag": TAGS, "attributes": st.dictionaries(TAGS, XML_WORDS, max_size=2), "children": children}
    )


def written_xml(tree: dict[str, Any], pad: str) -> str:
    attributes = "".join(f" {name}={quoteattr(text)}" for name, text in tree["attributes"].items())
    inner = pad.join(child if isinstance(child, str) else written_xml(child, pad) for child in tree["children"])
    between = pad if any(isinstance(child, dict) for child in tree["children"]) else ""
    return f"<{tree['tag']}{attributes}>{between}{inner}{between}</{tree['tag']}>"


@given(trees(3), st.sampled_from(["", "\n", "  \t\n"]))
def test_a_tree_written_as_xml_is_read_back_whatever_stands_between_its_elements(
    tree: dict[str, Any], pad: str
) -> None:
    assert read_xml(written_xml(tree, pad), simple=False) == tree


@given(st.dictionaries(TAGS, st.lists(XML_WORDS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_simple_xml_has_a_list_where_a_tag_stands_several_times(fields: dict[str, list[str]]) -> None:
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, texts in fields.items() for text in texts)
    values = {tag: [text or None for text in texts] for tag, texts in fields.items()}
    wanted = {tag: texts[0] if len(texts) == 1 else texts for tag, texts in values.items()}
    assert read_xml(f"<r>{inner}</r>", simple=True) == {"r": wanted}


@given(
    st.lists(WORDS.map(lambda text: text.replace("\r", "").replace("\n", ""))),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_lines_end_only_where_lines_end(lines: list[str], end: str) -> None:
    assert read_lines("".join(line + end for line in lines)) == lines


JSON = st.recursive(st.none() | st.booleans() | st.integers() | WORDS, lambda inner: st.lists(inner, max_size=3))


@given(st.lists(JSON, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
def test_each_line_of_ndjson_is_one_value(values: list[Any], end: bytes) -> None:
    assert parse(read_ndjson(b"".join(dump(value) + end for value in values))) == values


def test_numbers_of_ndjson_stay_as_they_were_written() -> None:
    assert (
        read_ndjson(b"1.10\n1e400\n".replace(b"1e400", b"12345678901234567890.5"))
        == b"[1.10,12345678901234567890.5]"
    )


@given(
    st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "koi8-r", "shift_jis", "windows-1251"]),
    st.text("abcЖ", max_size=20),
)
def test_a_text_is_read_in_the_charset_that_it_names(charset: str, text: str) -> None:
    assert decode(text.encode(charset), f'text/plain; charset="{charset}"') == text
    assert decode(text.encode(charset), "text/plain", charset) == text


@pytest.mark.parametrize(
    "name", ["rot13", "idna", "punycode", "utf-7", "unicode_escape", "base64", "zlib", "undefined", "../x", ""]
)
def test_codecs_that_are_no_charsets_are_not_used(name: str) -> None:
    assert not known_charset(name)
    if name:
        with pytest.raises(FormatError, match="not known"):
            decode(b"a", f"text/plain; charset={name}")


def test_every_known_charset_can_be_decoded() -> None:
    names = [
        "ascii",
        "us-ascii",
        "utf8",
        "UTF-16LE",
        "utf_32_be",
        "iso8859_15",
        "ISO-8859-10",
        "latin1",
        "cp437",
        "cp949",
    ]
    names += ["windows-1258", "koi8_u", "Shift-JIS", "euc-kr", "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5"]
    names += ["macintosh", "mac-roman", *(f"iso-8859-{n}" for n in range(1, 17) if n != 12)]
    assert [name for name in names if not known_charset(name)] == []
    assert [decode(b"", f"text/plain; charset={name}") for name in names] == [""] * len(names)


@given(
    st.binary(max_size=300) | st.text(max_size=200).map(str.encode), st.sampled_from(FORMATS), st.text(max_size=30)
)
@settings(max_examples=examples(1000), deadline=None)
def test_any_bytes_are_json_afterwards_or_refused(body: bytes, form: AnswerFormat, content_type: str) -> None:
    try:
        text = read_format(form, content_type, body)
    except FormatError:
        return
    parse(text)


MARKUP = st.lists(
    st.sampled_from(
        ["<a>", "</a>", "<a/>", "<!DOCTYPE a [", "<!ENTITY x 'y'>", "]>", "&x;", "&lt;", "<![CDATA[", "]]>", "<?p?>",
         "<!--", "-->", "<?xml version='1.0' encoding='utf-7'?>", " b='c'", "text", "&#0;", "&#xD800;", "<x:y xmlns:x='z'>"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(MARKUP)
@settings(max_examples=examples(500), deadline=None)
def test_no_markup_gives_the_text_of_an_entity_of_its_own(text: str) -> None:
    try:
        tree = read_format(AnswerFormat(kind="xml"), "", text.encode())
    except FormatError:
        return
    assert "DOCTYPE" not in text or "<!--" in text or "CDATA" in text
    assert json.loads(tree)["tag"]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("\n" * (bounds.MOST_VALUES + 1), AnswerFormat(kind="lines")),
        ("1\n" * (bounds.MOST_VALUES + 1), AnswerFormat(kind="ndjson")),
        ("a,b\n" * (bounds.MOST_VALUES // 2 + 1), AnswerFormat(kind="csv", header=False)),
        (",".join(map(str, range(1000))) + "\n1" * 1001, AnswerFormat(kind="csv")),
        ("x" * 100_000 + ",b\n" + "1,2\n" * 1000, AnswerFormat(kind="csv")),
        ("a\n" + "x" * 200_000, AnswerFormat(kind="csv")),
    ],
    ids=["lines", "ndjson", "cells", "short rows of many columns", "long names", "a long value"],
)
def test_a_small_text_cannot_become_much(text: str, form: AnswerFormat) -> None:
    with pytest.raises(FormatError):
        read_format(form, "", text.encode())
