"""Problems as a good compiler shows them: the line, a caret under the very characters, the fix."""

from collections.abc import Iterator, Sequence

from agentos_runtime.cli.terminal.output import dim, harmless, plain, style, width
from agentos_runtime.diagnostics import Problem
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
