"""Who said that a skill may do what it asks for, and who took it back: `agentos.lock`, what shipped, the rewrite.

The file holds refusals too, so one that cannot be relied on says nothing: then everything is asked for again, but
what the operator's rewrite names. It carries a digest of its own, so that damage is found wherever it is.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump, parse
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.security.authority import Authority, Grant, authority_of
from agentos_runtime.security.pins import Pin
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, Stamp

LOCK_VERSION = 2
FIRST_VERSION = 1
"""Without refusals and without a digest; written anew as it is now with the next change."""
NOTHING: frozenset[Grant] = frozenset()
NO_PINS: frozenset[Pin] = frozenset()
Entry = TypeVar("Entry")


class Lender(Protocol):
    """A skill that ships, which lends what it may do: `bundled.BundledSkill`."""

    def lends(self, skill: Skill) -> frozenset[Grant]: ...


@dataclass(frozen=True, slots=True)
class Approval:
    """What the operator approved for one skill."""

    authority: Authority
    digest: str
    """sha256 of the skill's file when it was approved; for people, it decides nothing."""
    approved_at: str
    pins: frozenset[Pin] = NO_PINS
    """What it may run on this machine, as it was then."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What `agentos.lock` says."""

    approvals: Mapping[str, Approval] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    """When all that a skill was approved for was taken back, by the skill's id. Only an approval lifts it."""


class Approvals:
    """What is approved now; `agentos.lock` is read again when it changes.

    bundled: the skills that ship by their ids. rewrite: `Settings.rewrite`, whose origins (not whose targets) count
    as approved. Every method but `is_rewritten` raises PrivateFileError when the file cannot be read or relied on.
    """

    def __init__(
        self,
        lock: PrivateFile,
        *,
        bundled: Mapping[str, Lender],
        rewrite: Mapping[str, str],
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._file = lock
        self._bundled = bundled
        self._rewritten = frozenset(origin for url in rewrite if (origin := origin_of(url)))
        self._now = now or (lambda: datetime.fromtimestamp(lock.now(), UTC))
        self._read: tuple[Stamp | None, Lock] = (None, Lock())
        """What was read last, and under which stamp."""
        self._lent: dict[str, tuple[str, frozenset[Grant]]] = {}

    def stamp(self) -> Stamp | None:
        """Differs when `covers` may answer otherwise; one `lstat` in a turn of the event loop."""
        return self._file.glance()

    def covers(self, skill: Skill, grant: Grant, stored: frozenset[Grant] = NOTHING) -> str | None:
        """Who approved the grant: `keys set`, `bundled`, `rewrite`, `agentos.lock`; None = nobody.

        stored: what was agreed to when a credential of the skill was stored. Raises PrivateFileError unless the
        rewrite names the origin.
        """
        if grant.origin is None:
            return None
        rewritten = "rewrite" if self.is_rewritten(grant.origin) else None
        try:
            lock = self.lock()
        except PrivateFileError:
            if rewritten:
                return rewritten
            raise
        if skill.id in lock.refusals:
            return rewritten
        if grant in stored:
            return "keys set"
        if grant in self._lent_to(skill):
            return "bundled"
        approval = lock.approvals.get(skill.id)
        return rewritten or ("agentos.lock" if approval and grant in approval.authority.grants else None)

    def refused_at(self, skill_id: str) -> str | None:
        """When the skill's approval was taken back; None when it was not, or was given again."""
        return self.lock().refusals.get(skill_id)

    def is_rewritten(self, origin: str) -> bool:
        """Whether the operator's rewrite names the origin."""
        return origin in self._rewritten

    def lock(self) -> Lock:
        """All that was approved and taken back."""
        stamp, (read_under, lock) = self._file.stamp(), self._read
        if stamp != read_under:
            contents = self._file.read()
            lock = self._load(contents.data if contents else None)
            self._read = (contents.stamp if contents else None, lock)  # at once: threads ask too
        return lock

    def runs(self, skill_id: str) -> frozenset[Pin]:
        """What the skill may run on this machine, as it was approved; nothing unless somebody was shown it."""
        lock = self.lock()
        approval = lock.approvals.get(skill_id)
        return approval.pins if approval and skill_id not in lock.refusals else NO_PINS

    def approve(self, skill: Skill, pins: frozenset[Pin]) -> Approval:
        """Approve all the file asks for now, in place of what was approved or taken back before.

        pins: what it may run on this machine, which was shown.
        """
        approval = Approval(authority_of(skill), skill.digest, self._time(), pins)

        def change(lock: Lock) -> Lock:
            return Lock({**lock.approvals, skill.id: approval}, _without(lock.refusals, skill.id))

        self._change(change)
        return approval

    def refuse(self, skill_id: str) -> str:
        """Take back all that was approved for the skill, until it is approved again; since when that holds."""
        refused_at = self._time()

        def change(lock: Lock) -> Lock:
            refusals = {skill_id: refused_at, **lock.refusals}
            return Lock(_without(lock.approvals, skill_id), refusals)

        self._change(change)
        return self.lock().refusals[skill_id]

    def _time(self) -> str:
        return self._now().isoformat(timespec="seconds")

    def _change(self, change: Callable[[Lock], Lock]) -> None:
        self._file.update(lambda data: _dump(change(self._load(data))))

    def _lent_to(self, skill: Skill) -> frozenset[Grant]:
        lender = self._bundled.get(skill.id)
        if lender is None:
            return NOTHING
        digest, lent = self._lent.get(skill.id, ("", NOTHING))
        if digest != skill.digest:
            lent = lender.lends(skill)
            self._lent[skill.id] = (skill.digest, lent)
        return lent

    def _load(self, data: bytes | None) -> Lock:
        try:
            return _parse(data) if data is not None else Lock()
        except ValueError as error:
            path = self._file.path
            raise PrivateFileError(
                f"{path} cannot be relied on ({error}), so everything is asked for again: put a good copy in its "
                f"place, or move it away (mv {path} {path}.damaged), then approve and revoke again what was in it"
            ) from None


def _without(entries: Mapping[str, Entry], skill_id: str) -> dict[str, Entry]:
    return {name: entry for name, entry in entries.items() if name != skill_id}


def _parse(data: bytes) -> Lock:
    """Raises ValueError for what is no lock to the last byte."""
    document = parse(data)
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(document, dict) or type(version) is not int or version < FIRST_VERSION:
        raise ValueError("it is no lock file")
    if version > LOCK_VERSION:
        raise ValueError(f"a newer agentos wrote it: version {version}")
    if version == FIRST_VERSION:
        _expect(document.keys() == {"version", "skills"})
        return Lock(_parse_approvals(document["skills"]))
    _expect(document.keys() == {"version", "skills", "refused", "digest"})
    _expect(document["digest"] == _digest(document))
    return Lock(_parse_approvals(document["skills"]), _parse_refusals(document["refused"]))


def _expect(true: bool) -> None:
    if not true:
        raise ValueError("it is damaged")


def _parse_approvals(skills: Json) -> dict[str, Approval]:
    if not isinstance(skills, dict):
        raise ValueError("it is damaged")
    return {skill_id: _parse_approval(entry) for skill_id, entry in skills.items()}


def _parse_refusals(refused: Json) -> dict[str, str]:
    if not isinstance(refused, dict):
        raise ValueError("it is damaged")
    _expect(all(isinstance(when, str) for when in refused.values()))
    return {skill_id: str(when) for skill_id, when in refused.items()}


def _parse_approval(entry: Json) -> Approval:
    if not isinstance(entry, dict):
        raise ValueError("an entry is no object")
    authority = Authority.from_json(entry)
    digest, approved_at = entry.get("digest"), entry.get("approved_at")
    if not isinstance(digest, str) or not isinstance(approved_at, str):
        raise ValueError("an entry lacks digest or approved_at")
    pins = entry.get("runs", [])
    if not isinstance(pins, list):
        raise ValueError("an entry's runs are no list")
    return Approval(authority, digest, approved_at, frozenset(map(Pin.from_json, pins)))


def _dump(lock: Lock) -> bytes:
    skills: dict[str, Json] = {name: _entry(approval) for name, approval in sorted(lock.approvals.items())}
    refused: dict[str, Json] = dict(sorted(lock.refusals.items()))
    document: dict[str, Json] = {"version": LOCK_VERSION, "skills": skills, "refused": refused}
    return json.dumps({**document, "digest": _digest(document)}, indent=2).encode() + b"\n"


def _entry(approval: Approval) -> dict[str, Json]:
    """An approval as it is written; what runs here only where there is something."""
    runs: list[Json] = [pin.as_json() for pin in sorted(approval.pins)]
    entry = {**approval.authority.as_json(), "digest": approval.digest, "approved_at": approval.approved_at}
    return {**entry, "runs": runs} if runs else entry


def _digest(document: Mapping[str, Json]) -> str:
    """sha256 over the rest of the document, hex."""
    rest = {name: value for name, value in sorted(document.items()) if name != "digest"}
    return hashlib.sha256(dump(rest)).hexdigest()
