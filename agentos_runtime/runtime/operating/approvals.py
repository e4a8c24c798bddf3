"""What each skill may do, who approved it, what changed since; approved and taken back."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from agentos_runtime.errors import ApprovalRequired
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill
from agentos_runtime.runtime.operating.skills import loaded_skills, whole_skill
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.approvals import Approval, Approvals, Lock
from agentos_runtime.security.authority import Authority, Grant, authority_of, sort_grants
from agentos_runtime.security.credentials.lookup import Listed
from agentos_runtime.security.pins import Pin, code_of, local_callables, text_pins
from agentos_runtime.security.pins import changes as pin_changes
from agentos_runtime.skills.visibility import VisibleSkills


def list_approvals(runtime: Runtime) -> dict[str, Json]:
    """`{"skills": [...], "rewrites": [...], "file"}`. Raises NotAllowed, PrivateFileError, KeyringError."""
    keys = runtime.home.own_keys()
    loaded, settings = loaded_skills(runtime.registry), runtime.home.settings
    listed: list[Json] = [*each_skill(loaded, keys.approvals, keys.credentials.list())]
    return {"skills": listed, "rewrites": [*sorted(settings.rewrite)], "file": str(settings.lock_file)}


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a skill asks for, as it is now: what a person is shown, and says yes to."""

    skill: Skill
    authority: Authority
    pins: frozenset[Pin]
    """What it would run on this machine."""
    missing: tuple[str, ...]
    """Sentences about what is not there, and can only be asked for when it is."""

    @property
    def digest(self) -> str:
        """sha256, hex: differs when anything of it does."""
        if not self.pins:
            return self.authority.digest
        return sha256(dump([self.authority.digest, *(pin.as_json() for pin in sorted(self.pins))])).hexdigest()

    def changes_since(self, before: Approval | None) -> tuple[str, ...]:
        """What differs from an approval, a line each."""
        grants = (before.authority if before else Authority()).diff(self.authority)
        return (*grants, *pin_changes(before.pins if before else (), self.pins))

    def programs(self) -> dict[str, Json]:
        """What it would run: `{runs: [{kind, name, value}], code: {callable: text}, not_there: [sentence]}`."""
        local = {each.name: each.local for each in local_callables(self.skill)}
        code: dict[str, Json] = {name: code_of(each) for name, each in local.items() if each}
        runs: list[Json] = [pin.as_json() for pin in sorted(self.pins)]
        return {"runs": runs, "code": code, "not_there": [*self.missing]}


def asked_by(runtime: Runtime, skill_id: str) -> Asked:
    """Raises UnknownSkill, SkillBroken, NotAllowed, and ApprovalRequired for what cannot be pinned."""
    skill = whole_skill(runtime.registry, skill_id)
    entry = VisibleSkills(runtime.registry).entry(skill_id)
    pins, missing = runtime.home.own_keys().pinning.of_skill(skill, entry.folder, entry.settings)
    return Asked(skill, authority_of(skill), pins, missing)


def show_approval(runtime: Runtime, skill_id: str) -> dict[str, Json]:
    """One of them, with the `changes` since the last approval, what it `runs` on this machine, and `authority`: the
    digest of all of that, to approve it by.

    Raises PrivateFileError, KeyringError and what `asked_by` raises.
    """
    keys = runtime.home.own_keys()
    asked = asked_by(runtime, skill_id)
    skill = asked.skill
    before = keys.approvals.lock().approvals.get(skill.id)
    (listed,) = each_skill({skill.id: skill}, keys.approvals, keys.credentials.list(), only=skill.id)
    if listed["state"] == "approved" and not asked.pins <= keys.approvals.runs(skill.id):
        listed["state"] = "asks"
    return (
        listed
        | asked.programs()
        | {
            "name": skill.name,
            "file": str(skill.file),
            "authority": asked.digest,
            "approved_at": before.approved_at if before else None,
            "changes": [*asked.changes_since(before)],
        }
    )


def approve(runtime: Runtime, skill_id: str, shown: str) -> dict[str, Json]:
    """Approve all that a skill may do, as it was shown: `shown` is the `authority` of `show_approval`.

    Raises ApprovalRequired when it asks for something else by now, and what `show_approval` raises.
    """
    asked = asked_by(runtime, skill_id)
    if asked.digest != shown:
        raise ApprovalRequired(
            f"What {asked.skill.id} asks for changed since it was shown. Look again, then approve it.",
            details={"skill": asked.skill.id},
        )
    approve_asked(runtime, asked)
    return show_approval(runtime, skill_id)


def approve_asked(runtime: Runtime, asked: Asked) -> None:
    """Approve what was shown to a person. Raises NotAllowed, PrivateFileError."""
    runtime.home.own_keys().approvals.approve(asked.skill, asked.pins)


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
    if skill is not None and not text_pins(skill) <= approvals.runs(skill_id):
        asks = True
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
