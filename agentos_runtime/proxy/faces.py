"""`/v1/…`: one base URL for all skills that speak a wire; the model's name begins with the skill's id."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Protocol

from agentos_runtime.calls.call import Call, Reply
from agentos_runtime.errors import AgentOSError, ModelNotFound, UnknownSkill
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.proxy.settings import FaceSettings
from agentos_runtime.proxy.splicing import named_model
from agentos_runtime.proxy.targets import MOST_KNOWN, Target, parse_url
from agentos_runtime.runtime.service import Parts
from agentos_runtime.skills.visibility import VisibleSkills

MODELS = "models"
KEPT = 600.0
"""Seconds for which a skill's list of models is kept."""
MOST_NAMED = 8
_PATHS: Mapping[str, tuple[str, str]] = {
    "chat/completions": ("openai_chat", ""),
    "responses": ("openai_responses", ""),
    "embeddings": ("openai_embeddings", ""),
    "messages": ("anthropic_messages", ""),
    "messages/count_tokens": ("anthropic_messages", "/count_tokens"),
}
"""Of each path after `/v1/`: the wire, and what stands behind its own path."""


class Runtime(Protocol):
    """The service layer, as far as wires use it."""

    @property
    def parts(self) -> Parts: ...

    async def invoke(self, call: Call) -> Reply: ...

    async def ready(self, skill: str) -> None: ...

    def visible(self, agent: str) -> VisibleSkills: ...

    def is_bound(self, agent: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a request goes, and its body with the name that the service has for the model."""

    skill: str
    target: Target
    body: bytes


@dataclass(slots=True)
class Faces:
    """Finds the skill of a model, and the models of all skills."""

    runtime: Runtime
    settings: FaceSettings
    _listed: dict[str, tuple[Skill, float, list[dict[str, Json]]]] = field(default_factory=dict)
    _targets: dict[str, Target] = field(default_factory=dict)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether this is the path of a wire."""
        return path in _PATHS

    async def route(self, path: str, query: str, body: bytes, agent: str) -> Routed:
        """For one of the paths of wires. Raises ModelNotFound, NotAllowed, InvalidJson, InvalidParams."""
        wire, suffix = _PATHS[path]
        model = named_model(body)
        skill, name = await self._skill(model.name, agent)
        own = skill.wires.get(wire)
        if own is None:
            others = [each.id for each in self._skills(agent) if wire in each.wires]
            instead = f"; {_listed(others)} {'does' if len(others) == 1 else 'do'}" if others else ""
            raise ModelNotFound(f"{skill.id} does not speak {wire}{instead}.", details={"model": model.name})
        target = self._target(f"{(skill.base_url or '').rstrip('/')}{own}{suffix}")
        return Routed(skill.id, Target(target.origin, target.path, query), model.renamed(name))

    def _target(self, url: str) -> Target:
        """Of a wire: there are as many as skills say."""
        known = self._targets.get(url)
        if known is None:
            if len(self._targets) >= MOST_KNOWN:
                self._targets.clear()
            known = self._targets[url] = parse_url(url)
        return known

    async def models(self, agent: str, request_id: str, wanted: str = "") -> list[dict[str, Json]]:
        """Of all skills that the agent may ask: `id`, `created` (epoch seconds or nothing), `name`, `skill`.

        A skill that does not answer has none. Raises what it said when nobody else has any. wanted: a model, whose
        skill alone is asked.
        """
        found: list[dict[str, Json]] = []
        failure: AgentOSError | None = None
        for skill in self._skills(agent):
            if MODELS not in skill.wires or (wanted and not wanted.startswith(f"{skill.id}/")):
                continue
            try:
                found += await self._models_of(skill, agent, request_id)
            except AgentOSError as error:
                failure = failure or error
        if failure is not None and not found:
            raise failure
        return found

    async def _models_of(self, skill: Skill, agent: str, request_id: str) -> list[dict[str, Json]]:
        utility = skill.wires[MODELS]
        self.runtime.visible(agent).utility(skill.id, utility)
        clock = self.runtime.parts.services.clocks.monotonic
        kept = self._listed.get(skill.id)
        if kept is None or kept[0] is not skill or kept[1] <= clock():
            reply = await self.runtime.invoke(Call(skill.id, utility, {}, agent, request_id, surface="face"))
            kept = self._listed[skill.id] = skill, clock() + KEPT, [*_rows(skill.id, reply.value)]
        return kept[2]

    async def _skill(self, model: str, agent: str) -> tuple[Skill, str]:
        """The skill of a model, and the model's own name there. Raises ModelNotFound, NotAllowed."""
        prefix, slash, name = model.partition("/")
        await self.runtime.ready(prefix)
        found = self.runtime.parts.registry.find(prefix) if slash and name else None
        if found is None and self.settings.default is not None:
            prefix, name = self.settings.default, model
        try:
            if found is None and self.settings.default is None:
                raise UnknownSkill(prefix)
            skill = self.runtime.visible(agent).entry(prefix).skill
        except UnknownSkill:
            skill = None
        if skill is None:
            speaking = _listed(each.id for each in self._skills(agent) if each.wires)
            raise ModelNotFound(
                f"The model must begin with the id of a skill: <skill>/{model}. Skills that speak a wire: "
                f"{speaking or 'none'}.",
                details={"model": model},
            )
        return skill, name

    def _skills(self, agent: str) -> list[Skill]:
        return [entry.skill for entry in self.runtime.visible(agent).entries if entry.skill and entry.skill.wires]


_NAMES = ("id", "model", "name", "display_name")


def _rows(skill: str, value: Any) -> Iterable[dict[str, Json]]:
    """What a utility that lists models gave, whatever the service calls its fields."""
    for row in value if isinstance(value, list) else ():
        texts = {key: said for key in _NAMES if isinstance(row, dict) and isinstance(said := row.get(key), str)}
        if name := texts.get("id", texts.get("model", texts.get("name"))):
            created, shown = (
                row.get("created", row.get("created_at")),
                texts.get("display_name") or texts.get("name"),
            )
            known = isinstance(created, str) or (type(created) is int and created >= 0)
            said = created if known else None
            yield {"id": f"{skill}/{name}", "skill": skill, "created": said, "name": shown or name}


def _listed(ids: Iterable[str]) -> str:
    names = sorted(ids)
    return ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
