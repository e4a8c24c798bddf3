"""All that commands print goes through here: text of others is shown, and never obeyed, by the terminal.

Nothing else of the command line writes: `say` escapes whatever it is given, and colours are put in afterwards.
"""

import io
import json
import os
import re
import secrets
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from agentos_runtime import jsontext
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.visible import visible, visible_json

GAP = "  "
NARROWEST = 24
"""A last column is never wrapped to less."""
_COLOUR = f"\x1b[{10**12 + secrets.randbelow(10**12)};"
"""Begins a colour's code in text on its way to `say`, which knows it by the number; nobody else's text does."""
_CODE = regex(re.escape(_COLOUR) + "[0-9;]*m")
_CODES: Mapping[str, str] = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class OutputLost(click.ClickException):
    """What was printed could not be written: a full disk, a closed descriptor."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output cannot be written: {error.strerror}. Free some room, or write it elsewhere.")


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text over one or more lines. What in it would steer the terminal is escaped; `style` and `dim` colour.

    Raises OutputLost, BrokenPipeError.
    """
    plain_text, *coloured = text.split(_COLOUR)
    pieces = [harmless(plain_text)]
    for piece in coloured:
        code, _, rest = piece.partition("m")
        pieces.append(f"\x1b[{code}m{harmless(rest)}")
    _write(lambda: click.echo("".join(pieces), err=err, nl=nl))


def ring() -> None:
    """The bell of the terminal that stderr is. Raises OutputLost, BrokenPipeError."""
    if sys.stderr is not None and sys.stderr.isatty():
        _write(lambda: click.echo("\a", err=True, nl=False))


def say_over(text: str) -> None:
    """On stderr: in place of the line that stands there, on a terminal. Raises OutputLost, BrokenPipeError."""
    _write(lambda: click.echo(f"\r\x1b[K{harmless(text)}", err=True, nl=False))


def say_bytes(data: bytes) -> None:
    """The very bytes on stdout, for a file or a pipe. Raises OutputLost, BrokenPipeError."""
    _write(lambda: click.echo(data, nl=False))


def flush() -> None:
    """Write what is still kept back. Raises OutputLost, BrokenPipeError."""
    if sys.stdout is not None:
        _write(sys.stdout.flush)


def discard(*, stdout_only: bool = False) -> None:
    """Nobody can be told any more: what is kept back goes nowhere, so that the interpreter does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout,) if stdout_only else (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())


def say_usage(error: click.UsageError) -> None:
    """What was wrong with the command line, and how it is used, on stderr."""
    told = io.StringIO()
    error.show(told)
    say_prose(told.getvalue().rstrip("\n"), err=True)


def ask(question: str) -> bool:
    """Yes or no, of the person at the terminal."""
    return click.confirm(plain(question), err=True)


def pause(text: str) -> None:
    """Wait until somebody at the terminal presses Enter."""
    click.prompt(plain(text), default="", show_default=False, prompt_suffix=" ", err=True)


def ask_hidden(label: str, read: Callable[[str], str] | None = None) -> str:
    """A line that is not shown while it is typed; `read` may raise click.UsageError to ask again."""
    answer: str = click.prompt(plain(label), hide_input=True, err=True, value_proc=read)
    return answer


def ask_text(label: str, read: Callable[[str], str] | None = None, default: str | None = None) -> str:
    """A line that is shown while it is typed; `read` may raise click.UsageError to ask again."""
    answer: str = click.prompt(plain(label), default=default, err=True, value_proc=read)
    return answer


def print_json(value: Json, *, pretty: bool = True, err: bool = False) -> None:
    """JSON, exact, in characters that show as themselves; over several lines for people, on one for programs."""
    say(
        json_text(value) if pretty else visible_json(jsontext.dump(value).decode("utf-8", "surrogatepass")), err=err
    )


def json_text(value: Json) -> str:
    """Indented JSON; what would not show as itself is escaped, so that the value stays the same."""
    return visible_json(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def heading(text: str) -> None:
    say(style(text, bold=True))


def dim(text: str) -> str:
    return style(text, dim=True)


def style(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
    """Text for `say`, in a colour (`red`, `green`, `yellow`, `cyan`), bold or dim."""
    codes = [code for code, is_on in (("1", bold), ("2", dim), (_CODES.get(fg or "", ""), fg)) if is_on]
    return f"{_COLOUR}{';'.join(codes)}m{text}{_COLOUR}0m"


def plain(text: str) -> str:
    """Text of others on one line: line breaks and tabs are spaces, what would steer the terminal is escaped."""
    return visible(" ".join(text.split()))


def harmless(text: str) -> str:
    """Text of others over several lines, with an escape for what would steer the terminal."""
    return visible(text, keep="\n\t")


def _write(write: Callable[[], Any]) -> None:
    try:
        write()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error) from None


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Columns as wide as they need to be; the last one is wrapped to the terminal."""
    cells = [list(map(plain, row)) for row in rows]
    widths = [max(map(width, column)) for column in zip(head, *cells, strict=True)]
    left = width(indent) + sum(widths[:-1]) + len(GAP) * (len(head) - 1)
    room = columns() - left
    if room < min(NARROWEST, widths[-1]) and sys.stdout is not None and sys.stdout.isatty():
        _print_stacked(head, cells, indent)
        return
    room = max(room, NARROWEST)
    say(indent + dim(GAP.join(map(_padded, head, widths)).rstrip()))
    for row in cells:
        first, *more = wrapped(row[-1], room) or [""]
        say(indent + GAP.join([*map(_padded, row[:-1], widths), first]).rstrip())
        for line in more:
            say(" " * left + line)


def _print_stacked(head: Sequence[str], rows: Iterable[Sequence[str]], indent: str) -> None:
    """A table for a narrow terminal: each row over several lines, the first cell above the others."""
    room = max(columns() - width(indent) - len(GAP), 1)
    for first, *more in rows:
        say(indent + style(first, bold=True))
        for name, cell in zip(head[1:], more, strict=True):
            if cell:
                for line in wrapped(f"{name.lower()}: {cell}", room):
                    say(indent + GAP + line)


def columns() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((100, 24)).columns


def say_prose(text: str, *, err: bool = False) -> None:
    """Sentences: on a terminal each line is broken at its spaces, so that no word is cut."""
    stream = sys.stderr if err else sys.stdout
    if stream is None or not stream.isatty():
        say(text, err=err)
        return
    for line in text.split("\n"):
        if width(line) <= columns():
            say(line, err=err)
            continue
        lead = line[: len(line) - len(line.lstrip())]
        for piece in wrapped(line, columns() - len(lead)) or [""]:
            say(lead + piece, err=err)


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
    """Columns that a terminal needs for the text; its colours take none."""
    return sum(map(_columns, _CODE.sub("", text)))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
