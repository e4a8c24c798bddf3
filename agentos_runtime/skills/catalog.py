"""What is known of the skills, as the HTTP contract and the command line show it. Never a secret."""

from collections.abc import Hashable, Mapping

from agentos_runtime.diagnostics import problem_json
from agentos_runtime.errors import NotFound
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.rules import Rule
from agentos_runtime.manifest.model import Auth, Skill, Utility
from agentos_runtime.manifest.origins import declared_origin
from agentos_runtime.manifest.requests.streamed import streamed
from agentos_runtime.security.authority import USE
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.files import SkillFile
from agentos_runtime.skills.visibility import VisibleSkills, did_you_mean


class Catalog:
    """Shows the skills that one caller sees, and asks the broker whether their credentials are there."""

    def __init__(self, skills: VisibleSkills, broker: CredentialBroker) -> None:
        self._skills = skills
        self._broker = broker

    @property
    def skills(self) -> VisibleSkills:
        """The skills themselves, as the caller sees them."""
        return self._skills

    @property
    def rule(self) -> Rule:
        """What the caller may call, and therefore sees."""
        return self._skills.rule

    @property
    def version(self) -> Hashable | None:
        """Differs when what is shown may differ; None while skills are being loaded."""
        registry = self._skills.registry
        return (
            None
            if self._skills.loading
            else (registry.generation, registry.entities.version, self._broker.stamps())
        )

    def unreadable(self) -> Mapping[str, str]:
        """Why a file of the operator's cannot be read, by the state in which it leaves skills."""
        return self._broker.unreadable()

    def entries(self, q: str | None = None) -> list[Json]:
        """Every skill whose name, description or utilities have all the words of `q`."""
        words = (q or "").lower().split()
        return [self._summary(entry) for entry in self._skills.entries if _matches(entry, words)]

    def detail(self, skill_id: str) -> dict[str, Json]:
        """The whole skill. Raises UnknownSkill, NotAllowed."""
        entry = self._skills.entry(skill_id)
        summary = self._summary(entry)
        skill = entry.skill
        if skill is None:
            return summary | {"utilities": {}}
        return (
            summary
            | _facts(skill)
            | {"authority": self._authority(skill)}
            | {"utilities": {u.name: self._described(skill, u) for u in skill.utilities.values()}}
        )

    def entry(self, skill_id: str) -> SkillEntry:
        """The skill as it stands, its problems and its file too. Raises UnknownSkill, NotAllowed."""
        return self._skills.entry(skill_id)

    def _authority(self, skill: Skill) -> list[Json]:
        """What the skill may do; calls of any path only for who may make such calls."""
        may_use = self._skills.rule.permits(skill.id, USE, None)
        shown = [permission.as_json() for permission in self._broker.permissions(skill)]
        return [each for each in shown if may_use or str(each["placement"]).partition(":")[0] != USE]

    def utility(self, skill_id: str, name: str) -> dict[str, Json]:
        """One utility. Raises like `VisibleSkills.utility`."""
        found = self._skills.utility(skill_id, name)
        return {"skill": skill_id, "name": name} | self._described(found.skill, found.utility)

    def entities(self) -> list[Json]:
        """What the skills' things are called and have, in short."""
        return [entity.summary() for _, entity in sorted(self._skills.registry.entities.known.of.items())]

    def entity(self, entity_id: str) -> dict[str, Json]:
        """One entity, with the properties that it inherits. Raises NotFound."""
        known = self._skills.registry.entities.known
        found = known.detail(entity_id)
        if found is None:
            raise NotFound(f"There is no entity {entity_id!r}{did_you_mean(entity_id, known.of)}")
        return found

    def _described(self, skill: Skill, utility: Utility) -> dict[str, Json]:
        """A utility; what gives entities with the types of their properties, where these are known."""
        described = _utility(skill, utility)
        described["asks_person"] = self._skills.rule.asks_person(skill.id, utility.name, utility.effect)
        schema = self._skills.registry.entities.known.schema(utility.entity) if utility.entity else None
        if schema is not None and utility.returns is not None:
            is_list = utility.returns.get("type") == "array"
            described["returns"] = {"type": "array", "items": schema} if is_list else schema
        return described

    def icon(self, skill_id: str) -> SkillFile | None:
        """The icon's file. Raises UnknownSkill, NotAllowed."""
        return self._skills.entry(skill_id).icon

    def health(self) -> dict[str, Json]:
        """How many skills serve, how many are broken, and, while there are any, how many are still being loaded."""
        states = [entry.state for entry in self._skills.entries]
        loading = len(self._skills.loading)
        still: dict[str, Json] = {"loading": loading} if loading else {}
        return {"loaded": states.count("ready"), "broken": states.count("broken"), **still}

    def loading(self) -> list[Json]:
        """The skills of which nothing is known yet; with a problem where the first try came to no end."""
        return [
            {"id": each.id, "name": each.name, "description": each.description}
            | ({"problems": [problem_json(problem) for problem in each.problems]} if each.problems else {})
            for each in self._skills.loading
        ]

    def _summary(self, entry: SkillEntry) -> dict[str, Json]:
        skill = entry.skill
        summary: dict[str, Json] = {
            "id": entry.id,
            "name": entry.name,
            "description": entry.description,
            "kind": skill.kind if skill else "callable",
            "icon": f"/api/skills/{entry.id}/icon" if skill and skill.icon else None,
            "state": self._broker.standing(skill).state if skill else "broken",
            "utilities": list(skill.utilities) if skill else [],
        }
        if entry.problems:
            summary["problems"] = [problem_json(problem) for problem in entry.problems]
        if entry.shadows:
            summary["shadows"] = [str(path) for path in entry.shadows]
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
        "unavailable": dict(skill.unavailable),
        "dialect": skill.dialect,
        "file": str(skill.file),
    }
    return facts | dict(skill.extras)


def _auth(auth: Auth) -> dict[str, Json]:
    return {
        "credential": auth.name,
        "type": auth.kind,
        "fields": list(auth.asked),
        "label": auth.label,
        "help_url": auth.help_url,
        "optional": auth.optional,
        "probe": auth.probe,
        "places": [f"{template.location}:{template.name}" for template in auth.templates],
    }


def _utility(skill: Skill, utility: Utility) -> dict[str, Json]:
    return {
        "description": utility.description,
        "kind": utility.kind,
        "alias": utility.alias,
        "entity": utility.entity,
        "executor": utility.local.executor if utility.local else "rest",
        "params": dict(utility.params),
        "returns": dict(utility.returns or {}),
        "strict_returns": utility.strict_returns,
        "streams": utility.streams,
        "paginates": utility.rest.paginate is not None,
        "polls": utility.rest.poll is not None,
        "raw": utility.rest.response.raw,
        "void": utility.void,
        "credential": utility.credential,
        "method": None if utility.local else utility.rest.method,
        "effect": utility.effect,
        "origin": declared_origin(utility.rest.url),
        "stream_origin": declared_origin(streamed(utility.rest).url) if utility.rest.stream else None,
        "web_url": utility.web_url or (utility.page.written if utility.page else None),
        "handles_urls": [*utility.handles_urls],
    }
