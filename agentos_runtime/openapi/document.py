"""The OpenAPI document of what a caller may call: of all skills, or of one."""

from collections.abc import Iterable, Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.openapi.errors import error_schema
from agentos_runtime.openapi.operations import Version, path_item, path_of
from agentos_runtime.openapi.reads import TAG, read_paths
from agentos_runtime.openapi.schemas import LONGEST_DESCRIPTION, text
from agentos_runtime.skills.entries import broken_error
from agentos_runtime.skills.visibility import VisibleSkills
from agentos_runtime.version import __version__

VERSIONS: Mapping[Version, str] = {"3.1": "3.1.0", "3.2": "3.2.0"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a document is to be like; equal ones are the same document until the skills change."""

    server: str
    """The url under which the runtime is reached."""
    version: Version = "3.1"
    skill: str | None = None
    """None = all of them, and the routes that only look."""
    for_tools: bool = False
    """For those who make a tool of each operation: calls only, with params in what all models take."""
    needs_token: bool = False


def document(skills: VisibleSkills, asked: Asked) -> dict[str, Json]:
    """The document. Raises UnknownSkill, NotAllowed, SkillBroken, Overloaded for one skill."""
    served = [_one(skills, asked.skill)] if asked.skill is not None else _all(skills)
    called = [skill for skill in served if skill.utilities]
    whole = asked.skill is None and not asked.for_tools
    return {
        "openapi": VERSIONS[asked.version],
        "info": _info(served, asked),
        "servers": [{"url": asked.server}],
        "security": [{"token": []}] if asked.needs_token else [{}, {"token": []}],
        "tags": [*(_tag(skill) for skill in called), *([dict(_RUNTIME)] if whole else [])],
        "paths": _paths(called, asked) | (read_paths() if whole else {}),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": error_schema()},
            "responses": {"Error": dict(_ERROR)},
        },
    }


def _one(skills: VisibleSkills, skill_id: str) -> Skill:
    entry = skills.entry(skill_id)
    if entry.skill is None:
        raise broken_error(entry)
    return entry.skill


def _all(skills: VisibleSkills) -> list[Skill]:
    return [entry.skill for entry in skills.entries if entry.skill]


def _info(served: list[Skill], asked: Asked) -> dict[str, Json]:
    if asked.skill is None or not served:
        said = "Skills of AgentOS. Keys are added here: send none."
        return {"title": "AgentOS", "version": __version__, "description": said}
    skill = served[0]
    return {
        "title": text(skill.name, 100) or skill.id,
        "version": __version__,
        "description": text(skill.description, LONGEST_DESCRIPTION),
    }


def _paths(skills: Iterable[Skill], asked: Asked) -> dict[str, Json]:
    return {
        path_of(skill, utility): path_item(skill, utility, asked.version, for_tools=asked.for_tools)
        for skill in skills
        for utility in skill.utilities.values()
    }


def _tag(skill: Skill) -> dict[str, Json]:
    return {"name": skill.id, "description": text(skill.description, LONGEST_DESCRIPTION)}


_RUNTIME: Mapping[str, Json] = {"name": TAG, "description": "The runtime itself"}
_ERROR: Mapping[str, Json] = {
    "description": "What went wrong, and what to do",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
