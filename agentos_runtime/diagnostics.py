"""Where something stands in a file, and what is wrong there."""

from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class Position:
    """A character in a file; line and column count from 1, columns in Unicode characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest says a thing: the key's path (`utilities.chat.rest.url`) and its value's position."""

    key: str
    position: Position

    def __str__(self) -> str:
        return f"{self.position} ({self.key})" if self.key else str(self.position)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a manifest: what, where, and what to do about it."""

    message: str
    place: Place
    fix: str | None = None
    severity: Literal["error", "warning"] = "error"
    length: int = 1
    """How many characters the caret underlines."""
    shown: str | None = None
    """Of a secret, what may be shown of those characters: `sk-or-…`; None for what is no secret."""

    def __str__(self) -> str:
        text = f"{self.place.position}: {self.severity}: {self.message}"
        if self.place.key:
            text += f" [{self.place.key}]"
        return f"{text}. {self.fix}" if self.fix else text


def problem_json(problem: Problem) -> dict[str, Json]:
    """A problem as the HTTP API and `--json` show it."""
    position = problem.place.position
    return {
        "path": problem.place.key,
        "message": problem.message,
        "fix": problem.fix,
        "severity": problem.severity,
        "file": position.file,
        "line": position.line,
        "column": position.column,
    }
