"""The one place where a credential leaves the store: found, and approved for where it goes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Literal, Protocol

from agentos_runtime.errors import ApprovalRequired, CredentialNotFound, CredentialSealed
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Rest, Skill, Utility
from agentos_runtime.manifest.origins import declared_origin, is_private, origin_of
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.manifest.variables import variables
from agentos_runtime.security.authority import (
    HERE,
    NETWORK,
    Grant,
    authority_of,
    declared_grants,
    grants_for,
    login_grants,
    sort_grants,
)
from agentos_runtime.security.credentials.lookup import Listed, UnusableCredential
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Credential
from agentos_runtime.security.credentials.store import KeyringError, SealedError
from agentos_runtime.security.pins import Pin, changes, text_pins
from agentos_runtime.storage.private_files import PrivateFileError, Stamp

REMEMBERED = 4096
"""Decisions kept; a catalogue has a few hundred utilities."""


class CredentialSource(Protocol):
    """Where credentials are found: `credentials.lookup.Credentials`, or stand-ins."""

    def stamp(self) -> Stamp | None: ...

    def find(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None: ...

    def list(self) -> tuple[Listed, ...]: ...


class ApprovalSource(Protocol):
    """Who approved what: `approvals.Approvals`, or whoever stands in for it."""

    def stamp(self) -> Stamp | None: ...

    def covers(self, skill: Skill, grant: Grant, stored: frozenset[Grant]) -> str | None: ...

    def refused_at(self, skill_id: str) -> str | None: ...

    def is_rewritten(self, origin: str) -> bool: ...

    def runs(self, skill_id: str) -> frozenset[Pin] | None:
        """None = everything."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a skill can be called, and what is missing when it cannot."""

    state: Literal["ready", "needs_credential", "needs_approval"]
    unapproved: tuple[Grant, ...] = ()
    """Grants that utilities with a credential ask for and nobody approved."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing a skill asks for, and who said yes: `bundled`, `rewrite`, `keys set`, `agentos.lock`, or None."""

    grant: Grant
    approved_by: str | None

    def as_json(self) -> dict[str, Json]:
        return {**self.grant.as_json(), "approved_by": self.approved_by}


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a request may carry and where it may end."""

    credential: Credential | None
    """None when the request carries none."""
    redactor: Redactor
    """Over the credential's secrets."""
    allow_private: bool
    """Whether the connection may end at a private address.

    A public name that resolves to one may not, unless the operator's rewrite names it: an approval was given to the
    name, and whoever owns the name can point it at any address.
    """


@dataclass(frozen=True, slots=True)
class _Decision:
    under: tuple[Stamp | None, Stamp | None]
    authorization: Authorization


class CredentialBroker:
    """Authorizes requests for the places that were approved, and says which private origins may be called.

    A decision is kept until the skill's file, `credentials.json` or `agentos.lock` changes.
    """

    def __init__(self, credentials: CredentialSource, approvals: ApprovalSource) -> None:
        self._credentials = credentials
        self._approvals = approvals
        self._decisions: dict[tuple[Hashable, ...], _Decision] = {}

    def authorize(
        self, skill: Skill, utility: Utility, origin: str, method: str, *, streamed: bool = False
    ) -> Authorization:
        """What a request about to go to `origin` with `method` may carry; `streamed`: one that asks for a stream.

        To be asked for every request, also those without a credential: an address of this machine or its network
        needs approval too. Raises CredentialNotFound, ApprovalRequired.
        """
        under = self.stamps()
        key = (skill.id, skill.digest, utility.name, origin, method, streamed, utility.credential, utility.asks)
        known = self._decisions.get(key)
        if known is not None and known.under == under:
            return known.authorization
        rest = requests_of(utility.rest)[-1 if streamed else 0]
        credential = self._decide(skill, utility, origin, method, rest)
        authorization = Authorization(credential, Redactor.of(credential), self.allow_private(skill, origin))
        if len(self._decisions) >= REMEMBERED:
            self._decisions.clear()
        self._decisions[key] = _Decision(under, authorization)
        return authorization

    def authorize_local(
        self, skill: Skill, utility: Utility, needed: frozenset[Pin], files: frozenset[Pin] | None
    ) -> None:
        """Whether what the callable runs on this machine is what was approved, to the last byte.

        needed: what this call uses. files: all of the skill's folder, None when it uses none. Raises
        ApprovalRequired.
        """
        details = _details(skill, utility)
        if closed := self._closed(skill):
            raise ApprovalRequired(f"The skill {skill.id} is not run: {closed}", details=details)
        approved = self._approvals.runs(skill.id)
        if approved is None:
            return
        before = {pin for pin in approved if pin.kind == "file"}
        if not needed <= approved or (files is not None and files != before):
            raise ApprovalRequired(_local_refusal(skill, utility, approved, needed, files), details=details)

    def stamps(self) -> tuple[Stamp | None, Stamp | None]:
        """Differ when `authorize` may answer otherwise."""
        return self._credentials.stamp(), self._approvals.stamp()

    def allow_private(self, skill: Skill, origin: str) -> bool:
        """Whether a connection of this skill to `origin` may end at a private address; see `Authorization`."""
        if not is_private(origin):  # what would open such an address is asked for only where it is private
            return self._approvals.is_rewritten(origin)
        grants = (grant for grant in authority_of(skill).grants if grant.origin == origin)
        asked = {grant for grant in grants if grant.placement == NETWORK or grant.opens}
        stored = self._stored_grants(skill)
        try:
            covered = any(self._approvals.covers(skill, grant, stored) for grant in asked)
        except PrivateFileError:
            covered = False
        return covered or self._approvals.is_rewritten(origin)

    def authorize_renewal(self, skill: Skill, auth: Auth, credential: Credential) -> bool:
        """Whether the token's address may be a private one. Raises ApprovalRequired unless it was approved."""
        origin = origin_of(auth.login.token_url) if auth.login else None
        asked = [grant for grant in sort_grants(login_grants(auth)) if grant.method == "POST"]
        closed = self._closed(skill)
        for grant in asked:
            refusal = self._refusal(skill, grant, credential)
            if closed or refusal is not None:
                raise ApprovalRequired(
                    f"No token is asked for {skill.id}: nobody approved {grant}{refusal or ''}. "
                    f"If you trust {skill.file}, run: agentos approve {skill.id}",
                    details={"skill": skill.id},
                )
        return self.allow_private(skill, origin or "")

    def standing(self, skill: Skill) -> Standing:
        """For lists: `needs_credential` when no utility can be called for want of one, or its own is missing.

        Other credentials are for a few of its utilities, which say so when they are called.
        """
        callable_ones = 0
        missing: set[str | None] = set()
        unapproved: set[Grant] = set()
        for utility in (*skill.utilities.values(), *skill.inner.values()):
            try:
                credential = self._find(skill, _auth_of(skill, utility))
            except (CredentialNotFound, CredentialSealed):
                missing.add(utility.credential)
                continue
            callable_ones += 1
            needed = declared_grants(skill, utility)
            unapproved |= {grant for grant in needed if self._refusal(skill, grant, credential) is not None}
        if unapproved or not self._may_run(skill) or (self._closed(skill) and not self._is_all_rewritten(skill)):
            return Standing("needs_approval", tuple(sort_grants(unapproved)))
        if missing and (_own_credential(skill) in missing or not callable_ones):
            return Standing("needs_credential")
        return Standing("ready")

    def unreadable(self) -> Mapping[str, str]:
        """Why a file cannot be read, by the state in which it leaves skills that need what it says."""
        found: dict[str, str] = {}
        reads: tuple[tuple[str, Callable[[], object]], ...] = (
            ("needs_approval", partial(self._approvals.refused_at, "")),
            ("needs_credential", self._credentials.list),
        )
        for state, read in reads:
            try:
                read()
            except (PrivateFileError, KeyringError) as error:
                found[state] = str(error)
        return found

    def _may_run(self, skill: Skill) -> bool:
        """Whether all that it runs on this machine was approved, going by its text alone."""
        texts = text_pins(skill)
        if not texts:
            return True
        try:
            approved = self._approvals.runs(skill.id)
            return approved is None or texts <= approved
        except PrivateFileError:
            return False

    def _is_all_rewritten(self, skill: Skill) -> bool:
        requests = (rest for utility in skill.utilities.values() for rest in requests_of(utility.rest))
        origins = [declared_origin(rest.url) for rest in requests]
        return all(origin is not None and self._approvals.is_rewritten(origin) for origin in origins)

    def permissions(self, skill: Skill) -> tuple[Permission, ...]:
        """Everything the skill's file asks for, approved or not."""
        stored = self._stored_grants(skill)
        return tuple(
            Permission(grant, self._approved_by(skill, grant, stored))
            for grant in sort_grants(authority_of(skill).grants)
        )

    def _approved_by(self, skill: Skill, grant: Grant, stored: frozenset[Grant]) -> str | None:
        try:
            return self._approvals.covers(skill, grant, stored)
        except PrivateFileError:
            return None

    def _decide(self, skill: Skill, utility: Utility, origin: str, method: str, rest: Rest) -> Credential | None:
        if (closed := self._closed(skill)) and not self._approvals.is_rewritten(origin):
            raise ApprovalRequired(
                f"The skill {skill.id} is not called: {closed}", details=_details(skill, utility)
            )
        needed = grants_for(skill, utility, HERE if utility.local else origin_of(origin), method, rest)
        carries = any(grant.credential is not None for grant in needed)
        credential = self._find(skill, _auth_of(skill, utility)) if carries else None
        for grant in sort_grants(needed):
            if grant.credential is not None and credential is None:
                continue
            if (refusal := self._refusal(skill, grant, credential)) is not None:
                raise ApprovalRequired(
                    _approval_text(skill, rest, grant) + refusal, details=_details(skill, utility)
                )
        return credential

    def _find(self, skill: Skill, auth: Auth | None) -> Credential | None:
        """None when nothing is needed, or what is missing is optional. Raises CredentialNotFound."""
        if auth is None:
            return None
        try:
            credential = self._credentials.find(skill.id, auth.name, auth.asked)
        except SealedError as error:
            raise CredentialSealed(str(error), details={"skill": skill.id}) from None
        except (UnusableCredential, PrivateFileError, KeyringError) as error:
            raise _not_found(skill, auth, str(error)) from None
        if credential is None and not auth.optional:
            raise _not_found(skill, auth, _missing_text(skill, auth))
        return credential

    def _closed(self, skill: Skill) -> str | None:
        """Why no call of the skill goes out, those that need no approval included; None when they may."""
        try:
            refused_at = self._approvals.refused_at(skill.id)
        except PrivateFileError as error:
            return str(error)
        return refused_at and f"its approval was taken back ({refused_at}). If you want it again, run: " + (
            f"agentos approve {skill.id}"
        )

    def _refusal(self, skill: Skill, grant: Grant, credential: Credential | None) -> str | None:
        """None when the grant is approved, else what more there is to say about it."""
        stored = credential.grants if credential else frozenset()
        try:
            return None if self._approvals.covers(skill, grant, stored) else ""
        except PrivateFileError as error:
            return f" ({error})"

    def _stored_grants(self, skill: Skill) -> frozenset[Grant]:
        try:
            listed = self._credentials.list()
        except PrivateFileError:
            return frozenset()
        return frozenset(grant for entry in listed if entry.skill == skill.id for grant in entry.grants)


def _local_refusal(
    skill: Skill, utility: Utility, approved: frozenset[Pin], needed: frozenset[Pin], files: frozenset[Pin] | None
) -> str:
    local = utility.local
    what = "SQL" if local is None or local.executor == "sql" else "Python code of its own"
    if local is not None and local.executor == "command":
        what = f"`{local.fixed['binary']}`"
    if not any(pin.kind == "text" and pin.name == utility.name for pin in approved):
        return (
            f"Nobody approved that the skill {skill.id} runs {what} on this machine. If you trust {skill.file}, "
            f"run: agentos approve {skill.id}"
        )
    names = {(pin.kind, pin.name) for pin in needed}
    before = {pin for pin in approved if (pin.kind, pin.name) in names}
    if files is not None:
        before |= {pin for pin in approved if pin.kind == "file"}
    differs = changes(before, needed | (files or frozenset()))
    more = f", and {len(differs) - 1} more" if len(differs) > 1 else ""
    return (
        f"What the skill {skill.id} runs on this machine is no longer what was approved: {differs[0]}{more}. "
        f"Look at it and approve it again: agentos approve {skill.id}"
    )


def _own_credential(skill: Skill) -> str:
    """The credential of all utilities that name no other."""
    return next(iter(skill.auth)) if len(skill.auth) == 1 else "default"


def _auth_of(skill: Skill, utility: Utility) -> Auth | None:
    return None if utility.credential is None else skill.auth.get(utility.credential)


def _details(skill: Skill, utility: Utility) -> Mapping[str, Json]:
    return {"skill": skill.id, "utility": utility.name}


def _not_found(skill: Skill, auth: Auth, reason: str) -> CredentialNotFound:
    return CredentialNotFound(
        f"Credential not found: {reason}", help_url=auth.help_url, details={"skill": skill.id}
    )


def _missing_text(skill: Skill, auth: Auth) -> str:
    client = auth.login is not None and not auth.login.in_browser
    what = auth.label or ("client id and secret" if client else "credential")
    name = "" if auth.name == "default" else f' "{auth.name}"'
    option = "" if auth.name == "default" else f" --credential {auth.name}"
    names = " and ".join(variables(skill.id, auth.name, auth.asked).values())
    made = f"; it is made at {auth.help_url}" if auth.name != "default" and auth.help_url else ""
    by_hand = auth.login and not client and auth.command != "login"
    login = f", or agentos login {skill.id}{option}" if by_hand else ""
    return (
        f'the skill "{skill.id}" needs its {what}{name}. Run: agentos {auth.command} {skill.id}{option}{login} '
        f"(or start the server with {names} set){made}."
    )


def _approval_text(skill: Skill, rest: Rest, grant: Grant) -> str:
    command = f"run: agentos approve {skill.id}"
    if declared_origin(rest.url) is None:
        remedy = (
            "Its url does not say where it goes: write it so that it begins with a literal origin, "
            f'such as "https://api.example.com/…", then {command}'
        )
    elif grant in authority_of(skill).grants:
        remedy = f"If you trust {skill.file}, {command}"
    elif grant.origin == f"http{str(declared_origin(rest.url)).removeprefix('https')}":
        remedy = (
            "The service names its own address with http://, where others could read the key. Follow it by "
            """https: `next: {link: '.next // empty | sub("^http:"; "https:")'}`"""
        )
    else:
        remedy = (
            f"The service named that address, and no approval covers one that no utility of {skill.file} calls. If "
            f"it is right, give the skill a utility whose url begins with {grant.origin}, then {command}"
        )
    return f'Nobody approved that the skill "{skill.id}" calls {grant}. {remedy}'
