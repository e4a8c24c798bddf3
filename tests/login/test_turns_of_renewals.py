"""What is approved is looked at when a refresh token is sent, not when its renewal began to wait."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.errors import ApprovalRequired
from agentos_runtime.manifest.model import Auth, Login, Skill
from agentos_runtime.security.credentials.secret import Credential, Life, Secret
from agentos_runtime.security.credentials.store import CredentialStore, Entry
from agentos_runtime.security.login.renewing import Renewals
from agentos_runtime.storage.private_files import PrivateFile
from agentos_runtime.storage.turns import FileTurns
from tests.state.skills import api_key, skill

AUTH = replace(api_key(), kind="oauth", login=Login("https://a.example/auth", "https://a.example/token", "me"))
SKILL = skill(auth=(AUTH,))
ENDED = Life(0.0, 1.0)


@dataclass
class Operator:
    """Permits the renewal until it is revoked."""

    revoked: bool = False

    def authorize_renewal(self, skill: Skill, auth: Auth, credential: Credential) -> bool:
        if self.revoked:
            raise ApprovalRequired("revoked", details={})
        return False


@dataclass
class Service:
    asked: list[UpstreamRequest] = field(default_factory=list)

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: None, allow_private: bool
    ) -> UpstreamResponse:
        self.asked.append(request)
        return UpstreamResponse(200, {}, b'{"access_token": "new", "expires_in": 3600}')


@pytest.mark.parametrize("revoked", [True, False])
def test_what_is_revoked_while_a_renewal_waits_for_its_turn_is_not_sent(tmp_path: Path, revoked: bool) -> None:
    store, service, operator = CredentialStore(PrivateFile(tmp_path / "c.json")), Service(), Operator()
    fields = {"key": Secret("old"), "refresh_token": Secret("again")}
    store.put(Entry(SKILL.id, AUTH.name, fields, frozenset(), "2026-11-28", life=ENDED))
    seen = Credential({"key": Secret("old")}, "credentials.json", life=ENDED, renewable=True)

    async def waits() -> Credential:
        async def meanwhile(seconds: float) -> None:
            operator.revoked = revoked
            await other.__aexit__(None, None, None)
            await asyncio.sleep(0)

        async with Renewals(
            store, service, operator, FileTurns(tmp_path), wall=time.time, sleep=meanwhile
        ) as renewals:
            turn = await renewals.turn(SKILL, AUTH, good_yet=False)
            assert turn is not None
            other = turn
            return await renewals.current(SKILL, AUTH, seen, None)

    if revoked:
        with pytest.raises(ApprovalRequired):
            asyncio.run(waits())
        assert service.asked == []
    else:
        assert asyncio.run(waits()).fields == {"key": Secret("new")}


def test_a_clock_that_is_put_back_after_a_renewal_does_not_put_off_the_next(tmp_path: Path) -> None:
    store, service, clock = CredentialStore(PrivateFile(tmp_path / "c.json")), Service(), [1e9]
    fields = {"key": Secret("old"), "refresh_token": Secret("again")}
    store.put(Entry(SKILL.id, AUTH.name, fields, frozenset(), "2026-11-28"))
    seen = Credential({"key": Secret("old")}, "credentials.json", renewable=True)

    async def refused_again(put_back: float) -> int:
        clock[0] = 1e9
        service.asked.clear()
        async with Renewals(store, service, Operator(), FileTurns(tmp_path), wall=lambda: clock[0]) as renewals:
            new = await renewals.current(SKILL, AUTH, seen, seen)
            clock[0] -= put_back
            await renewals.current(SKILL, AUTH, new, new)
        store.put(Entry(SKILL.id, AUTH.name, fields, frozenset(), "2026-11-28"))
        return len(service.asked)

    assert [asyncio.run(refused_again(seconds)) for seconds in (0.0, 3600.0)] == [1, 2]
