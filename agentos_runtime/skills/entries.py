"""One skill as it stands now, and what a caller is told of one that cannot be used."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Literal

from agentos_runtime.diagnostics import Place, Position, Problem, problem_json
from agentos_runtime.errors import SkillBroken
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills.files import SkillFile, SkillFolder


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """One skill as it stands now: the version that serves, and what is wrong with the newest save."""

    id: str
    file: Path
    folder: SkillFolder
    skill: Skill | None
    """None = broken: no version ever loaded, or another file took the id."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """The operator's values over the declared defaults."""
    problems: tuple[Problem, ...] = ()
    stale: bool = False
    name: str = ""
    description: str = ""
    shadows: tuple[Path, ...] = ()
    """The bundled files of the same id, which are not served because this one is."""

    @property
    def state(self) -> Literal["ready", "broken"]:
        return "ready" if self.skill else "broken"

    @property
    def icon(self) -> SkillFile | None:
        """The icon of the version that serves."""
        return SkillFile(self.folder, self.skill.icon) if self.skill and self.skill.icon else None


def broken_error(entry: SkillEntry) -> SkillBroken:
    errors = [problem for problem in entry.problems if problem.severity == "error"] or entry.problems
    first = errors[0] if errors else None
    count = len(errors)
    summary = f" ({count} problem{'' if count == 1 else 's'}): {first}" if first else ""
    return SkillBroken(
        f"The skill {entry.id} cannot be used until its manifest is fixed{summary}",
        details={"skill": entry.id, "problems": [problem_json(problem) for problem in entry.problems]},
    )


def losing(entry: SkillEntry, winner: SkillEntry) -> SkillEntry:
    place = Place("id", Position(str(entry.file), 1, 1))
    message = f"The id {entry.id} is already taken by {winner.file}; {entry.file} is not served"
    problem = Problem(message, place, fix="Give one of the two another id, or remove one")
    return replace(entry, skill=None, problems=(problem,), stale=False)
