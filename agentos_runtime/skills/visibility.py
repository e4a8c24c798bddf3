"""The skills as one caller sees them: what it may not call stands in no list, no description and no error."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from agentos_runtime.diagnostics import Problem, problem_json
from agentos_runtime.errors import Gone, NotCallable, NotSupported, SkillBroken, UnknownSkill, UnknownUtility
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.rules import FREE, Rule, not_allowed
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.skills.entries import SkillEntry, broken_error
from agentos_runtime.skills.loading import Loading, early
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.salvage import broken_utilities

Named = TypeVar("Named")


class CallableUtility(NamedTuple):
    """A utility that can be called, and the whole skill it belongs to."""

    skill: Skill
    utility: Utility
    settings: Mapping[str, Json]
    """The skill's settings, the operator's values over the declared defaults."""


@dataclass(frozen=True, slots=True)
class VisibleSkills:
    """The skills of a registry, cut to what a rule permits; whoever looks one up by its name does it here.

    A name that does not exist is 404, with the nearest names that the caller may see. One that exists and may not
    be called is 403, described as well as called: told "unknown", a caller would look for a mistake of its own.
    """

    registry: Registry
    rule: Rule = FREE
    agent: str = ""
    """Whom the rule is for."""

    @property
    def entries(self) -> tuple[SkillEntry, ...]:
        """Every visible skill with its visible utilities, the losers of an id included, sorted by id."""
        return tuple(self._cut(entry) for entry in self.registry.entries if self._shows(entry))

    @property
    def loading(self) -> tuple[Loading, ...]:
        """The visible skills of which nothing is known yet."""
        return tuple(each for each in self.registry.loading if self.rule.reaches(each.id))

    def entry(self, skill_id: str) -> SkillEntry:
        """The entry that owns the id, with its visible utilities. Raises UnknownSkill, NotAllowed, Overloaded."""
        entry = self.registry.find(skill_id)
        if entry is None and self.rule.reaches(skill_id) and (too_early := early(skill_id, self.loading)):
            raise too_early
        if entry is None:
            visible = {each.id for each in self.registry.entries if self._shows(each)}
            raise UnknownSkill(
                f"There is no skill {skill_id!r}{did_you_mean(skill_id, visible)}", details={"skill": skill_id}
            )
        if not self._shows(entry):
            raise not_allowed(self.agent, skill_id)
        return self._cut(entry)

    def utility(self, skill_id: str, utility: str) -> CallableUtility:
        """What is to be called.

        Raises UnknownSkill, SkillBroken, Gone, NotSupported, NotCallable, UnknownUtility, NotAllowed.
        """
        owner = self.registry.find(skill_id)
        if owner is not None and owner.skill is not None:
            found = owner.skill.utilities.get(utility)
            if found is None:
                utility = callable_name(owner.skill, utility)
                found = owner.skill.utilities.get(utility)
            if found is not None:
                if not (self.rule.permits_all or self.rule.permits(skill_id, utility, found.effect)):
                    raise not_allowed(self.agent, skill_id, utility)
                return CallableUtility(owner.skill, found, owner.settings)
        entry = self.entry(skill_id)
        if entry.skill is None:
            raise broken_error(entry)
        if instead := entry.skill.gone.get(utility):
            raise Gone(f"{skill_id}/{utility} is gone: {instead}", details={"skill": skill_id, "utility": utility})
        if reason := entry.skill.unavailable.get(utility):
            said = reason if reason.startswith(("`", "there ")) else f"it {reason}"
            raise NotSupported(
                f"{skill_id}/{utility} cannot be called: {said}",
                details={"skill": skill_id, "utility": utility},
            )
        if mistake := (broken_utilities(entry.problems) or {}).get(utility.replace(".", "_")):
            raise SkillBroken(
                f"{skill_id}/{utility} cannot be called until its manifest is fixed: {mistake}",
                details={"skill": skill_id, "utility": utility, "problems": [problem_json(mistake)]},
            )
        if not entry.skill.utilities and not entry.skill.unavailable:
            raise NotCallable(
                f"{skill_id} has instructions only, nothing to call; read them at GET /api/skills/{skill_id}",
                details={"skill": skill_id},
            )
        raise UnknownUtility(
            f"{skill_id} has no utility {utility!r}{did_you_mean(utility, entry.skill.utilities)}",
            details={"skill": skill_id, "utility": utility},
        )

    def _shows(self, entry: SkillEntry) -> bool:
        if entry.skill is None or not entry.skill.utilities:
            return self.rule.reaches(entry.id)
        return any(self.rule.permits(entry.id, each.name, each.effect) for each in entry.skill.utilities.values())

    def _cut(self, entry: SkillEntry) -> SkillEntry:
        if self.rule.permits_all:
            return entry
        skill = entry.skill
        if skill is not None:
            gone = self._permitted(entry.id, skill.gone)
            utilities = {
                name: each
                for name, each in skill.utilities.items()
                if self.rule.permits(entry.id, name, each.effect)
            }
            unavailable = self._permitted(entry.id, skill.unavailable)
            skill = replace(skill, utilities=utilities, gone=gone, unavailable=unavailable)
        problems = tuple(problem for problem in entry.problems if self._concerns(entry, problem))
        return replace(entry, skill=skill, problems=problems)

    def _permitted(self, skill_id: str, named: Mapping[str, Named]) -> Mapping[str, Named]:
        return {name: each for name, each in named.items() if self.rule.permits(skill_id, name, None)}

    def _concerns(self, entry: SkillEntry, problem: Problem) -> bool:
        """Whether a problem of the file is nowhere, or in a utility that is visible."""
        first, _, below = problem.place.key.partition(".")
        name = below.partition(".")[0]
        utility = entry.skill.utilities.get(name) if entry.skill is not None else None
        effect = utility.effect if utility is not None else None
        return first != "utilities" or not below or self.rule.permits(entry.id, name, effect)


_NEAR = 0.65


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean a, b?` for an error text, or nothing."""
    name, plain = name.lower(), {each.lower(): each for each in known}
    found = difflib.get_close_matches(name, plain, n=3, cutoff=0.5)
    close = [plain[one] for one in found if one in name or name in one or _alike(one, name) >= _NEAR]
    return f"; did you mean {', '.join(close)}?" if close else ""


def callable_name(skill: Skill, name: str) -> str:
    """For an alias, the name as written in the file."""
    if name in skill.utilities or name in skill.unavailable:
        return name
    named = {each.alias: each.name for each in skill.utilities.values()}
    return named.get(name, name)
