"""Numbers, times, text of others and lines of files as the pages show them."""

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.console.shown.codes import CODES
from agentos_runtime.console.shown.figures import count, duration, exact_money, money
from agentos_runtime.console.shown.lines import excerpts
from agentos_runtime.console.shown.markdown import LONGEST, TAGS, clean, markdown
from agentos_runtime.console.shown.params import described
from agentos_runtime.console.shown.times import ago, moment
from agentos_runtime.diagnostics import Place, Position, Problem
from tests.console.attacks import ATTACKS
from tests.console.elements import Elements

MONEY = {
    None: "",
    0: "$0",
    0.0156: "$0.0156",
    0.00242: "$0.00242",
    0.0000042: "$0.0000042",
    0.64: "$0.640",
    0.9996: "$1.00",
    0.00009996: "$0.00010",
    1: "$1.00",
    1.994: "$1.99",
    1.995: "$2.00",
    1234.5: "$1,234.50",
    41.77: "$41.77",
}
COUNTS = {
    None: "",
    0: "0",
    9727: "9,727",
    99_999: "99,999",
    100_000: "100.0k",
    795_234: "795.2k",
    999_949: "999.9k",
    999_950: "1.00M",
    17_260_000: "17.26M",
    999_999_999: "1.00B",
}
DURATIONS = {
    None: "",
    0: "0 ms",
    485.4: "485 ms",
    999.4: "999 ms",
    999.6: "1.0 s",
    1500: "1.5 s",
    59_940: "59.9 s",
    59_960: "1 m 00 s",
    125_000: "2 m 05 s",
    11_220_000: "3 h 07 m",
}


def test_money_has_the_digits_that_count_and_never_a_zero_that_nobody_said() -> None:
    assert {dollars: money(dollars) for dollars in MONEY} == MONEY
    assert (exact_money(0.0000042), exact_money(None)) == ("$0.000004200", "")


@given(st.decimals(min_value="0.000000001", max_value=10**9, places=9))
def test_money_is_right_to_its_last_digit(dollars: Decimal) -> None:
    shown = money(dollars)
    assert shown.startswith("$")
    read = Decimal(shown[1:].replace(",", ""))
    step = (
        Decimal("0.01")
        if dollars >= 1
        else Decimal(1).scaleb(dollars.adjusted() - (1 if dollars < Decimal("0.0001") else 2))
    )
    assert abs(read - dollars) <= step / 2


def test_counts_are_whole_as_long_as_they_are_short() -> None:
    assert {number: count(number) for number in COUNTS} == COUNTS


def test_durations_have_the_unit_that_fits() -> None:
    assert {number: duration(number) for number in DURATIONS} == DURATIONS


@pytest.mark.parametrize(
    ("at", "zone", "text", "machine"),
    [
        ("2026-11-28T03:16:05.123Z", "Europe/Vienna", "04:16:05", "2026-11-28T04:16:05.123+01:00"),
        ("2026-11-27T22:59:59.000Z", "Europe/Vienna", "27 Nov 23:59", "2026-11-27T23:59:59.000+01:00"),
        ("2026-11-27T23:00:00.000Z", "Europe/Vienna", "00:00:00", "2026-11-28T00:00:00.000+01:00"),
        ("2026-11-28T00:00:00.000Z", "America/New_York", "27 Nov 19:00", "2026-11-27T19:00:00.000-05:00"),
        ("2025-10-26T00:30:00.000Z", "Europe/Vienna", "26 Oct 2025", "2025-10-26T02:30:00.000+02:00"),
        ("2025-10-26T01:30:00.000Z", "Europe/Vienna", "26 Oct 2025", "2025-10-26T02:30:00.000+01:00"),
        ("2026-11-28T01:00:00.000Z", "Asia/Kolkata", "06:30:00", "2026-11-28T06:30:00.000+05:30"),
    ],
)
def test_times_are_the_visitors(at: str, zone: str, text: str, machine: str) -> None:
    now = 1_795_840_000.0  # 2026-11-28 04:26:40 in Vienna
    if zone == "America/New_York":
        now += 6 * 3600
    shown = moment(at, ZoneInfo(zone), now)
    assert (shown.text, shown.machine) == (text, machine)


def test_how_long_ago_is_said_in_one_unit() -> None:
    assert [ago(seconds) for seconds in (-3, 40, 60, 540, 7200, 90_000, 200_000)] == [
        "0 s",
        "40 s",
        "1 min",
        "9 min",
        "2 h",
        "25 h",
        "2 days",
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_of_others_is_text_structure_and_absolute_links(attack: str) -> None:
    for html in (
        str(markdown(attack)),
        clean(attack),
        str(markdown(f"# a\n\n> {attack}\n\n|{attack}|b|\n|-|-|\n|c|d|")),
    ):
        found = Elements(html)
        assert found.names <= TAGS
        assert found.attributes <= {("a", "href"), ("a", "rel")}
        assert [link for link in found.links if not link.startswith(("https://", "http://", "mailto:"))] == []
        assert "\u202e" not in html


def test_markdown_keeps_what_is_written_and_lowers_headings() -> None:
    html = str(
        markdown(
            "# Top\n\n**bold** `code` [site](https://example.com) ![a picture](x.png)\n\n- one\n\n|a|\n|-|\n|1|"
        )
    )
    assert "<h2>Top</h2>" in html
    assert '<a href="https://example.com" rel="noopener noreferrer nofollow">site</a> a picture' in html
    assert "<li>one</li>" in html
    assert "<td>1</td>" in html


def test_markdown_that_is_very_long_is_shown_as_text() -> None:
    assert str(markdown("*a* <b>" + "x" * LONGEST)).startswith("<pre>*a* &lt;b&gt;xxx")


def problem(line: int, column: int, length: int = 1, shown: str | None = None) -> Problem:
    return Problem("wrong", Place("api", Position("/skills/a.md", line, column)), length=length, shown=shown)


def test_a_problem_stands_in_its_line_with_those_around() -> None:
    (found,) = excerpts([problem(3, 6, 4)], lambda file: b"one\ntwo\nthis word is\nfour\nfive\nsix\n")
    assert [(line.number, line.before, line.marked, line.after) for line in found.lines] == [
        (1, "one", "", ""),
        (2, "two", "", ""),
        (3, "this ", "word", " is"),
        (4, "four", "", ""),
        (5, "five", "", ""),
    ]


def test_a_secret_in_a_line_is_not_shown() -> None:
    secret = "sk-or-v1-" + "0123456789abcdef" * 4
    (found,) = excerpts([problem(1, 6, len(secret), "sk-or-…")], lambda file: f"key: {secret}\n".encode())
    assert secret[9:] not in "".join(line.before + line.marked + line.after for line in found.lines)


@given(st.binary(max_size=300), st.integers(-2, 12), st.integers(-2, 400), st.integers(0, 500))
def test_any_problem_of_any_file_can_be_shown(data: bytes, line: int, column: int, length: int) -> None:
    def read(file: Path) -> bytes:
        return data

    (found,) = excerpts([problem(line, column, length)], read)
    assert all(each.marked for each in found.lines if each.number == line)


def test_a_file_that_cannot_be_read_has_no_lines() -> None:
    def refuse(file: Path) -> bytes:
        raise OSError

    assert excerpts([problem(1, 1)], refuse)[0].lines == ()


def test_params_are_told_with_what_they_must_be() -> None:
    schema = {
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}, "description": "A"},
            "b": {"enum": ["x", 2], "default": "x"},
            "c": {"oneOf": [{}]},
            "d": {"type": ["string", "null"]},
            "e": {"contentEncoding": "base64"},
            "f": {"type": "array", "items": {}},
        },
        "required": ["d"],
    }
    told = [(each.name, each.kind, each.required, each.default) for each in described(schema)]
    assert told == [
        ("d", "string or null", True, None),
        ("a", "array of string", False, None),
        ("b", 'one of "x", 2', False, '"x"'),
        ("c", "one of several", False, None),
        ("e", "file", False, None),
        ("f", "array", False, None),
    ]


def test_every_code_of_the_contract_has_a_meaning_and_somebody_who_can_mend_it() -> None:
    assert {code for code, meaning in CODES.items() if not (meaning.sentence and meaning.who)} == set()
    assert CODES["credential_not_found"].who.startswith("You can mend it")
