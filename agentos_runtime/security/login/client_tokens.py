"""Tokens for a client alone (RFC 6749, 4.4): one request at a time, stored before they are used."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from agentos_runtime.errors import (
    AgentOSError,
    ApprovalRequired,
    CredentialNotFound,
    UpstreamInvalid,
)
from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.model import Auth, Login, Skill
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Credential, Life, Secret
from agentos_runtime.security.credentials.store import STORES, CredentialStore, Entry, KeyringError, token_name
from agentos_runtime.security.login.answers import (
    TokenAnswerError,
    granted_of,
    is_refused,
    reason_of,
    sendable_granted,
)
from agentos_runtime.security.login.callback import LoginError, check_encrypted
from agentos_runtime.security.login.exchange import SECONDS, Client, Upstream, client_request
from agentos_runtime.security.login.refusals import Refusal, others_turn, refusal_of, unusable
from agentos_runtime.security.login.resting import is_in_vain, note_about, of_refusal, rest, still_resting
from agentos_runtime.storage.private_files import PrivateFileError, Stamp
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.storage.turns import Turn, leave_if_possible

TOKEN, MARK = "access_token", "of"
"""The fields of a stored token: itself, and which client and request it is of."""
ROUNDS = 20_000
"""Of the hash that marks a client, so that a weak secret is not guessed from the mark."""

Result: TypeAlias = Credential | Refusal


class Permits(Protocol):
    """Who says that a secret may go to its address: the credential broker."""

    def authorize_renewal(self, skill: Skill, auth: Auth, credential: Credential) -> bool: ...


class Home(Protocol):
    """What is shared with renewals: `renewing.Renewals`."""

    store: CredentialStore
    upstream: Upstream
    wall: Callable[[], float]

    @property
    def permits(self) -> "Permits": ...

    async def turn(self, skill: Skill, auth: Auth, *, good_yet: bool) -> Turn | None: ...


class ClientTokens:
    """The tokens of all clients in one process."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._held: dict[tuple[str, str], tuple[Stamp | None, Credential, Login, Credential | None]] = {}
        """What was found last, until the store, the client or the file changes."""
        self._unstored: dict[tuple[str, str], Entry] = {}
        """What services gave and could not be stored: the next call tries to store it, and asks for no other."""

    async def held(self, skill: Skill, auth: Auth, client: Credential) -> Credential | None:
        """The token that is stored for this client. Raises CredentialNotFound for a store that cannot be read."""
        assert auth.login is not None
        key = skill.id, auth.name
        try:
            stamp = self._home.store.stamp()
            known = self._held.get(key)
            if (
                known is not None
                and known[0] == stamp
                and known[1].fields == client.fields
                and known[2] == auth.login
            ):
                return known[3]
            found = await asyncio.to_thread(self._stored, skill, auth, client)
        except (PrivateFileError, KeyringError) as error:
            raise CredentialNotFound(f"{_begin(skill)}: {error}", details={"skill": skill.id}) from None
        self._held[key] = (stamp, client, auth.login, found)
        return found

    async def ask(
        self,
        skill: Skill,
        auth: Auth,
        client: Credential,
        seen: Credential | None,
        refused: bool,
        good_yet: bool,
        allow_private: bool,
    ) -> Result:
        """Another token than the one that was seen: of another process, or of the service; stored, or why not.

        refused, good_yet: the one that was seen. It is given back when it came of a refusal a moment ago.
        """
        assert auth.login is not None
        begin = _begin(skill)
        try:
            check_encrypted(auth.login)
            turn = await self._home.turn(skill, auth, good_yet=good_yet)
            if turn is None:
                return others_turn(begin)
            async with turn:
                return await self._in_turn(turn, skill, auth, client, seen, refused, allow_private)
        except (PrivateFileError, KeyringError, LoginError, DatabaseTrouble) as error:
            return unusable(begin, error)

    async def _in_turn(
        self,
        turn: Turn,
        skill: Skill,
        auth: Auth,
        client: Credential,
        seen: Credential | None,
        refused: bool,
        allow_private: bool,
    ) -> Result:
        found = await asyncio.to_thread(self._stored, skill, auth, client)
        now = self._home.wall()
        if found and not (seen and found.fields == seen.fields) and not (found.life and now >= found.life.renew_at):
            self._unstored.pop((skill.id, auth.name), None)
            return found
        mark = await asyncio.to_thread(_mark, skill, auth, client)
        note = note_about(turn, mark)
        unstored = self._unstored.get((skill.id, auth.name))
        if (
            unstored
            and unstored.fields[MARK] == Secret(mark)
            and not (unstored.life and now >= unstored.life.renew_at)
        ):
            return await self._kept(turn, skill, auth, client, unstored, refused)
        if (refusal := still_resting(note, _begin(skill), now)) is not None:
            return refusal
        if found and refused and is_in_vain(note, now):
            return found
        try:  # again: it may have taken long to have the turn
            allow_private = self._home.permits.authorize_renewal(skill, auth, client)
        except ApprovalRequired as error:
            return Refusal(error.code, error.message)
        granted = await self._granted(skill, auth, client, allow_private)
        if isinstance(granted, Refusal):
            return await rest(turn, mark, note, granted, self._home.wall())
        entry = replace(granted, fields={**granted.fields, MARK: Secret(mark)})
        return await self._kept(turn, skill, auth, client, entry, refused)

    async def _kept(
        self, turn: Turn, skill: Skill, auth: Auth, client: Credential, entry: Entry, refused: bool
    ) -> Result:
        """Store what the service gave; what cannot be stored is not used, and stays here for the next call."""
        key, mark = (skill.id, auth.name), entry.fields[MARK]
        assert mark is not None
        try:
            beside = auth.name if client.source in STORES else None
            is_kept = await asyncio.to_thread(self._home.store.put, entry, beside)
        except (PrivateFileError, KeyringError, DatabaseTrouble) as error:
            self._unstored[key] = entry
            refusal = unusable(_begin(skill), error)
            return await rest(turn, mark.reveal(), {}, refusal, self._home.wall())  # others would be given another
        self._unstored.pop(key, None)
        if not is_kept:
            return Refusal(CredentialNotFound.code, f"{_begin(skill)}: its id and secret were removed meanwhile")
        await leave_if_possible(turn, of_refusal(mark.reveal(), self._home.wall()) if refused else {})
        return _credential(auth, client, entry)

    async def _granted(self, skill: Skill, auth: Auth, client: Credential, allow_private: bool) -> Entry | Refusal:
        """What the service gave, to be stored."""
        assert auth.login is not None
        login, home, begin = auth.login, self._home, _begin(skill)
        asking = Client.of(login, client.fields)
        host = urlsplit(login.token_url).hostname or ""
        try:
            response = await home.upstream.send(
                client_request(login, asking), timeout=SECONDS, retry=None, allow_private=allow_private
            )
            redactor = Redactor(asking.secrets)
            if is_refused(response, login.token_field):
                words = reason_of(response, home.wall(), redactor)
                option = "" if auth.name == "default" else f" --credential {auth.name}"
                remedy = f"If its id or secret is wrong, run: agentos keys set {skill.id}{option}"
                return refusal_of(response, words, host, begin, remedy, home.wall())
            given = sendable_granted(granted_of(response, login.token_field, redactor))
        except TokenAnswerError as error:
            return Refusal(UpstreamInvalid.code, f"{begin}: the answer of {host} {error}")
        except AgentOSError as error:
            return Refusal(error.code, f"{begin}: {error.message}", error.retry_after)
        now = home.wall()
        life = None if given.expires_in is None else Life.of(now, given.expires_in)
        set_at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        return Entry(skill.id, token_name(auth.name), {TOKEN: given.key}, frozenset(), set_at, life=life)

    def _stored(self, skill: Skill, auth: Auth, client: Credential) -> Credential | None:
        entry = self._home.store.get(skill.id, token_name(auth.name))
        if entry is None or entry.fields.get(TOKEN) is None:
            return None
        mark = entry.fields.get(MARK)
        if mark is None or mark != Secret(_mark(skill, auth, client)):
            return None
        return replace(_credential(auth, client, entry), held=True)


def _credential(auth: Auth, client: Credential, entry: Entry) -> Credential:
    """What calls carry: the token, and the client's id where the file wants it."""
    token = entry.fields[TOKEN]
    assert token is not None
    fields = {name: token if name == TOKEN else client.fields[name] for name in auth.fields}
    return Credential(fields, client.source, client.grants, entry.life, renewable=True, stands_in=client.stands_in)


def _mark(skill: Skill, auth: Auth, client: Credential) -> str:
    """Of which client and which request a token is: another secret, scope or address has another."""
    login = auth.login
    assert login is not None
    request = [login.token_url, login.client_id, *login.scopes, login.audience, *login.resource]
    params = [part for pair in login.token_params for part in pair]
    given = [client.fields[name].reveal() for name in login.client_fields]
    what = dump([*request, *params, *given])
    return hashlib.pbkdf2_hmac("sha256", what, f"{skill.id}/{auth.name}".encode(), ROUNDS).hex()[:32]


def _begin(skill: Skill) -> str:
    return f'The skill "{skill.id}" was given no token'
