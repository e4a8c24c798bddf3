"""Problems with the lines that they are about, as a good compiler shows them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.secrets.excerpts import lines_without_secrets, source_lines

AROUND = 2
"""Lines shown before and after."""
LONGEST = 400
"""Characters of a line that are shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file; what the problem is about is `marked`."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A problem and its lines; none when the file cannot be read."""

    problem: Problem
    lines: tuple[Line, ...]


def excerpts(problems: Iterable[Problem], read: Callable[[Path], bytes]) -> Sequence[Excerpt]:
    """For each problem its lines, without the secrets that were found in them."""
    listed = list(problems)
    files: dict[str, list[str]] = {}
    for file in {problem.place.position.file for problem in listed}:
        own = [problem for problem in listed if problem.place.position.file == file]
        lines = _read(file, read)
        files[file] = lines_without_secrets(lines, own) if lines else []
    return [Excerpt(problem, _around(problem, files[problem.place.position.file])) for problem in listed]


def _read(file: str, read: Callable[[Path], bytes]) -> list[str]:
    try:
        return source_lines(read(Path(file)))
    except OSError:
        return []


def _around(problem: Problem, lines: Sequence[str]) -> tuple[Line, ...]:
    at = problem.place.position.line
    if not 1 <= at <= len(lines):
        return ()
    first, last = max(1, at - AROUND), min(len(lines), at + AROUND)
    return tuple(
        _marked(number, lines[number - 1], problem) if number == at else Line(number, _cut(lines[number - 1]))
        for number in range(first, last + 1)
    )


def _marked(number: int, text: str, problem: Problem) -> Line:
    start = min(max(problem.place.position.column - 1, 0), len(text))
    end = min(max(start + 1, start + problem.length), len(text))
    begin = max(0, start - LONGEST // 2)
    lead = "…" if begin else ""
    return Line(number, lead + text[begin:start], text[start : min(end, start + LONGEST)] or " ", _cut(text[end:]))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
