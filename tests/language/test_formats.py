"""Answers that are no JSON: read as the manifest says, or named as what they are."""

# ruff: noqa: E501  (a row of a table is one line)

from pathlib import Path
from typing import Any

import pytest

from tests.language.support import serving
from tests.manifest.loading import texts, utility
from tests.toy.raw import answer, answer_json

FORMS = """
utilities:
  json: {description: x, rest: {url: /x}}
  text: {description: x, rest: {url: /x, response: {as: text, charset: windows-1252}}}
  lines: {description: x, rest: {url: /x, response: {as: lines}}}
  csv: {description: x, rest: {url: /x, response: {as: csv}}}
  fromjson: {description: x, rest: {url: /x, response: {as: text, transform: 'fromjson | .a'}}}
  rows:
    description: x
    rest: {url: /x, response: {as: csv, csv: {header: false, delimiter: ";"}, transform: 'map(map(tonumber))'}}
  xml: {description: x, rest: {url: /x, response: {as: xml}}}
  simple:
    description: x
    rest:
      url: /x
      response:
        {as: xml, xml: simple, error: 'if .Error then .Error | {message: .Message, code: .Code, status: 404} else null end', root: /list/item}
  ndjson: {description: x, rest: {url: /x, response: {as: ndjson, mapping: {sum: 'map(.n) | add'}}}}
"""


def said(body: bytes, content_type: str | None = None, status: int = 200) -> Any:
    return answer(status, body, [("Content-Type", content_type)] if content_type else [])


READ: dict[str, tuple[str, bytes, str | None, Any]] = {
    "text": ("text", "h\xe9llo\r\n".encode("cp1252"), None, "h\xe9llo\r\n"),
    "text in the charset it names": ("text", "h\xe9".encode(), "text/plain; charset=UTF-8", "h\xe9"),
    "text with a mark": ("text", "h\xe9".encode("utf-16"), "text/plain", "h\xe9"),
    "a page, wanted": ("text", b"<html><title>t</title></html>", "text/html", "<html><title>t</title></html>"),
    "lines": ("lines", b"a\r\n\nb\rc\xc2\x85d\n", "text/plain", ["a", "", "b", "c\x85d"]),
    "csv": ("csv", b'\xef\xbb\xbfa,b\r\n"1,\n2",x\n\n3\n', "text/csv", [{"a": "1,\n2", "b": "x"}, {"a": "3", "b": None}]),
    "csv in latin-1": ("csv", b"a\n\xe9\x80\n", "text/csv; charset=ISO-8859-1", [{"a": "\xe9\u20ac"}]),
    "csv under a wrong type": ("csv", b"a\n1\n", "text/html", [{"a": "1"}]),
    "csv, only a header": ("csv", b"a,b\n", "text/csv", []),
    "rows": ("rows", b"1;2\n3\n", "text/csv", [[1, 2], [3]]),
    "xml": (
        "xml",
        b'<?xml version="1.0"?>\n<a x="1">t<b/> <c>&lt;&#233;</c></a>',
        "application/xml",
        {
            "tag": "a",
            "attributes": {"x": "1"},
            "children": [
                "t",
                {"tag": "b", "attributes": {}, "children": []},
                {"tag": "c", "attributes": {}, "children": ["<\xe9"]},
            ],
        },
    ),
    "a header alone": ("csv", b"First name,Last name\n", "text/plain", []),
    "one column alone": ("csv", b"name\n", "text/plain", []),
    "one column of words": ("csv", b"First name\n", "text/csv", []),
    "json with a mark, as a text": ("fromjson", b'\xef\xbb\xbf{"a": "\xc3\xa9"}', "application/json", "\xe9"),
    "json in latin-1, as a text": ("fromjson", b'{"a": "\xe9"}', "application/json; charset=iso-8859-1", "\xe9"),
    "xml in its own charset": (
        "xml",
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>'.encode("latin-1"),
        "application/xml",
        {"tag": "a", "attributes": {}, "children": ["\xe9"]},
    ),
    "simple xml": ("simple", b"<list><item>1</item><item id='2'> </item></list>", "text/xml", ["1", {"@id": "2", "#text": " "}]),
    "ndjson": ("ndjson", b'{"n": 1}\r\n\n{"n": 12345678901234567890}', "application/x-ndjson", {"sum": 12345678901234567891}),
    "ndjson of one line": ("ndjson", b'{"n": 1}', "application/json", {"sum": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_an_answer_is_read_as_the_manifest_says(tmp_path: Path, case: str) -> None:
    utility, body, content_type, reply = READ[case]
    with serving(tmp_path, FORMS, said(body, content_type)) as (house, _):
        response = house.call("demo", utility)
    assert response.status_code == 200, response.text
    if utility == "ndjson":
        assert response.json()["sum"] == pytest.approx(reply["sum"])
        return
    assert response.json() == reply


OTHER: dict[str, tuple[str, bytes, str | None, str, str]] = {
    "csv for json": ("json", b"a,b\n1,2\n", "text/csv", "CSV (text/csv), not JSON", "`response.as: csv`"),
    "tabs for json": ("json", b"a\tb\n", "text/tab-separated-values", "tab-separated values", 'delimiter: "\\t"'),
    "xml for json": ("json", b"<?xml version='1.0'?><a/>", None, "XML, not JSON", "`response.as: xml`"),
    "ndjson for json": ("json", b"{}\n{}\n", "application/x-ndjson", "something that is not JSON", "Extra data"),
    "text for json": ("json", b"pong", "text/plain", "text (text/plain), not JSON", "`response.as: text` (or `lines`)"),
    "a picture for json": ("json", b"\x89PNG\r\n", "image/png", "binary data (image/png)", "`response.raw: true`"),
    "a page for json": ("json", b"<html><title>Log in</title>", "text/html", "not JSON", "an HTML page: Log in"),
    "a page for csv": ("csv", b"<html><title>Log in</title>", "text/csv", "not CSV", "an HTML page: Log in"),
    "ndjson, and what to set": ("json", b"{}\n{}\n", "application/json", "each line is JSON", "set `response.as: ndjson` under `utilities.json.rest`"),
    "json with a mark": ("json", b"\xef\xbb\xbf{}", "application/json", "a byte order mark", "set `response: {as: text, transform: fromjson}`"),
    "json in latin-1": ("json", b'{"a": "\xe9"}', "application/json; charset=iso-8859-1", "not UTF-8 at byte 7", "set `response: {as: text, transform: fromjson}`"),
    "a page for ndjson": ("ndjson", b"<!DOCTYPE html><title>Log in</title>", None, "not NDJSON", "Log in"),
    "json for csv": ("csv", b'{"error_code": 5}', "application/json", "JSON (application/json), not CSV", "`response.as: json`"),
    "words for csv": ("csv", b"Exceeded the daily hits limit\r\n", "text/plain", "text (text/plain): Exceeded the daily hits limit, not CSV", "`response.as: text`"),
    "a value for csv": ("csv", b'"no such table"', "application/json", "JSON (application/json), not CSV", "`response.as: json`"),
    "xml for csv": ("csv", b"<error>none</error>", "application/xml", "XML (application/xml), not CSV", "`response.as: xml`"),
    "ndjson for csv": ("csv", b"{}\n{}\n", "application/x-ndjson", "NDJSON (application/x-ndjson), not CSV", "`response.as: ndjson`"),
    "json for xml": ("xml", b'{"a": 1}', "text/xml", "JSON (text/xml), not XML", "`response.as: json`"),
    "a list for ndjson": ("ndjson", b"[1, 2]", "application/json", "not NDJSON", "`response.as: json`"),
    "pretty json for ndjson": ("ndjson", b'{\n "a": 1\n}', "application/json", "not NDJSON", "`response.as: json`"),
    "a zip for text": ("text", b"PK\x03\x04\x00\x00", "application/zip", "binary data (application/zip)", "`response.raw: true`"),
    "bytes for lines": ("lines", b"\xff\xfe\xfd", "text/plain; charset=utf-8", "not lines of text", "not UTF-16-LE at byte"),
    "no such charset": ("text", b"a", "text/plain; charset=rot13", "not text", "a charset that is not known"),
    "a long row": ("csv", b"a,b\n1,2\n1,2,3\n", "text/csv", "not CSV", "its line 3 has 3 values, and its header has 2 names"),
    "a name twice": ("csv", b"a,b,a\n1,2,3\n", "text/csv", "not CSV", "column 1 of its header has the name of another"),
    "an open quote": ("csv", b'a,b\n"1,2\n', "text/csv", "not CSV", "its line 2 is not CSV"),
    "not well-formed": ("xml", b"<a><b></a>", "text/xml", "not XML", "at line 1, column"),
    "two roots": ("xml", b"<a/><b/>", "text/xml", "not XML", "at line 1, column 5"),
    "a broken line": ("ndjson", b'{"n": 1}\n{"n": \n', None, "not NDJSON", "its line 2 is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER)
def test_what_cannot_be_read_so_is_named_and_never_guessed_at(tmp_path: Path, case: str) -> None:
    utility, body, content_type, named, words = OTHER[case]
    with serving(tmp_path, FORMS, said(body, content_type)) as (house, _):
        response = house.call("demo", utility)
    assert (response.status_code, response.json()["code"]) == (502, "upstream_invalid"), response.text
    assert named in response.json()["error"]
    assert words in response.json()["error"]


HOSTILE = {
    "an entity": b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "a billion laughs": b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "a file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "an external DTD": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
    "an entity of nobody": b"<a>&nbsp;</a>",
    "depth": b"<a>" * 201 + b"</a>" * 201,
    "depth without an end": b"<a>" * 100_000,
    "numbers": b"<a>" + b"<b/>" * 1_000_001 + b"</a>",
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case == "numbers")) for case in HOSTILE]
)
def test_hostile_xml_is_refused_and_nothing_is_expanded_or_fetched(tmp_path: Path, case: str) -> None:
    with serving(tmp_path, FORMS, said(HOSTILE[case], "text/xml")) as (house, toy):
        response = house.call("demo", "xml")
        assert len(toy.requests) == 1
        assert house.client.get("/api/health").status_code == 200
    assert (response.status_code, response.json()["code"]) == (502, "upstream_invalid")
    assert "root:" not in response.text


def test_a_failure_that_is_written_in_xml_is_heard(tmp_path: Path) -> None:
    fault = b"<Error><Code>NoSuchKey</Code><Message>There is no such key &amp; more</Message></Error>"
    with serving(tmp_path, FORMS, said(fault, "application/xml"), said(fault, "application/xml", 400)) as (
        house,
        _,
    ):
        for came in (404, 400):
            body = house.call("demo", "simple").json()
            assert body["code"] == "upstream_not_found"
            assert (body["upstream"]["code"], body["upstream"]["status"]) == ("NoSuchKey", came)
            assert body["upstream"]["message"] == "There is no such key & more"
        plain = house.call("demo", "json").json()
    assert plain["upstream"]["message"] == "There is no such key & more"


def test_a_failure_in_json_is_heard_whatever_the_answers_are_written_in(tmp_path: Path) -> None:
    refusal = answer_json({"message": "slow down"}, 429)
    with serving(tmp_path, FORMS, refusal) as (house, _):
        for name in ("text", "lines", "csv", "xml", "ndjson"):
            body = house.call("demo", name).json()
            assert (body["code"], body["upstream"]["message"]) == ("upstream_rate_limited", "slow down")


RAN = "url: https://api.example.com/x\n"


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("response: {as: yaml}", "`as` is `yaml`; it must be one of json, text, lines, csv, xml, ndjson"),
        ("response: {csv: {header: false}}", "`csv` says how CSV is read, and this answer is read as json. Add `as: csv`"),
        ("response: {as: csv, xml: simple}", "`xml` says how XML is read, and this answer is read as csv"),
        ('response: {as: csv, csv: {delimiter: ";;"}}', '`delimiter` must be one character, such as ";"'),
        ("response: {as: csv, csv: {header: no}}", "Write `false`"),
        ("response: {charset: utf-16}", "`charset` is of texts, and JSON is always UTF-8"),
        ("response: {as: csv, charset: windows1252}", "Did you mean `windows-1252`?"),
        ("response: {as: csv, raw: true}", "`raw` hands the answer on unread, so `as` says nothing"),
        ("response: {empty: ok, raw: true}", "`raw` hands the answer on unread, so `empty` says nothing"),
        ("response: {empty: yes}", "`empty` is `yes`; it must be `ok`"),
        ("response: {as: text, root: /a}", "the answer is one text: there is nothing in it that `root` could point at"),
        ("response: {as: csv}\npaginate: {style: page, items: /data}", "is the list of rows itself. Remove `items`"),
        ("response: {as: text}\npaginate: {style: page}", "this answer is one text. Write `as: lines`"),
    ],
)  # fmt: skip
def test_check_says_what_cannot_be_so(rest: str, problem: str) -> None:
    [said] = texts(utility(RAN + rest))
    assert problem in said
