"""Lines of a skill's file as they may be shown beside its problems."""

from collections.abc import Iterable, Sequence

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.secrets.shapes import masked, stars


def source_lines(data: bytes) -> list[str]:
    """The lines as editors count them."""
    text = data.decode("utf-8-sig", "replace")
    return [line.removesuffix("\r") for line in text.split("\n")]


def lines_without_secrets(lines: Sequence[str], problems: Iterable[Problem]) -> list[str]:
    """The lines of a file as they may be shown: of each secret that was found, its prefix and stars."""
    text = masked("\n".join(lines))
    for problem in problems:
        position = problem.place.position
        if problem.shown is not None and position.line <= len(lines):
            start = sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1
            end = start + problem.length
            text = text[:start] + stars(text[start:end], problem.shown) + text[end:]
    return text.split("\n")
