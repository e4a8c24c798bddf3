"""Who said that a skill may do what it asks for: the bundled file, the operator's rewrite, or `agentos.lock`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agentos_runtime.authority import Authority, Grant, authority_of
from agentos_runtime.jsontext import Json, parse
from agentos_runtime.manifest.model import Skill
from agentos_runtime.origins import origin_of
from agentos_runtime.private_files import PrivateFile, PrivateFileError, Stamp

LOCK_VERSION = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """What the operator approved for one skill."""

    authority: Authority
    digest: str
    """sha256 of the skill's file when it was approved; for people, it decides nothing."""
    approved_at: str


class Approvals:
    """What is approved now; `agentos.lock` is read again when it changes.

    bundled: authority of each bundled skill by its id. rewrite: `Settings.rewrite`, whose origins (not whose
    targets) count as approved.
    """

    def __init__(
        self,
        lock: PrivateFile,
        *,
        bundled: Mapping[str, Authority],
        rewrite: Mapping[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lock = lock
        self._bundled = bundled
        self._rewritten = frozenset(origin for url in rewrite if (origin := origin_of(url)))
        self._now = now
        self._entries: Mapping[str, Approval] = {}
        self._read_under: Stamp | None = None

    def stamp(self) -> Stamp | None:
        """Differs when `covers` may answer otherwise; one `lstat`."""
        return self._lock.stamp()

    def covers(self, skill_id: str, grant: Grant) -> str | None:
        """Who approved the grant: `bundled`, `rewrite`, `agentos.lock`; None = nobody.

        Raises PrivateFileError when only `agentos.lock` could say and it cannot be read.
        """
        if grant.origin is None:
            return None
        if skill_id in self._bundled and grant in self._bundled[skill_id].grants:
            return "bundled"
        if self.is_rewritten(grant.origin):
            return "rewrite"
        approval = self.approved(skill_id)
        return "agentos.lock" if approval and grant in approval.authority.grants else None

    def is_rewritten(self, origin: str) -> bool:
        """Whether the operator's rewrite names the origin."""
        return origin in self._rewritten

    def approved(self, skill_id: str) -> Approval | None:
        """The lock's entry of a skill. Raises PrivateFileError."""
        return self._current().get(skill_id)

    def approve(self, skill: Skill) -> Approval:
        """Approve all the file asks for now, in place of what was approved before. Raises PrivateFileError."""
        approval = Approval(authority_of(skill), skill.digest, self._now().isoformat(timespec="seconds"))
        self._lock.update(lambda data: _dump({**self._load(data), skill.id: approval}))
        return approval

    def revoke(self, skill_id: str) -> bool:
        """Forget what was approved; False when there was nothing. Raises PrivateFileError."""
        if self.approved(skill_id) is None:
            return False
        self._lock.update(
            lambda data: _dump({name: entry for name, entry in self._load(data).items() if name != skill_id})
        )
        return True

    def _current(self) -> Mapping[str, Approval]:
        stamp = self._lock.stamp()
        if stamp != self._read_under:
            contents = self._lock.read()
            self._entries = self._load(contents.data) if contents else {}
            self._read_under = contents.stamp if contents else None
        return self._entries

    def _load(self, data: bytes | None) -> Mapping[str, Approval]:
        try:
            return _parse(data) if data is not None else {}
        except ValueError as error:
            path = self._lock.path
            raise PrivateFileError(f"{path} is not a lock file ({error}): mend it, or move it away") from None


def _parse(data: bytes) -> dict[str, Approval]:
    document = parse(data)
    if not isinstance(document, dict) or document.get("version") != LOCK_VERSION:
        raise ValueError(f"expected version {LOCK_VERSION}")
    skills = document.get("skills")
    if not isinstance(skills, dict):
        raise ValueError("expected an object of skills")
    return {skill_id: _parse_entry(entry) for skill_id, entry in skills.items()}


def _parse_entry(entry: Json) -> Approval:
    if not isinstance(entry, dict):
        raise ValueError("an entry is an object")
    authority = Authority.from_json(entry)
    digest, approved_at = entry.get("digest"), entry.get("approved_at")
    if not isinstance(digest, str) or not isinstance(approved_at, str):
        raise ValueError("an entry has digest and approved_at")
    return Approval(authority, digest, approved_at)


def _dump(entries: Mapping[str, Approval]) -> bytes:
    skills: dict[str, Json] = {
        skill_id: {
            **entry.authority.as_json(),
            "digest": entry.digest,
            "approved_at": entry.approved_at,
        }
        for skill_id, entry in sorted(entries.items())
    }
    return json.dumps({"version": LOCK_VERSION, "skills": skills}, indent=2).encode() + b"\n"
