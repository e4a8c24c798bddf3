"""The problems of one file, collected while it is read."""

from agentos_runtime.diagnostics import Place, Problem

MOST = 100
"""More problems than this help nobody, and a hostile file could make a great many."""


class Report:
    """Collects problems; each place and message once."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], Problem] = {}
        self._left_out = 0

    def error(self, place: Place, message: str, fix: str | None = None, length: int = 1) -> None:
        self.add(Problem(message, place, fix, "error", max(1, length)))

    def warning(self, place: Place, message: str, fix: str | None = None, length: int = 1) -> None:
        self.add(Problem(message, place, fix, "warning", max(1, length)))

    def add(self, problem: Problem) -> None:
        key = (str(problem.place.position), problem.message)
        if key in self._problems:
            return
        if len(self._problems) >= MOST and problem.severity == "warning":
            return
        if len(self._problems) >= 2 * MOST:
            self._left_out += 1
            return
        self._problems[key] = problem

    @property
    def full(self) -> bool:
        """True when further problems are only counted, so that looking for hints would be wasted."""
        return len(self._problems) >= MOST

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self._problems.values())

    def has_error_under(self, path: str) -> bool:
        """Whether an error was found at this key's path or below it."""
        below = (problem.place.key for problem in self._problems.values() if problem.severity == "error")
        return any(key == path or key.startswith((f"{path}.", f"{path}[")) for key in below)

    def errors(self) -> tuple[Problem, ...]:
        """All errors in the order of the file."""
        errors = self._sorted("error")
        if self._left_out:
            last = errors[-1]
            errors.append(Problem(f"and {self._left_out} more problems like these", last.place))
        return tuple(errors)

    def warnings(self) -> tuple[Problem, ...]:
        """All warnings in the order of the file."""
        return tuple(self._sorted("warning"))

    def all(self) -> tuple[Problem, ...]:
        """Errors and warnings in the order of the file."""
        return tuple(sorted(self.errors() + self.warnings(), key=_order))

    def _sorted(self, severity: str) -> list[Problem]:
        chosen = [problem for problem in self._problems.values() if problem.severity == severity]
        return sorted(chosen, key=_order)


def _order(problem: Problem) -> tuple[str, int, int]:
    position = problem.place.position
    return position.file, position.line, position.column
