"""Skills are checked with the cases that stand beside them; nothing is called."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.skills.checking import CheckedFile, CheckedSkill, CheckReport, check_skills, find_skill_files
from agentos_runtime.skills.files import SkillFile, SkillFolder
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.testing.load import load_cases, unread_cases
from agentos_runtime.testing.schema import CaseSchema


async def check(settings: Settings, paths: Sequence[Path] = ()) -> CheckReport:
    """Check skill files, folders of a skill and folders of skills; without paths all that would be served.

    Raises NotChecked when no skill is found or a folder cannot be listed, JqUnusable when expressions cannot be
    compiled on this machine.
    """
    return await check_files(await aside(partial(find_skill_files, paths, settings)))


async def check_files(files: Sequence[SkillFile]) -> CheckReport:
    """Check these skill files, then the cases of those that load. Raises JqUnusable."""
    schema = ManifestSchema(read_schema("manifest"))
    async with WorkerPool(size=0) as workers:
        skills = await check_skills(files, schema, workers)
    return CheckReport((*(each.checked for each in skills), *await aside(partial(_all_cases, skills))))


def _all_cases(skills: Sequence[CheckedSkill]) -> list[CheckedFile]:
    schema = CaseSchema(read_schema("case"))
    return [
        checked
        for each in skills
        if each.skill is not None
        for checked in _cases(each.skill, each.checked.file.folder, schema)
    ]


def _cases(skill: Skill, folder: SkillFolder, schema: CaseSchema) -> list[CheckedFile]:
    found = (*load_cases(skill, folder, schema), *unread_cases(skill, folder))
    return [CheckedFile(SkillFile(folder, each.file), each.skill, each.problems) for each in found]
