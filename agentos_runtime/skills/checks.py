"""The expressions of a skill file are checked; what is wrong stands at its character in the file."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.checking import Checkable, Unfinished, Verdict
from agentos_runtime.jq.compiling import CompileProblem
from agentos_runtime.jq.fixes import fix_for
from agentos_runtime.manifest.result import ExpressionCheck
from agentos_runtime.regexes import regex

LONGEST_FIX = 160
"""Characters of a text that a fix repeats."""
_IN_BODY = regex(r"\.rest\.(?:stream\.)?body(?:\.|\[|$)")
_TEXTS = regex(r'"(?:[^"\\]|\\.)*"')


class ExpressionChecker(Protocol):
    """Compiles expressions and says what is wrong with each."""

    async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a file's expressions."""

    problems: tuple[Problem, ...]
    """What is wrong."""
    unfinished: Problem | None = None
    """That the check did not finish, and where it stopped: nothing is known of what stands from there on."""
    again: bool = False
    """It is worth another try: not every answer was a worker's own."""

    @property
    def told(self) -> tuple[Problem, ...]:
        """All there is to say."""
        return self.problems if self.unfinished is None else (*self.problems, self.unfinished)


async def check_expressions(checker: ExpressionChecker, checks: Sequence[ExpressionCheck]) -> Checked:
    """Check every expression of a file."""
    found = list(zip(checks, await checker.check(checks), strict=True))
    wrong = (_problem(check, verdict) for check, verdict in found if isinstance(verdict, CompileProblem))
    problems = [*{(one.place.position, one.message): one for one in wrong}.values()]
    left = [(check, verdict) for check, verdict in found if isinstance(verdict, Unfinished)]
    if not left:
        return Checked(tuple(problems))
    check, verdict = left[0]
    assert isinstance(verdict, Unfinished)
    if verdict.at_limit:
        return Checked((*problems, _at_limit(check, verdict)), again=True)
    return Checked(tuple(problems), _unfinished(check, verdict, len(left)), again=True)


def _problem(check: ExpressionCheck, problem: CompileProblem) -> Problem:
    position = check.locate(problem.line, problem.column)
    place = replace(check.place, position=position)
    fix = (
        _remark_fix(check)
        or _text_fix(check)
        or _names_fix(check)
        or fix_for(problem.message, check.source, request=check.request)
    )
    return Problem(f"jq: {problem.message}", place, fix=fix, length=problem.length)


def _names_fix(check: ExpressionCheck) -> str | None:
    """How names of params are written that stand as words where jq gives a list of them."""
    names = re.split(r"[\s,]+", check.source.strip())
    if not check.place.key.endswith(".rest.ignored") or not all(map(str.isidentifier, names)):
        return None
    listed = ", ".join(f'"{name}"' for name in names)
    return f"Write `ignored: '[{listed}]'`"


def _remark_fix(check: ExpressionCheck) -> str | None:
    """What to write where YAML joined lines to one, so that a remark of jq reaches to the end."""
    source = check.source.strip()
    if "#" not in _TEXTS.sub("", source) or "\n" in source:
        return None
    if check.locate(1, len(source)).line == check.locate(1, 1).line:
        return None
    return "Write `|` in place of `>`, which joins the lines: the `#` hides all that follows it"


def _text_fix(check: ExpressionCheck) -> str | None:
    """How a text of a body is written that was taken for jq because it begins with `{`: GraphQL, mostly."""
    if not check.request or not check.source.startswith("{") or _IN_BODY.search(check.place.key) is None:
        return None
    quoted = json.dumps(check.source.strip(), ensure_ascii=False)
    written = "'" + quoted.replace("'", "''") + "'"
    shown = written if len(written) <= LONGEST_FIX else "'\"{ … }\"'"
    return (
        f"It is read as jq since it begins with `{{`; as text write {shown}. GraphQL may begin with `query` instead"
    )


def _at_limit(check: ExpressionCheck, verdict: Unfinished) -> Problem:
    return Problem(
        f"jq: cannot compile this within its limits, tried three times: it {verdict.reason}",
        replace(check.place, position=check.locate(1, 1)),
        fix="Make the expression smaller; what stands after it was not checked",
    )


def _unfinished(check: ExpressionCheck, verdict: Unfinished, left: int) -> Problem:
    others = f" and of {left - 1} more" if left > 1 else ""
    return Problem(
        f"jq: the check of this expression{others} did not finish: {verdict.reason}. That says nothing about "
        f"{'them' if others else 'it'}",
        replace(check.place, position=check.locate(1, 1)),
        fix="Check again when this machine is less busy",
    )
