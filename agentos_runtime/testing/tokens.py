"""Tokens in a simulation: had by the runtime's own renewals, where a case says what the service answers."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.jsontext import JsonTextError, dump, parse
from agentos_runtime.manifest.model import Auth
from agentos_runtime.security.credentials.secret import Credential, Life, Secret
from agentos_runtime.security.credentials.store import REFRESH_TOKEN, CredentialStore, Entry
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.private_files import PrivateFile, Stamp, make_private_folder
from agentos_runtime.testing.fake_credentials import StandIns, given_name, stand_in
from agentos_runtime.testing.model import Case

_SET_AT = "2000-01-01T00:00:00+00:00"
_RUN_OUT = Life(0.0, 0.0)


class SimulatedTokens:
    """The stand-ins of tokens, kept in a folder of their own in `home`; `cases` are those that may answer now."""

    def __init__(self, home: Path, registry: Registry, cases: Callable[[], Iterable[Case]]) -> None:
        self.folder = home / "simulated"
        make_private_folder(self.folder)
        self.store = CredentialStore(PrivateFile(self.folder / "credentials.json"))
        self._registry = registry
        self._cases = cases
        self._given = self._begun = 0

    def stamp(self) -> Stamp | None:
        """Differs when `find` may answer otherwise: for each case anew, too."""
        return (self._begun, *(self.store.stamp() or ()))

    def begin(self) -> None:
        """Forget what was given: another case begins."""
        self._given = 0
        self._begun += 1
        for entry in self.store.entries():
            self.store.remove(entry.skill, entry.credential)
        for note in self.folder.glob(".renewal-*.lock"):
            note.unlink()

    def find(self, skill_id: str, name: str) -> Credential | None:
        """A credential whose tokens are asked for; None where no case has a request for one."""
        auth = self._auth(skill_id, name)
        login = auth.login if auth else None
        if auth is None or login is None or not any(self._asks(case, auth) for case in self._of(skill_id)):
            return None
        if not login.in_browser:
            return Credential(
                StandIns({each: Secret(stand_in(each)) for each in auth.asked}),
                "simulation",
                stands_in=True,
                renewable=True,
            )
        entry = self.store.get(skill_id, name)
        if entry is None:
            begins = any(case.exchanges[0].request.url == login.token_url for case in self._of(skill_id))
            names = (*auth.fields, REFRESH_TOKEN, *login.client_fields)
            fields: dict[str, Secret | None] = {each: Secret(stand_in(each)) for each in names}
            entry = Entry(skill_id, name, fields, frozenset(), _SET_AT, life=_RUN_OUT if begins else None)
            self.store.put(entry)
        held = {each: value for each in auth.fields if (value := entry.fields.get(each)) is not None}
        renewable = REFRESH_TOKEN in entry.fields
        return Credential(held, "simulation", frozenset(), entry.life, renewable, entry.ended, stands_in=True)

    def hidden(self, request: UpstreamRequest, response: UpstreamResponse) -> UpstreamResponse:
        """The answer with a stand-in for each token that a case has the service give."""
        auth = next((each for each in self._all() if each.login and each.login.token_url == request.url), None)
        if auth is None or auth.login is None:
            return response
        try:
            body = parse(response.body)
        except JsonTextError:
            return response
        if not isinstance(body, dict):
            return response
        self._given += 1
        for name in (auth.login.token_field, REFRESH_TOKEN):
            if isinstance(body.get(name), str) and body[name]:
                body[name] = stand_in(given_name(name, self._given))
        return replace(response, body=dump(body))

    def _of(self, skill_id: str) -> Iterable[Case]:
        return (case for case in self._cases() if case.skill == skill_id and case.exchanges)

    def _asks(self, case: Case, auth: Auth) -> bool:
        url = auth.login.token_url if auth.login else None
        return case.utility.credential == auth.name and any(each.request.url == url for each in case.exchanges)

    def _auth(self, skill_id: str, name: str) -> Auth | None:
        found = (entry.skill for entry in self._registry.entries if entry.id == skill_id and entry.skill)
        return next((skill.auth.get(name) for skill in found), None)

    def _all(self) -> Iterable[Auth]:
        skills = (entry.skill for entry in self._registry.entries if entry.skill)
        return (auth for skill in skills for auth in skill.auth.values())
