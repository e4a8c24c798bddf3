"""What each skill may do, who approved it, what changed since; approved and taken back."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentos_runtime.errors import ApprovalRequired, NotFound
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.runtime.operating.skills import loaded_skills, whole_skill
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.approvals import Approvals, Lock
from agentos_runtime.security.authority import Authority, Grant, authority_of, sort_grants
from agentos_runtime.security.credentials.lookup import Listed


def list_approvals(runtime: Runtime) -> dict[str, Json]:
    """`{"skills": [...], "rewrites": [...], "file"}`. Raises NotAllowed, PrivateFileError, KeyringError."""
    keys = runtime.home.own_keys()
    loaded, settings = loaded_skills(runtime.registry), runtime.home.settings
    listed: list[Json] = [*each_skill(loaded, keys.approvals, keys.credentials.list())]
    return {"skills": listed, "rewrites": [*sorted(settings.rewrite)], "file": str(settings.lock_file)}


def show_approval(runtime: Runtime, skill_id: str) -> dict[str, Json]:
    """One of them, with the `changes` since the last approval and the `authority` to approve it by.

    Raises UnknownSkill, SkillBroken, NotAllowed, PrivateFileError, KeyringError.
    """
    keys = runtime.home.own_keys()
    skill = whole_skill(runtime.registry, skill_id)
    before = keys.approvals.lock().approvals.get(skill.id)
    asked = authority_of(skill)
    changes = (before.authority if before else Authority()).diff(asked)
    (listed,) = each_skill({skill.id: skill}, keys.approvals, keys.credentials.list(), only=skill.id)
    return listed | {
        "name": skill.name,
        "file": str(skill.file),
        "authority": asked.digest,
        "approved_at": before.approved_at if before else None,
        "changes": [*changes],
    }


def approve(runtime: Runtime, skill_id: str, shown: str) -> dict[str, Json]:
    """Approve all that a skill may do, as it was shown: `shown` is the `authority` of `show_approval`.

    Raises ApprovalRequired when it asks for something else by now, and what `show_approval` raises.
    """
    approvals = runtime.home.own_keys().approvals
    skill = whole_skill(runtime.registry, skill_id)
    if authority_of(skill).digest != shown:
        raise ApprovalRequired(
            f"What {skill.id} asks for changed since it was shown. Look again, then approve it.",
            details={"skill": skill.id},
        )
    approvals.approve(skill)
    return show_approval(runtime, skill_id)


def revoke(runtime: Runtime, skill_id: str) -> dict[str, Json]:
    """Take back all that a skill was approved for: `{skill, refused_at, keys_without_a_place}`.

    Raises NotFound for a skill of which nothing is known, NotAllowed, PrivateFileError, KeyringError.
    """
    keys = runtime.home.own_keys()
    known = {
        str(each["skill"])
        for each in each_skill(loaded_skills(runtime.registry), keys.approvals, keys.credentials.list())
    }
    if skill_id not in known:
        raise NotFound(f"Nothing is known of a skill {skill_id!r}.", details={"skill": skill_id})
    refused_at = keys.approvals.refuse(skill_id)
    ended = keys.credentials.end_grants(skill_id)
    return {"skill": skill_id, "refused_at": refused_at, "keys_without_a_place": [*ended]}


def each_skill(
    loaded: Mapping[str, Skill], approvals: Approvals, stored: Sequence[Listed], only: str | None = None
) -> list[dict[str, Any]]:
    """Per skill what it may do, who approved it, since when, and what was taken back; also of skills that are gone.

    Raises PrivateFileError.
    """
    lock = approvals.lock()
    ids = {*loaded, *lock.approvals, *lock.refusals, *(each.skill for each in stored if each.grants)}
    chosen = sorted(ids) if only is None else [only]
    return [_listed(skill_id, loaded.get(skill_id), approvals, lock, stored) for skill_id in chosen]


def _listed(
    skill_id: str, skill: Skill | None, approvals: Approvals, lock: Lock, stored: Sequence[Listed]
) -> dict[str, Any]:
    own = [each for each in stored if each.skill == skill_id]
    approval = lock.approvals.get(skill_id)
    set_at = {grant: each.set_at for each in own for grant in each.grants}
    asks_for = authority_of(skill).grants if skill else approval.authority.grants if approval else set_at.keys()
    asked, grants = sort_grants(asks_for), []
    for grant in asked:
        by = _approved_by(skill_id, skill, approvals, grant, frozenset(set_at), lock)
        approved_at = approval.approved_at if approval and by == "agentos.lock" else None
        since = set_at.get(grant) if by == "keys set" else approved_at
        grants.append(grant.as_json() | {"approved_by": by, "since": since})
    refused_at = lock.refusals.get(skill_id)
    asks = any(each["approved_by"] is None and not grant.opens for each, grant in zip(grants, asked, strict=True))
    state = "refused" if refused_at else "asks" if asks else "approved"
    return {
        "skill": skill_id,
        "state": state,
        "refused_at": refused_at,
        "loaded": skill is not None,
        "grants": grants,
    }


def _approved_by(
    skill_id: str, skill: Skill | None, approvals: Approvals, grant: Grant, stored: frozenset[Grant], lock: Lock
) -> str | None:
    """Also for a skill that is not there any more, whose approvals still stand in the file."""
    if skill is not None:
        return approvals.covers(skill, grant, stored)
    if skill_id in lock.refusals:
        return None
    return "keys set" if grant in stored else "agentos.lock"
