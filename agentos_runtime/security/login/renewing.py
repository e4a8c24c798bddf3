"""Tokens that end are renewed before they do, and once when a service refuses them: one at a time in a home, or
over all replicas of a database.

A refresh token may be good once. So between the answer and the store nothing else is done, a caller that leaves
does not break it off, and no token is used before it is on disk.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from agentos_runtime.errors import (
    AgentOSError,
    ApprovalRequired,
    CredentialNotFound,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTruncated,
)
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Credential, Life, Secret
from agentos_runtime.security.credentials.store import REFRESH_TOKEN, CredentialStore, Entry, KeyringError
from agentos_runtime.security.login.answers import (
    Granted,
    TokenAnswerError,
    granted_of,
    is_refused,
    reason_of,
    sendable_granted,
)
from agentos_runtime.security.login.callback import LoginError, check_encrypted
from agentos_runtime.security.login.client_tokens import ClientTokens, Result
from agentos_runtime.security.login.exchange import SECONDS, Client, Upstream, renewal_request
from agentos_runtime.security.login.refusals import Refusal, is_ended, others_turn, refusal_of, unusable
from agentos_runtime.security.login.resting import (
    LONGEST_REST,
    is_in_vain,
    note_about,
    of_refusal,
    rest,
    still_resting,
)
from agentos_runtime.security.login.unstored import Unstored
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.storage.turns import Turn, TurnLost, Turns, leave_if_possible, wait_for_turn

HELD_FOR = SECONDS + 10
"""Seconds after which a turn ends by itself: the service has answered by then, or never will."""
PATIENCE = HELD_FOR + 5
"""Seconds to wait for another process's renewal."""
PATIENCE_MEANWHILE = 1.0
"""The same while the token is good for a moment yet."""
CLOSING = 10.0
"""Seconds that a renewal under way has when the process ends."""


class Permits(Protocol):
    """Who says that a refresh token may go to its address: the credential broker."""

    def authorize_renewal(self, skill: Skill, auth: Auth, credential: Credential) -> bool: ...


class Renewals:
    """The renewals of one process, inside `async with`. `wall` is epoch seconds.

    store: of its own, since it is used in threads.
    """

    def __init__(
        self,
        store: CredentialStore,
        upstream: Upstream,
        permits: Permits,
        turns: Turns,
        *,
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.store = store
        self.upstream = upstream
        self.permits = permits
        self._turns = turns
        self.wall = wall
        self._sleep = sleep
        self._under_way: dict[tuple[str, str, bool], asyncio.Task[Result]] = {}
        self._clients = ClientTokens(self)
        self._redactors: dict[tuple[str, str], tuple[Credential, Credential, Redactor]] = {}
        self.unstored = Unstored(store, sleep)
        self.of_refusals: dict[tuple[str, str], tuple[Secret, dict[str, Json]]] = {}
        """Which tokens came of a refusal, each with the note of it: known here without a turn."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks: list[asyncio.Task[Any]] = [*self._under_way.values(), *self.unstored.under_way]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSING)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def current(
        self, skill: Skill, auth: Auth, credential: Credential, refused_one: Credential | None
    ) -> Credential:
        """The credential to send: this one, its successor when it ends soon or was refused with a 401, or what the
        client gets for it.

        refused_one: what was sent and refused. Raises ApprovalRequired, CredentialNotFound, CredentialRejected,
        UpstreamError.
        """
        if not self.is_due(auth, credential, refused_one):
            return credential
        assert auth.login is not None
        if not auth.login.in_browser:
            return await self._of_client(skill, auth, credential, refused_one)
        refused = refused_one is not None and credential.fields == refused_one.fields
        life, now = credential.life, self.wall()
        if not credential.renewable:
            if life and now >= life.expires_at:
                raise ended(skill, auth, refused=credential.ended).error(skill.id)
            return credential
        if refused and self._is_in_vain(skill, auth, credential):
            return credential
        allow_private = self.permits.authorize_renewal(skill, auth, credential)
        good_yet = not refused and life is not None and now < life.expires_at
        renewal = _Renewal(self, skill, auth, credential, refused, good_yet, allow_private)
        result = await self._once(skill, auth, good_yet, renewal.run)
        if isinstance(result, Credential):
            return result
        if not refused and life and self.wall() < life.expires_at:
            return credential
        raise result.error(skill.id)

    async def _of_client(
        self, skill: Skill, auth: Auth, client: Credential, refused_one: Credential | None
    ) -> Credential:
        """The token of a client: the one that is there, or another when it ends soon or was refused."""
        held = await self._clients.held(skill, auth, client)
        refused = held is not None and refused_one is not None and held.fields == refused_one.fields
        life = held.life if held else None
        if held and (self._is_in_vain(skill, auth, held) if refused else not life or self.wall() < life.renew_at):
            return held
        allow_private = self.permits.authorize_renewal(skill, auth, client)

        good_yet = held is not None and not refused and life is not None and self.wall() < life.expires_at

        async def ask() -> Result:
            return await self._clients.ask(skill, auth, client, held, refused, good_yet, allow_private)

        result = await self._once(skill, auth, good_yet, ask)
        if isinstance(result, Credential):
            if refused:
                self.note_refusal(skill, auth, result.fields[auth.fields[0]])
            return result
        if held and not refused and life and self.wall() < life.expires_at:
            return held
        raise result.error(skill.id)

    def redactor(self, skill: Skill, auth: Auth, given: Credential, current: Credential) -> Redactor:
        """Over the secrets of a credential and of what `current` made of it; made once for the same two."""
        known = self._redactors.get((skill.id, auth.name))
        if known is None or known[0] is not given or known[1] is not current:
            redactor = Redactor.of(current).and_those_of(Redactor.of(given))
            known = self._redactors[skill.id, auth.name] = given, current, redactor
        return known[2]

    def note_refusal(self, skill: Skill, auth: Auth, token: Secret) -> None:
        self.of_refusals[skill.id, auth.name] = (token, of_refusal("", self.wall()))

    def is_due(self, auth: Auth, credential: Credential, refused: Credential | None) -> bool:
        """Whether this credential comes of a login and ends soon or was `refused`, or is a client's."""
        if auth.login is None or (credential.stands_in and not credential.renewable):
            return False
        if not auth.login.in_browser or (refused is not None and credential.fields == refused.fields):
            return True
        return credential.life is not None and self.wall() >= credential.life.renew_at

    def _is_in_vain(self, skill: Skill, auth: Auth, credential: Credential) -> bool:
        token, note = self.of_refusals.get((skill.id, auth.name), (None, {}))
        return is_in_vain(note, self.wall()) and credential.fields.get(auth.fields[0]) == token

    async def _once(
        self, skill: Skill, auth: Auth, good_yet: bool, run: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        """The renewal that is under way here, or a new one; it goes on when its callers leave.

        good_yet: its callers do not need it now, and wait less for others.
        """
        key = (skill.id, auth.name, good_yet)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(run())
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def turn(self, skill: Skill, auth: Auth, *, good_yet: bool) -> Turn | None:
        """The turn among all processes; None when another does not end. Raises as Turns.take."""
        name = hashlib.sha256(f"{skill.id}/{auth.name}".encode()).hexdigest()[:16]
        patience = PATIENCE_MEANWHILE if good_yet else PATIENCE
        return await wait_for_turn(self._turns, f"renewal-{name}", patience, self._sleep)


class _Renewal:
    """One renewal; its parts share whose it is."""

    def __init__(
        self,
        all_of_them: Renewals,
        skill: Skill,
        auth: Auth,
        seen: Credential,
        refused: bool,
        good_yet: bool,
        allow_private: bool,
    ) -> None:
        assert auth.login is not None
        self._renewals = all_of_them
        self._skill, self._auth, self._login = skill, auth, auth.login
        self._seen, self._refused, self._good_yet, self._allow_private = seen, refused, good_yet, allow_private
        self._host = urlsplit(auth.login.token_url).hostname or ""
        self._begin = f'The login of the skill "{skill.id}" could not be renewed'

    async def run(self) -> Result:
        """The successor, stored; or why there is none."""
        try:
            check_encrypted(self._login)
            turn = await self._renewals.turn(self._skill, self._auth, good_yet=self._good_yet)
            if turn is None:
                return others_turn(self._begin)
            async with turn:
                return await self._in_turn(turn)
        except TurnLost:
            return others_turn(self._begin)
        except (PrivateFileError, KeyringError, LoginError, DatabaseTrouble) as error:
            return unusable(self._begin, error)

    async def _in_turn(self, turn: Turn) -> Result:
        renewals = self._renewals
        unstored = renewals.unstored.get(self._key)
        if unstored is not None:
            return await self._stored(turn, *unstored)
        entry = await asyncio.to_thread(renewals.store.get, *self._key)
        if entry is None:
            return self._removed()
        now = renewals.wall()
        token = entry.fields.get(self._auth.fields[0])
        if token != self._seen.fields[self._auth.fields[0]] and not (entry.life and now >= entry.life.renew_at):
            return self._credential(entry)  # another process renewed it, or somebody logged in
        refresh_token = entry.fields.get(REFRESH_TOKEN)
        if refresh_token is None:
            return ended(self._skill, self._auth, refused=entry.ended)
        note = note_about(turn, _mark(entry))
        if (refusal := still_resting(note, self._begin, now)) is not None:
            return refusal
        if self._refused and is_in_vain(note, now):  # another process was refused, and has this one for it
            renewals.note_refusal(self._skill, self._auth, self._seen.fields[self._auth.fields[0]])
            return self._credential(entry)
        try:  # again: it may have taken long to have the turn
            seen = self._credential(entry)
            self._allow_private = renewals.permits.authorize_renewal(self._skill, self._auth, seen)
        except ApprovalRequired as error:
            return Refusal(error.code, error.message)
        await turn.leave({"of": _mark(entry), "asked_at": now, "failures": note.get("failures", 0)})
        return await self._asked(turn, entry, refresh_token, note)

    async def _asked(self, turn: Turn, entry: Entry, refresh_token: Secret, note: dict[str, Json]) -> Result:
        """Ask the service. Nothing stands between its answer and the store."""
        client, wall = self._client(entry), self._renewals.wall
        if client is None:
            return ended(self._skill, self._auth, refused=False)
        request = renewal_request(self._login, client, refresh_token)
        try:
            response = await self._renewals.upstream.send(
                request, timeout=SECONDS, retry=None, allow_private=self._allow_private
            )
            stored = (each for each in entry.fields.values() if each is not None)
            redactor = Redactor([refresh_token, *stored, *client.secrets])
            if is_refused(response, self._login.token_field):
                words = reason_of(response, wall(), redactor)
                if is_ended(response):
                    return await self._ended(turn, entry, words, cut_off="asked_at" in note)
                remedy = _remedy(self._skill, self._auth)
                refusal = refusal_of(response, words, self._host, self._begin, remedy, wall())
                return await self._rest(turn, entry, refusal, note)
            granted = sendable_granted(granted_of(response, self._login.token_field, redactor))
        except TokenAnswerError as error:
            text = f"{self._begin}: the answer of {self._host} {error}"
            return await self._rest(turn, entry, Refusal(UpstreamInvalid.code, text), note)
        except AgentOSError as error:
            text = f"{self._begin}: {error.message}"
            return await self._rest(turn, entry, Refusal(error.code, text, error.retry_after), note)
        return await self._stored(turn, entry, _successor(entry, self._auth, granted, wall()))

    async def _stored(self, turn: Turn, old: Entry, new: Entry) -> Result:
        """Keep what the service gave; in memory when it cannot be written, until it can be."""
        renewals = self._renewals
        try:
            is_kept = await renewals.unstored.store(old, new)
        except (PrivateFileError, KeyringError) as error:
            text = (
                f"{self._begin}: the new token could not be stored, and is kept by the process that got it: {error}"
            )
            refusal = Refusal(CredentialNotFound.code, text, LONGEST_REST)
            return await self._rest(turn, old, refusal, {})  # others would use up the old refresh token
        await leave_if_possible(turn, of_refusal(_mark(new), renewals.wall()) if self._refused else {})
        if self._refused:
            token = new.fields[self._auth.fields[0]]
            assert token is not None
            renewals.note_refusal(self._skill, self._auth, token)
        entry = new if is_kept else await asyncio.to_thread(renewals.store.get, *self._key)
        if entry is None:
            return self._removed()
        return self._credential(entry)

    async def _ended(self, turn: Turn, entry: Entry, words: str, *, cut_off: bool) -> Result:
        """The refresh token is of no more use: it is forgotten, and the token used while it is good."""
        now = self._renewals.wall()
        fields = {name: value for name, value in entry.fields.items() if name != REFRESH_TOKEN}
        life = Life(now, now) if self._refused or entry.life is None else entry.life
        gone = replace(entry, fields=fields, life=life, ended=True)
        is_kept = await asyncio.to_thread(self._renewals.store.renew, entry, gone)
        await leave_if_possible(turn, {})
        if not is_kept and (newer := await asyncio.to_thread(self._renewals.store.get, *self._key)) is not None:
            return self._credential(newer)  # somebody logged in meanwhile
        refusal = ended(self._skill, self._auth, refused=True)
        why = f" {self._host} said: {words}."
        if cut_off:
            why += " A renewal before this one was broken off after it was asked for, and its answer is lost."
        return replace(refusal, text=refusal.text + why)

    async def _rest(self, turn: Turn, entry: Entry, refusal: Refusal, note: dict[str, Json]) -> Refusal:
        """The service is left alone for a while, by all processes."""
        now = self._renewals.wall()
        lost = refusal.code in (UpstreamTimeout.code, UpstreamTruncated.code, UpstreamInvalid.code)
        more = {"asked_at": now} if lost else {}  # it may have been renewed, and the answer lost
        return await rest(turn, _mark(entry), note, refusal, now, **more)

    def _removed(self) -> Refusal:
        remedy = _remedy(self._skill, self._auth)
        return Refusal(CredentialNotFound.code, f"Credential not found: the credential was removed. {remedy}.")

    def _client(self, entry: Entry) -> Client | None:
        """Who asks; None when its secret was not stored with the login."""
        try:
            return Client.of(self._login, entry.fields)
        except KeyError:
            return None

    def _credential(self, entry: Entry) -> Credential:
        fields = {name: value for name in self._auth.fields if (value := entry.fields.get(name)) is not None}
        return Credential(
            fields,
            entry.kept_in,
            entry.grants,
            entry.life,
            REFRESH_TOKEN in entry.fields,
            entry.ended,
            stands_in=self._seen.stands_in,
        )

    @property
    def _key(self) -> tuple[str, str]:
        return self._skill.id, self._auth.name


def ended(skill: Skill, auth: Auth, *, refused: bool) -> Refusal:
    """Only a person can help: what they are to do."""
    why = "has ended: the service renews it no more" if refused else "has run out"
    text = f'Credential not found: the login of the skill "{skill.id}" {why}. {_remedy(skill, auth)}.'
    return Refusal(CredentialNotFound.code, text)


def _remedy(skill: Skill, auth: Auth) -> str:
    return f"Run: agentos login {skill.id}" + ("" if auth.name == "default" else f" --credential {auth.name}")


def _successor(entry: Entry, auth: Auth, granted: Granted, now: float) -> Entry:
    """The entry with the new token; a service that gives no new refresh token keeps the old one good."""
    fields = {**entry.fields, auth.fields[0]: granted.key}
    if granted.refresh_token is not None:
        fields[REFRESH_TOKEN] = granted.refresh_token
    life = None if granted.expires_in is None else Life.of(now, granted.expires_in)
    return replace(entry, fields=fields, life=life, ended=False)


def _mark(entry: Entry) -> str:
    """Which token of a credential a note is about; nothing of its value."""
    return f"{entry.set_at} {entry.life.expires_at if entry.life else ''}"
