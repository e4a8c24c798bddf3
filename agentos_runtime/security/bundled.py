"""What ships with the runtime: the text of each bundled skill, by its digest, and what it may do.

It stands in a file of the package, and not in the skills beside it: in a clone these can be changed, and what is
changed is a stranger's. `scripts/bundled.py` writes the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.manifest.mentions import has_the_word
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.places import expressions_at
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.security.authority import NETWORK, Authority, Grant, authority_of

BUNDLED = Path(__file__).resolve().parent / "bundled.json"


@dataclass(frozen=True, slots=True)
class BundledSkill:
    """A skill as it ships. `digest` and `files` are those of its Skill."""

    digest: str
    files: tuple[str, ...]
    authority: Authority
    credentials: Mapping[str, frozenset[str]]
    """The names of each credential's fields."""

    @classmethod
    def of(cls, skill: Skill) -> Self:
        fields = {name: frozenset(auth.fields) for name, auth in skill.auth.items()}
        return cls(skill.digest, skill.files, authority_of(skill), fields)

    def is_text_of(self, skill: Skill) -> bool:
        """Whether the skill was loaded from the very text that ships."""
        return skill.digest == self.digest

    def lends(self, skill: Skill) -> frozenset[Grant]:
        """The grants that a skill of this id has without being approved.

        The text that ships has all. Another text has those it asks for when the whole of what it asks for is part
        of that: the same credentials with no other fields, no address of this machine or its network, no host to be
        named, and no expression that could mean the credential. Else it is a stranger's, and has none. That agents
        may call addresses of their own choice is lent to the text that ships only.
        """
        if self.is_text_of(skill):
            return self.authority.grants
        asked = authority_of(skill)
        grants = frozenset(grant for grant in asked.grants if not grant.opens)
        lent = {grant for grant in self.authority.grants if grant.placement != NETWORK}
        within = grants <= lent and asked.executors <= self.authority.executors and not asked.domains
        known = all(set(auth.fields) <= self.credentials.get(name, set()) for name, auth in skill.auth.items())
        return grants if within and known and not _may_mean_auth(skill) else frozenset()

    def as_json(self) -> dict[str, Json]:
        credentials: dict[str, Json] = {name: [*sorted(fields)] for name, fields in self.credentials.items()}
        return {
            "digest": self.digest,
            "files": [*self.files],
            "authority": self.authority.as_json(),
            "credentials": credentials,
        }

    @classmethod
    def from_json(cls, entry: Any) -> Self:
        credentials = {name: frozenset(fields) for name, fields in entry["credentials"].items()}
        return cls(entry["digest"], tuple(entry["files"]), Authority.from_json(entry["authority"]), credentials)


def read_bundled(file: Path = BUNDLED) -> Mapping[str, BundledSkill]:
    """The bundled skills by their ids."""
    shipped = parse(file.read_bytes())
    assert isinstance(shipped, dict)
    return {skill_id: BundledSkill.from_json(entry) for skill_id, entry in shipped.items()}


def _may_mean_auth(skill: Skill) -> bool:
    """Whether `auth` stands in a request's expression or in a definition."""
    callables = (*skill.utilities.values(), *skill.inner.values())
    requests = (rest for utility in callables for rest in requests_of(utility.rest))
    written = (one.source for rest in requests for _, one in expressions_at(rest))
    return has_the_word(skill.definitions) or any(map(has_the_word, written))
