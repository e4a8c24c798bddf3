"""`key=value` means what the utility declares."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.cli.calls.arguments import read_params, typed
from agentos_runtime.cli.terminal.output import json_text

JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)


@given(st.text())
@settings(deadline=None)
def test_a_text_stays_as_it_was_typed(text: str) -> None:
    assert typed(text, {"type": "string"}) == text


@given(JSON)
@settings(deadline=None)
def test_everything_else_is_json_and_forced_json_is_json_whatever_is_declared(value: Any) -> None:
    assert typed(json.dumps(value), {"type": ["integer", "number", "boolean", "array", "object"]}) == value
    schema = {"properties": {"it": {"type": "string"}}}
    forced = "it:=" + json.dumps(value)
    assert read_params([forced], {"other": 1}, schema) == {"it": value, "other": 1}


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ('["a"]', ["string", "array"], ["a"]),
        ("5", ["string", "array"], "5"),
        ("5", ["string", "integer"], 5),
        ('"5"', ["string", "integer"], '"5"'),
        ("null", ["string", "integer"], None),
        ("null", "integer", None),
        ("soon", "integer", "soon"),
        ("12345678901234567890123", "integer", 12345678901234567890123),
        ("=a=b", "string", "=a=b"),
    ],
)
def test_what_fits_the_declared_types_wins(text: str, types: Any, value: Any) -> None:
    schema = {"properties": {"it": {"type": types}}}
    assert read_params([f"it={text}"], {}, schema) == {"it": value}


@given(JSON)
@settings(deadline=None)
def test_printed_json_is_exact_and_steers_no_terminal(value: Any) -> None:
    text = json_text({"it": value})
    assert json.loads(text) == {"it": value}
    assert not set(text) & set(map(chr, [*range(10), *range(11, 32), *range(127, 160)]))
