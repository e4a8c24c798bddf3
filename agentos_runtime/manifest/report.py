"""The problems of one file, collected while it is read."""

from dataclasses import replace

from agentos_runtime.diagnostics import Place, Problem

MOST = 100
"""More problems than this help nobody, and a hostile file could make a great many."""


class Report:
    """Collects problems; each place and message once."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], Problem] = {}
        self._left_out = 0
        self.keeps_apart = True
        """An error concerns nothing but where it stands. Not so where one value stands in several places, and where
        a key of the whole skill may be misspelt."""
        self._hidden: dict[str, str] = {}

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

    @property
    def tells_all(self) -> bool:
        """Whether each place that an error concerns has one here."""
        return self.keeps_apart and not self._left_out

    def has_error_under(self, path: str) -> bool:
        """Whether an error was found at this key's path or below it."""
        below = (problem.place.key for problem in self._problems.values() if problem.severity == "error")
        return any(key == path or key.startswith((f"{path}.", f"{path}[")) for key in below)

    def hide(self, secret: str, shown: str) -> None:
        """No problem, also none that is known already, quotes this text: `shown` stands in its place."""
        self._hidden[secret] = shown

    def covers(self, place: Place) -> bool:
        """Whether an error underlines this character."""
        at = place.position
        return any(
            found.severity == "error"
            and (found.place.position.file, found.place.position.line) == (at.file, at.line)
            and 0 <= at.column - found.place.position.column < found.length
            for found in self._problems.values()
        )

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
        chosen = [self._told(problem) for problem in self._problems.values() if problem.severity == severity]
        return sorted(chosen, key=_order)

    def _told(self, problem: Problem) -> Problem:
        for secret, shown in self._hidden.items():
            message, fix = (
                problem.message.replace(secret, shown),
                problem.fix and problem.fix.replace(secret, shown),
            )
            place = Place(problem.place.key.replace(secret, shown), problem.place.position)
            problem = replace(problem, message=message, fix=fix, place=place)
        return problem


def _order(problem: Problem) -> tuple[str, int, int]:
    position = problem.place.position
    return position.file, position.line, position.column
