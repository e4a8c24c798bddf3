"""What is known of the skills, as the HTTP contract and the command line show it. Never a secret."""

from pathlib import Path

from agentos_runtime.errors import UnknownUtility
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill, Utility
from agentos_runtime.origins import declared_origin
from agentos_runtime.skills import Registry, SkillEntry, broken_error, nearest, problem_json
from agentos_runtime.vault import Vault


class Catalog:
    """Reads the registry, and asks the vault whether a skill's credentials are there."""

    def __init__(self, registry: Registry, vault: Vault) -> None:
        self._registry = registry
        self._vault = vault

    def entries(self, q: str | None = None) -> list[Json]:
        """Every skill whose name, description or utilities have all the words of `q`."""
        words = (q or "").lower().split()
        return [self._summary(entry) for entry in self._registry.entries if _matches(entry, words)]

    def detail(self, skill_id: str) -> dict[str, Json]:
        """The whole skill. Raises UnknownSkill."""
        entry = self._registry.entry(skill_id)
        summary = self._summary(entry)
        skill = entry.skill
        if skill is None:
            return summary | {"utilities": {}}
        return (
            summary
            | _facts(skill)
            | {"authority": [permission.as_json() for permission in self._vault.permissions(skill)]}
            | {"utilities": {u.name: _utility(skill, u) for u in skill.utilities.values()}}
        )

    def utility(self, skill_id: str, name: str) -> dict[str, Json]:
        """One utility. Raises UnknownSkill, SkillBroken, UnknownUtility."""
        entry = self._registry.entry(skill_id)
        if entry.skill is None:
            raise broken_error(entry)
        utility = entry.skill.utilities.get(name)
        if utility is None:
            raise UnknownUtility(
                f"{skill_id} has no utility {name!r}{nearest(name, entry.skill.utilities)}",
                details={"skill": skill_id, "utility": name},
            )
        return {"skill": skill_id, "name": name} | _utility(entry.skill, utility)

    def icon(self, skill_id: str) -> Path | None:
        """The icon's file. Raises UnknownSkill."""
        skill = self._registry.entry(skill_id).skill
        return skill.icon if skill else None

    def health(self) -> dict[str, Json]:
        """How many skills serve, and how many are broken."""
        states = [entry.state for entry in self._registry.entries]
        return {"loaded": states.count("ready"), "broken": states.count("broken")}

    def _summary(self, entry: SkillEntry) -> dict[str, Json]:
        skill = entry.skill
        summary: dict[str, Json] = {
            "id": entry.id,
            "name": entry.name,
            "description": entry.description,
            "kind": skill.kind if skill else "callable",
            "icon": f"/api/skills/{entry.id}/icon" if skill and skill.icon else None,
            "state": self._vault.standing(skill).state if skill else "broken",
            "utilities": list(skill.utilities) if skill else [],
        }
        if entry.problems:
            summary["problems"] = [problem_json(problem) for problem in entry.problems]
        if entry.stale:
            summary["stale"] = True
        return summary


def _matches(entry: SkillEntry, words: list[str]) -> bool:
    skill = entry.skill
    texts = [entry.id, entry.name, entry.description]
    for utility in skill.utilities.values() if skill else ():
        texts += [utility.name, utility.description]
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def _facts(skill: Skill) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "color": skill.color,
        "website": skill.website,
        "privacy_url": skill.privacy_url,
        "terms_url": skill.terms_url,
        "platforms": list(skill.platforms),
        "connects_to": skill.connects_to,
        "seed": skill.seed,
        "domains": list(skill.domains),
        "instructions": skill.instructions,
        "docs": skill.docs,
        "auth": [_auth(auth) for auth in skill.auth.values()],
        "settings": dict(skill.settings),
        "gone": dict(skill.gone),
        "file": str(skill.file),
    }
    return facts | dict(skill.extras)


def _auth(auth: Auth) -> dict[str, Json]:
    return {
        "credential": auth.name,
        "type": auth.kind,
        "fields": list(auth.fields),
        "label": auth.label,
        "help_url": auth.help_url,
        "optional": auth.optional,
        "places": [f"{template.location}:{template.name}" for template in auth.templates],
    }


def _utility(skill: Skill, utility: Utility) -> dict[str, Json]:
    return {
        "description": utility.description,
        "params": dict(utility.params),
        "returns": dict(utility.returns or {}),
        "streams": utility.streams,
        "paginates": utility.rest.paginate is not None,
        "polls": utility.rest.poll is not None,
        "raw": utility.rest.response.raw,
        "void": utility.void,
        "credential": utility.credential,
        "method": utility.rest.method,
        "origin": declared_origin(utility.rest.url),
        "web_url": utility.web_url,
    }
