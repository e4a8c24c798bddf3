"""All that a skill was approved for, taken back: the one rule for every surface."""

from collections.abc import Callable, Iterable

from agentos_runtime.errors import NotFound, UnknownSkill
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.authority import Grant, authority_of
from agentos_runtime.security.bundled import read_bundled
from agentos_runtime.security.credentials.lookup import Credentials, Listed
from agentos_runtime.storage.private_files import PrivateFileError

Found = Callable[[str], Skill | None]
"""The skill of an id, None where its file is broken. Raises NotFound, UnknownSkill where there is none."""


def revoke(runtime: Runtime, skill_id: str) -> dict[str, Json]:
    """As `take_back`. Raises NotFound for a skill of which nothing is known, NotAllowed, PrivateFileError."""
    keys = runtime.home.own_keys()

    def found(wanted: str) -> Skill | None:
        entries = {entry.id: entry.skill for entry in runtime.registry.entries}
        if wanted not in entries:
            raise NotFound(f"Nothing is known of a skill {wanted!r}.", details={"skill": wanted})
        return entries[wanted]

    return take_back(
        skill_id, keys.approvals, keys.credentials, found, rewritten=bool(runtime.home.settings.rewrite)
    )


def take_back(
    skill_id: str, approvals: Approvals, credentials: Credentials, found: Found, *, rewritten: bool
) -> dict[str, Json]:
    """No call of it goes out any more: `{skill, refused_at, keys_without_a_place, rewritten}`.

    rewritten: whether the operator sends calls elsewhere, which approves them and stays: these origins are told.
    A skill that was approved, refused or given a key is known without its file. Raises what `found` does,
    PrivateFileError, KeyringError.
    """
    lock = approvals.lock()
    stored = _stored(credentials, skill_id)
    known = {*lock.approvals, *lock.refusals, *read_bundled(), *(each.skill for each in stored)}
    approval = lock.approvals.get(skill_id)
    grants = set(approval.authority.grants) if approval else set()
    grants = grants.union(*(each.grants for each in stored))
    if skill_id not in known or rewritten:
        grants |= _of_file(skill_id, found, must_be=skill_id not in known)
    refused_at = approvals.refuse(skill_id)
    ended = credentials.end_grants(skill_id)
    return {
        "skill": skill_id,
        "refused_at": refused_at,
        "keys_without_a_place": [*ended],
        "rewritten": [*sorted(origin for origin in _origins(grants) if approvals.is_rewritten(origin))],
    }


def _of_file(skill_id: str, found: Found, *, must_be: bool) -> frozenset[Grant]:
    try:
        skill = found(skill_id)
    except (NotFound, UnknownSkill):
        if must_be:
            raise
        return frozenset()
    return authority_of(skill).grants if skill is not None else frozenset()


def _stored(credentials: Credentials, skill_id: str) -> list[Listed]:
    """The skill's stored credentials; none where they cannot be read: that keeps no refusal from being kept."""
    try:
        return [each for each in credentials.list() if each.skill == skill_id]
    except PrivateFileError:
        return []


def _origins(grants: Iterable[Grant]) -> set[str]:
    return {grant.origin for grant in grants if grant.origin is not None}
