"""What people read: tables, colours, JSON. Colours vanish where no terminal shows them."""

import json
import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence

import click

from agentos_runtime import jsontext
from agentos_runtime.jsontext import Json

GAP = "  "
_COMMANDS = re.compile("[\x7f-\x9f]")
NARROWEST = 24
"""A last column is never wrapped to less."""


def print_json(value: Json, *, pretty: bool = True) -> None:
    """JSON on stdout, exact; over several lines for people, on one for programs."""
    click.echo(json_text(value) if pretty else jsontext.dump(value))


def json_text(value: Json) -> str:
    """Indented JSON. Lone surrogates are escaped, and what a terminal would take for a command."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    text = _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text if _encodable(text) else json.dumps(value, indent=2, allow_nan=False)


def heading(text: str) -> None:
    click.secho(text, bold=True)


def dim(text: str) -> str:
    return click.style(text, dim=True)


def plain(text: str) -> str:
    """Text from a file or an upstream without characters that would steer the terminal; on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def harmless(text: str) -> str:
    """Text over several lines without characters that would steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Columns as wide as they need to be; the last one is wrapped to the terminal."""
    cells = [list(map(plain, row)) for row in rows]
    widths = [max(map(width, column)) for column in zip(head, *cells, strict=True)]
    left = width(indent) + sum(widths[:-1]) + len(GAP) * (len(head) - 1)
    room = max(shutil.get_terminal_size((100, 24)).columns - left, NARROWEST)
    click.echo(indent + dim(GAP.join(map(_padded, head, widths)).rstrip()))
    for row in cells:
        first, *more = wrapped(row[-1], room) or [""]
        click.echo(indent + GAP.join([*map(_padded, row[:-1], widths), first]).rstrip())
        for line in more:
            click.echo(" " * left + line)


def wrapped(text: str, room: int) -> list[str]:
    """Lines of at most `room` columns, broken at spaces; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(lines[-1]) + 1 + width(word) <= room:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def width(text: str) -> int:
    """Columns that a terminal needs for the text."""
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
