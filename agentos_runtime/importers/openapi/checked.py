"""What a service checks of a value and a manifest does not, in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_QUIET_FORMATS = frozenset({
    "int32", "int64", "float", "double", "decimal", "binary", "password", "string", "number", "integer", "boolean",
    "date-time", "date", "byte", "int-or-string", "duration", "unix-time", "timestamp",
})  # fmt: skip
"""Formats that say no more than the type, or that are said in other words."""
LONGEST_PATTERN = 60
_NUMBER = regex(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_BASE64 = regex(r"\[A-Za-z0-9\+\\?/\]\{4\}\)\*\(\?:\[A-Za-z0-9\+\\?/\]\{2\}==")
_ONE: Mapping[str, str] = {"characters": "character", "entries": "entry"}


def checked_words(value: Mapping[str, Any]) -> tuple[str, ...]:
    """What the service checks of a value, in words."""
    found: list[str] = []
    form, pattern = value.get("format"), value.get("pattern")
    if isinstance(form, str) and re.fullmatch(r"[a-z][\w-]{1,20}", form) and form not in _QUIET_FORMATS:
        found.append(form)
    if isinstance(pattern, str) and pattern and (words := pattern_words(pattern)):
        found.append(words)
    for low, high, what in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "entries")):
        least, most = number_of(value.get(low)), number_of(value.get(high))
        if least is not None and least > 0 and most is not None and most < 1_000_000:
            found.append(f"{least} {what}" if least == most else f"{least} to {most} {what}")
        elif most is not None and most < 1_000_000:
            found.append(f"at most {most} {what if most != 1 else _ONE[what]}")
        elif least is not None and least > 1:
            found.append(f"at least {least} {what}")
    if value.get("type") != "integer":
        above, below = exclusive_bounds(value)
        found += [
            f"{word} {bound}" for word, bound in (("more than", above), ("less than", below)) if bound is not None
        ]
    if (step := number_of(value.get("multipleOf"))) is not None and step not in (1, 0):
        found.append(f"a multiple of {step}")
    if value.get("uniqueItems") is True and "items" in value:
        found.append("each entry once")
    return tuple(found)


def pattern_words(pattern: str) -> str | None:
    """A pattern as people read it; None for one that is too long to be read."""
    if _BASE64.search(pattern):
        return "base64"
    return f"matches {pattern}" if len(pattern) <= LONGEST_PATTERN and pattern.isprintable() else None


def number_of(value: Any) -> float | None:
    """A number, also one that is written as a text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def choice_of(value: Json, types: Sequence[str]) -> Json:
    """A choice of the declared type, where a document writes numbers and switches as texts, or texts as numbers."""
    if isinstance(value, str) and types and {*types} <= {"integer", "number"}:
        return value if (number := number_of(value)) is None else number
    if isinstance(value, str) and [*types] == ["boolean"]:
        return {"true": True, "false": False}.get(value.lower(), value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and [*types] == ["string"] else value


def exclusive_bounds(value: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Bounds that are no values themselves, as 3.0 and as 3.1 write them."""
    above, below = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    return (
        number_of(value.get("minimum")) if above is True else number_of(above),
        number_of(value.get("maximum")) if below is True else number_of(below),
    )
