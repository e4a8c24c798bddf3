"""What a service reads in a form: written from the conventions themselves, for comparison with what is sent."""

import re
from typing import Any
from urllib.parse import parse_qsl

Tree = Any
"""Texts, lists and maps."""


def pairs_of(encoded: str) -> list[tuple[str, str]]:
    """As `application/x-www-form-urlencoded` is read (WHATWG URL, 5.1)."""
    return parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded))


def in_brackets(encoded: str) -> dict[str, Tree]:
    """`a[b][0]=x` and `a[]=x`, as Rack, PHP and qs read it."""
    found: dict[str, Tree] = {}
    for name, text in pairs_of(encoded):
        first, rest = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name).groups()  # type: ignore[union-attr]
        _put(found, [first, *re.findall(r"\[([^\[\]]*)\]", rest)], text)
    return {name: _lists(value) for name, value in found.items()}


def with_dots(encoded: str) -> dict[str, Tree]:
    """`a.b.0=x`."""
    found: dict[str, Tree] = {}
    for name, text in pairs_of(encoded):
        _put(found, name.split("."), text)
    return {name: _lists(value) for name, value in found.items()}


def repeated(encoded: str) -> dict[str, list[str]]:
    """`a=x&a=y`: every name has its texts."""
    found: dict[str, list[str]] = {}
    for name, text in pairs_of(encoded):
        found.setdefault(name, []).append(text)
    return found


def _put(found: dict[str, Tree], steps: list[str], text: str) -> None:
    *above, last = steps
    for step in above:
        found = found.setdefault(step or str(len(found)), {})
    last = last or str(len(found))
    assert last not in found, f"{steps} is there twice"
    found[last] = text


def _lists(value: Tree) -> Tree:
    if not isinstance(value, dict):
        return value
    below = {name: _lists(item) for name, item in value.items()}
    return [*below.values()] if [*below] == [str(index) for index in range(len(below))] else below
