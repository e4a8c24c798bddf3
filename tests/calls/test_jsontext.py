"""JSON texts: how deep they may nest is the same on every Python, and whoever reads them, they say the same."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentos_runtime.jsontext import DEEPEST, JsonTextError, dump, dump_each, only_texts, parse


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":[', "]}")])
def test_what_nests_deeper_than_can_be_followed_is_refused_on_every_python(opening: str, closing: str) -> None:
    number = DEEPEST // opening.count("[") // (1 + opening.count("{"))
    parse(f"{opening * number}{closing * number}")
    for deeper in (number + 1, 3000, 100_000):
        with pytest.raises(JsonTextError, match="nested too deeply"):
            parse(f"{opening * deeper}{closing * deeper}")


def test_many_arrays_and_objects_beside_each_other_are_not_deep() -> None:
    assert parse("[" + ",".join(["[{}]"] * 2000) + "]") == [[{}]] * 2000


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.integers(0, 330).map(lambda zeros: 10**zeros),
    st.builds(
        lambda whole, exponent: float(f"{whole}e{exponent}"), st.integers(-(10**17), 10**17), st.integers(-30, 30)
    ),
)
TEXTS = st.text(st.characters(codec=None))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NUMBERS_AS_WRITTEN = """
    -0 -0.0 1e400 -1e400 1E400 1e-400 01 1. .5 - +1 1_0 0x1 0.1e1 1E+2 2.2250738585072011e-308 9007199254740993
    18446744073709551616 NaN Infinity -Infinity nul
"""
TEXTS_AS_WRITTEN = r"""
    " "\\" 'a' "\ud800" "\ud83d\ude00" "\ude00\ud83d" "\/" "\u0000" "\x" [1,] {"a":1,} {"a"} {1:2} /**/1
    {"a":1,"b":2,"a":3} {"a":{"b":1},"a":{}}
"""
OTHERS = ("", " \t\r\n1 ", "1 2", "\x0b1", "\xa01", "\ufeff1", "\u20281", "1\x00", '"\x1f"', '"\x7f"')
LONG = ("1" * 4300, "1" * 4301, "0." + "1" * 400)
WRITTEN = st.sampled_from([*NUMBERS_AS_WRITTEN.split(), *TEXTS_AS_WRITTEN.split(), *OTHERS, *LONG])


def as_python_reads(text: bytes) -> tuple[str, str]:
    """What Python's own json makes of a text; whether it is JSON that can be carried exactly."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=lambda name: 1 / 0)
    except (ArithmeticError, ValueError, RecursionError):
        return "refused", ""
    return ("read", repr(value)) if re.search(r"\binf\b", repr(numbers_of(value))) is None else ("refused", "")


def numbers_of(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        inner = list(value.values()) if isinstance(value, dict) else value
        return [number for each in inner for number in numbers_of(each)]
    return [value] if isinstance(value, float) else []


def as_read_here(text: bytes) -> tuple[str, str]:
    try:
        return "read", repr(parse(text))
    except JsonTextError:
        return "refused", ""


@given(st.one_of(WRITTEN, st.lists(WRITTEN, max_size=3).map(lambda parts: f"[{','.join(parts)}]")))
def test_written_oddities_are_read_as_python_reads_them(text: str) -> None:
    assert as_read_here(text.encode()) == as_python_reads(text.encode())


@given(st.binary(max_size=12) | st.text('[]{}":,0123456789.eE+-\\u dbntrflsa \n', max_size=24).map(str.encode))
@example(b'"\xed\xa0\x80"')
@example(b"\xef\xbb\xbf1")
def test_any_bytes_are_read_as_python_reads_them(text: bytes) -> None:
    assert as_read_here(text) == as_python_reads(text)


@given(VALUES)
@example([1e16, 1e-5, 0.00001234, -1e22, 5e-324, 1e15, -0.0])
@example({"e": "1e5", ":1e5": ",0.0000"})
@example("\ud800")
def test_values_are_written_as_python_writes_them_and_come_back(value: Any) -> None:
    try:
        expected = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        expected = json.dumps(value, separators=(",", ":")).encode()
    written = dump(value)
    assert written == expected
    assert repr(parse(written)) == repr(json.loads(expected))


@given(st.lists(VALUES, max_size=5))
@example([1e16, 1e-5, -0.0])
@example([1, 1e-5])
@example(["\ud800", "\n", "a\u2028b", None])
def test_values_that_are_written_together_are_written_as_each_is(values: list[Any]) -> None:
    assert dump_each(values) == [dump(value) for value in values]


PIECES = [
    b'"a"',
    b'"a',
    b'b"',
    b'"c","d"',
    '"é\\n"'.encode(),
    b"1",
    b"null",
    b"",
    b" ",
    b' "e" ',
    b'"\\ud800"',
    b'"\xff"',
]


def text_of(written: bytes) -> Any:
    try:
        return parse(written)
    except JsonTextError:
        return None


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5))
@example([b'"a', b'b"', b'"c","d"'])
@example([b'"c","d"', b" "])
def test_texts_are_read_together_only_where_each_is_one_string(written: list[bytes]) -> None:
    read = [text_of(each) for each in written]
    whole = all(isinstance(each, str) and each.isprintable() | ("\n" in each) for each in read)
    assert only_texts(written) == (read if whole else None)


@given(VALUES, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_no_number_of_json_is_never_written(value: Any, number: float) -> None:
    odds: list[Any] = [number, [value, number], {"a": [{"b": number}], "c": None}]
    for odd in odds:
        with pytest.raises(ValueError, match="not JSON compliant"):
            dump(odd)
        with pytest.raises(ValueError, match="not JSON compliant"):
            dump_each([value, odd])


def test_a_byte_order_mark_is_called_by_its_name() -> None:
    for text in (b'\xef\xbb\xbf{"a": 1}', "\ufeff[]"):
        with pytest.raises(JsonTextError, match="begins with a byte order mark"):
            parse(text)
