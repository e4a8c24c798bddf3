"""JSON in and out, exactly: integers of any size, no NaN, no infinities, no surprises from depth."""

import json
import math
from typing import NoReturn, TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

DEEPEST = 900
"""Arrays and objects inside each other. From Python 3.12 on the parser goes much deeper than code in Python can;
before, the limit of the interpreter is about here."""


class JsonTextError(ValueError):
    """The text is not JSON that can be carried exactly. The message never quotes the text."""


def _no_constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonTextError("a number is too large for JSON numbers as computers keep them")
    return number


def parse(text: bytes | str) -> Json:
    """Parse UTF-8 JSON text.

    Raises JsonTextError for anything RFC 8259 does not allow (NaN, a byte order mark, trailing text), for
    numbers that would become infinite, and for nesting deeper than DEEPEST.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value: Json = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise JsonTextError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise JsonTextError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonTextError("nested too deeply") from None
    except JsonTextError:
        raise
    except ValueError:
        raise JsonTextError("an integer has too many digits") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(value, DEEPEST):
        raise JsonTextError("nested too deeply")
    return value


def is_json(text: bytes) -> bool:
    """Whether these bytes are one whole JSON text."""
    try:
        parse(text)
    except JsonTextError:
        return False
    return True


def _is_deeper(value: Json, most: int) -> bool:
    """Whether more than so many arrays and objects stand inside each other."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer if isinstance(outer, list) else outer.values())
            if isinstance(inner, list | dict)
        ]
        if not level:
            return False
    return True


def dump(value: Json) -> bytes:
    """Compact UTF-8 JSON. Lone surrogates are escaped, so that whatever `parse` read can be written."""
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(value).encode("ascii")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def describe(value: Json) -> str:
    """The kind of a value in plain words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    words: dict[type, str] = {str: "text", list: "a list", dict: "a map"}
    return words.get(type(value), "null")
