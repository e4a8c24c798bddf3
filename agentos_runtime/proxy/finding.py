"""Whose address it is: the skill, the utilities that it is, and the key that goes along."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TypeAlias

from agentos_runtime.errors import (
    AmbiguousSkill,
    ApprovalRequired,
    InvalidParams,
    NotAllowed,
    NotSupported,
    ParamProblem,
    UnknownOrigin,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.rules import not_allowed
from agentos_runtime.manifest.model import Effect, Skill
from agentos_runtime.manifest.origins import host_of, is_private
from agentos_runtime.manifest.requests.handled import reads
from agentos_runtime.proxy.headers import Passing
from agentos_runtime.proxy.matching import Address, Addresses
from agentos_runtime.proxy.targets import Target
from agentos_runtime.security.authority import EVERY_METHOD, goes_beside, use_credential, use_origins, use_placement
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import VisibleSkills, did_you_mean

EFFECTS: tuple[Effect, ...] = ("read", "write", "destroy")
MOST_FOUND = 1024
"""Origins whose skill is remembered."""
UTILITY = "use"
"""What limits and the ledger call such a call of a skill."""


@dataclass(frozen=True, slots=True)
class Known:
    """A skill whose addresses may be called."""

    skill: Skill
    settings: Mapping[str, Json]
    origins: frozenset[str]
    addresses: Addresses
    passing: Passing


Named: TypeAlias = tuple[Known, str]
"""A skill, and the origin by which it was found."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a call of an address is."""

    known: Known
    credential: str | None
    """None = the call carries none."""
    asks: tuple[str, str, str]
    """Origin, method and placement of the grant that it needs."""


@dataclass(slots=True)
class Origins:
    """The skills by their origins, as they are now."""

    registry: Registry
    _generation: int = -1
    _hosts: Mapping[str, list[Named]] = field(default_factory=dict)
    _patterns: list[Named] = field(default_factory=list)
    _found: dict[str, Named] = field(default_factory=dict)
    """By the origins that were asked for, where nobody named a skill."""

    async def find(self, target: Target, skills: VisibleSkills, named: str | None) -> Named:
        """The skill of a target, and which of its origins that is.

        Raises UnknownOrigin, AmbiguousSkill; UnknownSkill and NotAllowed for a name that was given.
        """
        known = self._found.get(target.origin) if self._generation == self.registry.generation else None
        if known is not None and named is None:
            return known
        found = self._at(target)
        if not found:
            for each in self.registry.loading:
                await self.registry.ready(each.id)
            found = self._at(target)
        if named is not None:
            await self.registry.ready(named)
            skills.entry(named)
            found = _meant(named, found)
        if not found:
            raise self._unknown(target, skills, named)
        best = max(map(_rank, found))
        first, *others = [each for each in found if _rank(each) == best]
        if others:
            raise _ambiguous(target, [first[0], *(each[0] for each in others)])
        if named is None:
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            self._found[target.origin] = first
        return first

    def _at(self, target: Target) -> list[Named]:
        if self._generation != self.registry.generation:
            self._generation = self.registry.generation
            self._read()
        patterns = [each for each in self._patterns if _stands_for(each[1], target.origin)]
        return [*self._hosts.get(target.origin, ()), *patterns]

    def _read(self) -> None:
        hosts: dict[str, list[Named]] = {}
        self._patterns, self._found = [], {}
        for entry in self.registry.entries:
            if entry.skill is None or self.registry.find(entry.id) is not entry:
                continue
            skill = entry.skill
            known = Known(skill, entry.settings, use_origins(skill), Addresses(skill), Passing.of(skill))
            for origin in known.origins:
                (self._patterns if "*" in origin else hosts.setdefault(origin, [])).append((known, origin))
        self._hosts = hosts

    def _unknown(self, target: Target, skills: VisibleSkills, named: str | None) -> UnknownOrigin:
        visible = {entry.id for entry in skills.entries}
        listed = [*self._patterns, *(each for found in self._hosts.values() for each in found)]
        hosts = {host_of(origin) for known, origin in listed if known.skill.id in visible}
        readers = [*_readers(target, skills)]
        if readers:
            return UnknownOrigin(
                f"No skill calls {target.origin} as it stands; {' and '.join(readers)} reads this address: "
                f"agentos show {readers[0].partition('/')[0]}",
                details={"origin": target.origin, "read_by": [*readers]},
            )
        whose = f"The skill {named} does not name" if named is not None else "No skill names"
        return UnknownOrigin(
            f"{whose} {target.origin}{did_you_mean(target.host, hosts)}, so there is no key for it and it is not "
            f"called. Write a skill for it: agentos new my-skill --url {target.origin}/",
            details={"origin": target.origin},
        )


def _readers(target: Target, skills: VisibleSkills) -> Iterator[str]:
    """The callables that say of themselves that they read the address, of those that the caller may call."""
    address = target.url(frozenset())
    for entry in skills.entries:
        for name, utility in entry.skill.utilities.items() if entry.skill else ():
            read = any(reads(pattern, address) for pattern in utility.handles_urls)
            if read and skills.rule.permits(entry.id, name, utility.effect):
                yield f"{entry.id}/{name}"


def _meant(named: str, found: list[Named]) -> list[Named]:
    """The skill that was named; for a document the skills that serve its host, if there are any."""
    own = [each for each in found if each[0].skill.id == named]
    if own and own[0][0].skill.kind == "instructions":
        return [each for each in found if each[0].skill.kind == "callable"] or own
    return own


def settle(known: Known, method: str, target: Target, skills: VisibleSkills) -> Sequence[Address]:
    """The utilities that the call is, once it is known that this agent may make it. Raises NotAllowed."""
    skill, rule = known.skill, skills.rule
    ways = [known.addresses.at(each, target) for each in (method, *target.overrides)]
    found = [address for way in ways for address in way]
    effects: set[Effect | None] = {address.utility.effect for address in found}
    if not all(ways):
        effects.add(None)
    if not all(rule.permits(skill.id, UTILITY, effect) for effect in effects):
        raise not_allowed(skills.agent, skill.id, UTILITY)
    for address in found:
        if not rule.permits(skill.id, address.utility.name, address.utility.effect):
            raise not_allowed(skills.agent, skill.id, address.utility.name)
    return found


def asking(
    known: Known, target: Target, addresses: Sequence[Address], skills: VisibleSkills
) -> tuple[str, Effect] | None:
    """By which name a person has to be asked about the call, and what it does; None when nobody has to be."""
    rule = skills.rule
    if not rule.ask_person:
        return None
    named = [(address.utility.name, address.utility.effect) for address in addresses]
    effects = EFFECTS if target.overrides or not named else tuple(effect for _, effect in named)
    for name, effect in (*named, *((UTILITY, effect) for effect in reversed(effects))):
        if rule.asks_person(known.skill.id, name, effect):
            return name, effect
    return None


def carried(
    known: Known, pattern: str, method: str, target: Target, addresses: Sequence[Address], named: str | None
) -> Found:
    """The credential that goes along, and the grant that lets it.

    Raises NotAllowed for what the author does not open, ApprovalRequired for a credential that is never carried so,
    InvalidParams, NotSupported.
    """
    skill = known.skill
    asks = (pattern, *_opened(skill, method, target))
    usual = use_credential(skill)
    if named is not None and named not in skill.auth:
        fix = f"must be one of {', '.join(skill.auth) or 'none: it has no key'}"
        raise InvalidParams(f"{skill.id} has no credential {named!r}.", problems=[ParamProblem("credential", fix)])
    credential = named or (addresses[0].utility.credential if addresses else usual)
    if credential is None:
        return Found(known, None, asks)
    if credential != usual:
        instead = f" Call {skill.id}/{addresses[0].utility.name} instead." if addresses else ""
        raise ApprovalRequired(
            f'The credential "{credential}" of {skill.id} goes along with utilities only, never with an address '
            f"that an agent chose: nobody can approve that.{instead}",
            details={"skill": skill.id, "credential": credential},
        )
    if not goes_beside(skill.auth[credential]):
        raise NotSupported(
            f"The key of {skill.id} does not go into a header or the query, and bodies are passed on as they are: "
            "call its utilities.",
            details={"skill": skill.id},
        )
    return Found(known, credential, asks)


def _opened(skill: Skill, method: str, target: Target) -> tuple[str, str]:
    """Method and placement of the grant that opens the address. Raises NotAllowed."""
    use = skill.use
    asked = "GET" if method == "HEAD" and use.methods and "HEAD" not in use.methods else method
    paths = [path for path in use.paths or ("",) if not path or fnmatchcase(target.path, path)]
    unopened = {asked, *target.overrides} - {*use.methods} if use.methods else ()
    if not use.allowed or unopened or not paths:
        opens = " ".join([*sorted(use.methods or ()), *(use.paths or ())]) if use.allowed else "nothing"
        raise NotAllowed(
            f"The skill {skill.id} does not open this address to agents (its `use` says: {opens}). "
            "Call one of its utilities.",
            details={"skill": skill.id},
        )
    return asked if use.methods else EVERY_METHOD, use_placement(paths[0])


def _stands_for(origin: str, asked: str) -> bool:
    scheme, _, suffix = origin.partition("*")
    return (
        asked.startswith(scheme)
        and asked.endswith(suffix)
        and len(asked) > len(origin) - 1
        and not is_private(asked)
    )


def _rank(found: Named) -> tuple[bool, int, bool]:
    """A host before a pattern, a long pattern before a short one, a skill that can be called before a document."""
    known, origin = found
    return "*" not in origin, len(origin), known.skill.kind == "callable"


def _ambiguous(target: Target, found: Iterable[Known]) -> AmbiguousSkill:
    ids = sorted(known.skill.id for known in found)
    return AmbiguousSkill(
        f"{target.origin} belongs to {' and '.join(ids)}. Say which is meant: --skill {ids[0]}, or the header "
        f"X-Agentos-Skill: {ids[0]}",
        details={"skills": [*ids]},
    )
