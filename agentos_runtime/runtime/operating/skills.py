"""The loaded skills, as the operator's use cases need them."""

from collections.abc import Mapping

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.skills.entries import broken_error
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.salvage import is_whole
from agentos_runtime.skills.visibility import VisibleSkills


def loaded_skills(registry: Registry) -> Mapping[str, Skill]:
    """Every skill that serves, by its id."""
    return {entry.id: entry.skill for entry in registry.entries if entry.skill}


def whole_skill(registry: Registry, skill_id: str) -> Skill:
    """The skill as it is served. Raises UnknownSkill, SkillBroken.

    It is broken also when a part of it is: what that part asks for would not be shown.
    """
    entry = VisibleSkills(registry).entry(skill_id)
    if entry.skill is None or not is_whole(entry.skill):
        raise broken_error(entry)
    return entry.skill


def auth_named(skill: Skill, name: str) -> Auth:
    """A credential that the skill declares. Raises InvalidParams."""
    if name not in skill.auth:
        known = ", ".join(skill.auth) or "none"
        problem = ParamProblem("credential", f"is not declared by {skill.id}; declared: {known}")
        raise InvalidParams(f"{skill.id} has no credential {name!r}; it has {known}.", problems=[problem])
    return skill.auth[name]
