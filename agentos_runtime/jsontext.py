"""JSON in and out, exactly: integers of any size, no NaN, no infinities, no surprises from depth.

msgspec reads and writes what it treats as Python's own json does, which is nearly everything; the rest is Python's
own, and so are the words of errors.
"""

import json
import math
from collections.abc import Collection, Sequence
from typing import NoReturn, TypeAlias

import msgspec.json
import msgspec.msgpack

from agentos_runtime.regexes import regex

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
        value: Json = _QUICK_DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = _parse(text)
    if len(text) > _LONG_ENOUGH and _openings(text) > DEEPEST and _is_deeper(value, DEEPEST):
        raise JsonTextError("nested too deeply")
    return value


def parse_each(texts: Sequence[bytes]) -> list[Json] | None:
    """What `parse` gives for each text; None when some of them are not quickly read."""
    decode = _QUICK_DECODER.decode
    values: list[Json] = []
    try:
        for text in texts:
            values.append(decode(text))
            if len(text) > _LONG_ENOUGH and _openings(text) > DEEPEST:
                return None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return values


def only_texts(written: Sequence[bytes]) -> list[str] | None:
    """What JSON texts say that are one string each; None where one is anything else, or has half of a character."""
    try:
        if len(written) == 1:
            return [_TEXT_DECODER.decode(written[0])]
        # No string goes on over a line's end, so that none of them is made of parts of two texts.
        said: list[str] = _TEXTS_DECODER.decode(b"[%b]" % b",\n".join(written))
    except (msgspec.DecodeError, UnicodeError):
        return None
    return said if len(said) == len(written) else None


def fields(text: bytes, names: Collection[str]) -> dict[str, bytes] | None:
    """The values of one object under these names, each as the text that it is; None for what is not quickly read.

    None for what is no object, too. Of a large text most is skipped: `parse` says whether a value is JSON.
    """
    try:
        found = _FIELDS_DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return {name: bytes(found[name]) for name in names if name in found}


def twice_named(text: bytes) -> str | None:
    """A name that stands twice in one object of a text that was parsed: readers differ in what it means."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Json]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.extend(name for name in names if names.count(name) > 1)

    json.loads(text, object_pairs_hook=look)
    return found[0] if found else None


def _parse(text: bytes | str) -> Json:
    """What msgspec does not read: half surrogate pairs, and all that is wrong."""
    try:
        value: Json = _DECODER.decode(text.decode("utf-8") if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise JsonTextError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        if error.doc.startswith("\ufeff"):
            raise JsonTextError("it begins with a byte order mark, which JSON does not have") from None
        raise JsonTextError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonTextError("nested too deeply") from None
    except JsonTextError:
        raise
    except ValueError:
        raise JsonTextError("an integer has too many digits") from None
    return value


def with_nulls_below(text: bytes, about: str) -> bytes | None:
    """JSON text with null for each NaN and infinity that stands below a name with `about` in it.

    None when there is none, when others stand elsewhere, and when the text is wrong in another way, too.
    """
    if b"NaN" not in text and b"Infinity" not in text:
        return None
    try:
        value: Json = json.loads(text)
        return dump(_with_nulls(value, about, known=True))
    except (ValueError, RecursionError):
        return None


def _with_nulls(value: Json, about: str, *, known: bool) -> Json:
    if isinstance(value, dict):
        return {
            name: _with_nulls(inner, about, known=known and about not in name.lower())
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_with_nulls(inner, about, known=known) for inner in value]
    return None if isinstance(value, float) and not known and not math.isfinite(value) else value


def is_json(text: bytes) -> bool:
    """Whether these bytes are one whole JSON text."""
    try:
        parse(text)
    except JsonTextError:
        return False
    return True


def _openings(text: bytes | str) -> int:
    if isinstance(text, bytes):
        return text.count(b"[") + text.count(b"{")
    return text.count("[") + text.count("{")


def _is_deeper(value: Json, most: int) -> bool:
    """Whether more than so many arrays and objects stand inside each other."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer if isinstance(outer, list) else outer.values())
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return False
    return True


def dump(value: Json) -> bytes:
    """Compact UTF-8 JSON. Lone surrogates are escaped, so that whatever `parse` read can be written.

    Raises ValueError for NaN and infinities.
    """
    try:
        text = _QUICK_ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _dump(value)
    return text if _has_no_float(value) or _is_written_alike(value, text) else _dump(value)


def dump_each(values: Sequence[Json]) -> list[bytes]:
    """What `dump` gives for each value."""
    try:
        lines = _QUICK_ENCODER.encode_lines(values)
    except (TypeError, ValueError, RecursionError):
        return [dump(value) for value in values]
    if not (_has_no_float([*values]) or _is_written_alike([*values], lines)):
        return [dump(value) for value in values]
    return lines.split(b"\n")[:-1]  # no text of JSON has such a line end in it


def _dump(value: Json) -> bytes:
    """What msgspec does not write, or writes otherwise: half surrogate pairs, floats with an exponent."""
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(value).encode("ascii")


def _has_no_float(value: Json) -> bool:
    """Whether no float is in the value, NaN and infinities included; False also where that is not quickly known."""
    try:
        return _FLOAT not in _PACKER.encode(value)
    except (ValueError, OverflowError, RecursionError):
        return False


def _is_written_alike(value: Json, text: bytes) -> bool:
    """Whether what msgspec wrote of floats is what Python writes: it has null for what is no number of JSON, and
    other exponents."""
    if b"null" in text and not _is_finite(value):
        return False
    return not (b"0.0000" in text or b"0e" in text.translate(_DIGITS)) or not _OTHERWISE.search(text)


def _is_finite(value: Json) -> bool:
    """Whether no NaN and no infinity is in the value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:  # noqa: SIM110 - a generator costs more than the loop
            if isinstance(each, (float, dict, list)) and not _is_finite(each):
                return False
        return True
    return not isinstance(value, float) or math.isfinite(value)


_LONG_ENOUGH = 2 * DEEPEST
"""Characters of a text that are needed to open so many arrays and objects, and to close them."""
_FLOAT = 0xCB
"""What stands before each float in MessagePack; what else is this byte does no harm."""
_QUICK_DECODER = msgspec.json.Decoder()
_TEXT_DECODER = msgspec.json.Decoder(str)
_TEXTS_DECODER = msgspec.json.Decoder(list[str])
_FIELDS_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_QUICK_ENCODER = msgspec.json.Encoder()
_PACKER = msgspec.msgpack.Encoder()
_DIGITS = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_OTHERWISE = regex(rb"(?:^|[\[:,\n])-?(?:[0-9.]+e|0\.0000)")
"""Floats that Python writes otherwise; something in a text that looks like one does no harm."""
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def describe(value: Json) -> str:
    """The kind of a value in plain words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    words: dict[type, str] = {str: "text", list: "a list", dict: "a map"}
    return words.get(type(value), "null")
