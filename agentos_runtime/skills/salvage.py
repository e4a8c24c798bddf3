"""A skill with mistakes in some of its utilities, without these: the others can be understood all the same."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.model import Skill
from agentos_runtime.regexes import regex

_WITHIN = "utilities."
_STEP = regex(r"__\d+(_skip)?\Z")
"""What the name of a step has behind that of its callable."""


def salvaged(before: Skill | None, skill: Skill | None, problems: Sequence[Problem]) -> Skill | None:
    """What is right of a version with errors, when it is more than what serves; `before` is what serves.

    A version without a mistake goes on serving whole, and no save takes away a utility that serves.
    """
    left = without_broken(skill, problems)
    if left is None or before is None:
        return left
    return None if is_whole(before) or not set(before.utilities) <= set(left.utilities) else left


def is_whole(skill: Skill) -> bool:
    """Whether nothing of it had to be left out."""
    return not any(problem.severity == "error" for problem in skill.warnings)


def without_broken(skill: Skill | None, problems: Sequence[Problem]) -> Skill | None:
    """The skill without the utilities that have errors.

    None when an error is elsewhere, where it could concern all of them, and when no utility is left.
    """
    if skill is None:
        return None
    broken = broken_utilities(problems)
    if not broken:
        return None
    utilities = {
        name: utility
        for name, utility in skill.utilities.items()
        if name not in broken and utility.alias not in broken
    }
    if not utilities:
        return None
    return replace(skill, utilities=utilities, warnings=tuple(problems))


def broken_utilities(problems: Sequence[Problem]) -> Mapping[str, Problem] | None:
    """The first error of each utility that has one; None when an error is elsewhere."""
    found: dict[str, Problem] = {}
    for problem in problems:
        if problem.severity != "error":
            continue
        if not problem.place.key.startswith(_WITHIN):
            return None
        name = problem.place.key.removeprefix(_WITHIN).partition(".")[0].partition("[")[0]
        name = _STEP.sub("", name)
        found.setdefault(name, problem)
    return found
