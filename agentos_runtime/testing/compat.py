"""A whole repository of skills, loaded: what of it works here, what asks for approval, what does not run."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.regexes import regex
from agentos_runtime.resources import read_schema
from agentos_runtime.security.pins import runs_here
from agentos_runtime.skills.checking import CheckedSkill, check_skills, find_skill_files
from agentos_runtime.skills.files import SkillFile
from agentos_runtime.skills.salvage import broken_utilities, without_broken
from agentos_runtime.storage.file_threads import aside

State = Literal["ok", "approval", "unsupported", "broken"]
STATES: tuple[State, ...] = ("ok", "approval", "unsupported", "broken")
_FOLDERS = ("skills", "plugins", "connectors", "adapters", "apps")
"""Where repositories of skills keep them, the newest name first."""
_ACTIONS = regex(rb"^actions:", re.MULTILINE)
OLD = "are written in dialect A, which is not read: `agentos import agentos FILE` writes them anew"


@dataclass(frozen=True, slots=True)
class CallableState:
    """One callable. `reason` says why it does not run; empty where it does."""

    name: str
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SkillState:
    """One skill file."""

    id: str
    file: Path
    dialect: str | None
    """None for our own language."""
    problem: str | None
    """Why it does not load at all."""
    callables: tuple[CallableState, ...]

    @property
    def is_right(self) -> bool:
        """Whether all loads that should."""
        return self.problem is None and all(each.state != "broken" for each in self.callables)

    def count(self, state: State) -> int:
        return sum(each.state == state for each in self.callables)

    def as_json(self) -> dict[str, Json]:
        callables: list[Json] = [
            {"name": each.name, "state": each.state, "reason": each.reason or None} for each in self.callables
        ]
        return {
            "id": self.id,
            "file": str(self.file),
            "dialect": self.dialect,
            "loads": self.problem is None,
            "problem": self.problem,
            "callables": callables,
        }


async def compat(settings: Settings, folder: Path) -> list[SkillState]:
    """Load every skill below a folder. Raises NotChecked when there is none, JqUnusable."""
    inner = next((folder / name for name in _FOLDERS if (folder / name).is_dir()), folder)
    files = await aside(partial(find_skill_files, [inner], settings))
    schema = ManifestSchema(read_schema("manifest"))
    async with WorkerPool(size=0) as workers:
        checked = await check_skills(files, schema, workers)
    return await aside(partial(_states, checked))


def _states(checked: Iterable[CheckedSkill]) -> list[SkillState]:
    return sorted((_state(each) for each in checked), key=lambda each: (each.id, str(each.file)))


def _state(checked: CheckedSkill) -> SkillState:
    file, problems = checked.checked.file, checked.checked.problems
    loaded = checked.skill or checked.doubtful
    broken = broken_utilities(problems)
    skill = checked.skill if broken == {} else without_broken(loaded, problems)
    if _is_old(file):
        return SkillState(checked.checked.id, file.path, "A", None, (CallableState("actions", "unsupported", OLD),))
    if skill is None:
        first = next((str(each) for each in problems if each.severity == "error"), "it cannot be read")
        return SkillState(checked.checked.id, file.path, checked.checked.dialect, first, ())
    failed = (CallableState(name, "broken", str(problem)) for name, problem in (broken or {}).items())
    return SkillState(skill.id, file.path, skill.dialect, None, (*_callables(skill), *failed))


def _callables(skill: Skill) -> Iterator[CallableState]:
    for utility in skill.utilities.values():
        yield CallableState(utility.name, "approval" if runs_here(skill, utility) else "ok")
    for name, reason in skill.unavailable.items():
        yield CallableState(name, "unsupported", reason)


def _is_old(file: SkillFile) -> bool:
    try:
        return _ACTIONS.search(file.read()) is not None
    except OSError:
        return False
