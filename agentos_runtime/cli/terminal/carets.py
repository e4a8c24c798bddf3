"""Problems as a good compiler shows them: the line, a caret under the very characters, the fix."""

from collections.abc import Iterable, Iterator, Sequence

from agentos_runtime.cli.terminal.output import dim, harmless, plain, style, width
from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.secrets.shapes import masked, stars
from agentos_runtime.visible import escaped

ROOM = 100
"""Columns of source shown at most; of a longer line, the part around the caret."""
BEFORE = 40
"""Columns kept at most in front of the caret in such a line."""
TAB = "    "
COLOURS = (("error", "red"), ("warning", "yellow"))


def render(problem: Problem, source: Sequence[str]) -> str:
    """The problem over several lines; `source` are the file's lines, none when it cannot be read."""
    position = problem.place.position
    kind = style(f"{problem.severity}:", fg=dict(COLOURS)[problem.severity], bold=True)
    where = style(f"{position}:", bold=True)
    key = dim(f" [{plain(problem.place.key)}]") if problem.place.key else ""
    lines = [f"{where} {kind} {plain(problem.message)}{key}"]
    if 1 <= position.line <= len(source):
        lines += _excerpt(source[position.line - 1], position.line, position.column, problem)
    if problem.fix:
        lines.append(f"{'':>6} {dim('=')} fix: {plain(problem.fix)}")
    return "\n".join(lines)


def source_lines(data: bytes) -> list[str]:
    """The lines as editors count them."""
    text = data.decode("utf-8-sig", "replace")
    return [line.removesuffix("\r") for line in text.split("\n")]


def without_secrets(lines: Sequence[str], problems: Iterable[Problem]) -> list[str]:
    """The lines of a file as they may be shown: of each secret that was found, its prefix and stars."""
    text = masked("\n".join(lines))
    for problem in problems:
        position = problem.place.position
        if problem.shown is not None and position.line <= len(lines):
            start = sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1
            end = start + problem.length
            text = text[:start] + stars(text[start:end], problem.shown) + text[end:]
    return text.split("\n")


def underline(line: str, column: int, length: int) -> tuple[str, str]:
    """The part of a line to show, and the carets below it; `column` counts from 1 in characters."""
    start = min(max(column - 1, 0), len(line))
    end = max(start + 1, min(start + length, len(line)))
    first, last = _window(line, start, end)
    shown = _visible(line[first:last])
    lead = ("… " if first else "") + shown
    before = width("… " if first else "") + width(_visible(line[first:start]))
    carets = max(1, width(_visible(line[start : min(end, last)])))
    return lead + (" …" if last < len(line) else ""), " " * before + "^" * carets


def _excerpt(line: str, number: int, column: int, problem: Problem) -> Iterator[str]:
    shown, carets = underline(line, column, problem.length)
    colour = dict(COLOURS)[problem.severity]
    yield f"{dim(f'{number:>6} |')} {shown}"
    yield f"{dim(f'{chr(32):>6} |')} {style(carets, fg=colour, bold=True)}"


def _window(line: str, start: int, end: int) -> tuple[int, int]:
    if width(_visible(line)) <= ROOM:
        return 0, len(line)
    first, room = start, BEFORE
    while first and (room := room - width(_visible(line[first - 1]))) >= 0:
        first -= 1
    last = first
    room = ROOM
    while last < len(line) and (room := room - width(_visible(line[last]))) >= 0:
        last += 1
    return first, max(last, min(end, start + 1))


def _visible(text: str) -> str:
    """Spaces that are no plain ones are shown as escapes too: they are mistakes that nobody sees."""
    shown = harmless(text.replace("\n", " ")).replace("\t", TAB)
    return shown if shown.isprintable() else "".join(c if c.isprintable() else escaped(c) for c in shown)
