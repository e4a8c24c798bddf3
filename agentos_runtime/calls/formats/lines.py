"""Texts of lines, and of lines that are JSON each (NDJSON, JSON Lines)."""

from agentos_runtime.calls.formats.bounds import check_values
from agentos_runtime.calls.formats.charsets import FormatError
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.regexes import regex

_BREAK = regex(r"\r\n|\n|\r")
"""What ends a line; other characters that Unicode counts as breaks are part of it."""


def read_lines(text: str) -> Json:
    """Each line without its end. A text that ends with a line's end has no further, empty one."""
    check_values(text.count("\n") + text.count("\r"))
    lines: list[Json] = [*_BREAK.split(text)]
    return lines[:-1] if lines[-1] == "" else lines


def read_ndjson(body: bytes) -> bytes:
    """JSON text of the list of all lines, each number as it was written; empty lines are passed over.

    Raises FormatError with the number of a line that is no JSON.
    """
    check_values(body.count(b"\n"))
    texts: list[bytes] = []
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = line.strip()
        if not text:
            continue
        try:
            parse(text)
        except JsonTextError as error:
            raise FormatError(f"its line {number} is not JSON: {error}") from None
        texts.append(text)
    return b"[%b]" % b",".join(texts)
