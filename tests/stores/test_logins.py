"""Logins over a database: their tokens are renewed once, whichever replicas need them at the same moment."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.security.authority import Grant
from agentos_runtime.security.credentials.opening import open_store
from agentos_runtime.security.credentials.secret import Life, Secret
from agentos_runtime.security.credentials.store import CredentialStore, Entry
from agentos_runtime.storage.files import with_database
from tests.cli.console import SCRIPT, Console, started
from tests.login.test_client_tokens import CLIENT
from tests.login.test_client_tokens import SKILL as CLIENTS
from tests.login.test_renewing import AN_HOUR, SKILL, call
from tests.login.token_service import TokenService, token_service
from tests.security.support import until
from tests.stores.databases import ask
from tests.stores.test_sealed import K1

pytestmark = pytest.mark.postgres


class Team:
    """Replicas over one database that has a login at the service."""

    def __init__(self, console: Console, service: TokenService, database: str) -> None:
        self.console = console
        self.service = service
        console.environ |= {"AGENTOS_DATABASE": database, "AGENTOS_MASTER_KEY": K1}
        console.write("demo/readme.md", SKILL.format(origin=service.origin))
        assert console.run("approve", "demo", "--yes").code == 0
        self._plain = Settings(home=console.home, database=database, master_key=K1)

    def keep(self, fields: dict[str, str], ends_in: float) -> None:
        """As `agentos login` leaves them."""
        now = time.time()
        grants = frozenset(
            Grant("default", self.service.origin, method, "header:authorization") for method in ("GET", "POST")
        )
        secrets = {name: Secret(text) for name, text in fields.items()}
        life = Life(now + ends_in - 60, now + ends_in)
        with self._store() as store:
            store.put(Entry("demo", "default", secrets, grants, "2026-11-29T00:00:00+00:00", life=life))

    def kept(self) -> dict[str, str]:
        with self._store() as store:
            entry = store.get("demo", "default")
        assert entry is not None
        return {name: value.reveal() for name, value in entry.fields.items() if value is not None}

    @contextmanager
    def replicas(self, many: int) -> Iterator[list[str]]:
        with ExitStack() as stack:
            homes = [str(self.console.home.with_name(f"home-{number}")) for number in range(many)]
            yield [stack.enter_context(self.console.serving(AGENTOS_HOME=home)) for home in homes]

    @contextmanager
    def _store(self) -> Iterator[CredentialStore]:
        """As it is now: without a copy from before."""
        settings = with_database(self._plain)
        with closing(settings.documents.side):
            yield open_store(settings)


@contextmanager
def team(console: Console, database: str, **how: Any) -> Iterator[Team]:
    with token_service(**how) as service:
        yield Team(console, service, database)


def test_replicas_renew_once_per_end_and_lose_no_token(console: Console, database: str) -> None:
    with team(console, database) as one, ThreadPoolExecutor(12) as pool:
        one.keep(one.service.first(), AN_HOUR)
        with one.replicas(2) as urls:
            for end in range(1, 4):
                one.keep(one.kept(), 30)
                answered = [*pool.map(call, urls * 6)]
                assert until(lambda end=end: call(urls[0])[0] == 200 and one.service.renewals >= end)  # type: ignore[misc]
                assert {status for status, _ in answered} == {200}
                assert (one.service.renewals, one.service.reused) == (end, 0)
            one.service.expire()
            assert {status for status, _ in pool.map(call, urls * 6)} == {200}
            assert (one.service.renewals, one.service.reused) == (4, 0)
        assert one.kept()["refresh_token"] == one.service.refresh


def test_a_replica_that_was_told_nothing_uses_the_token_of_the_one_before(console: Console, database: str) -> None:
    """Notices get lost; what a turn is about is read when it begins."""
    definition = ask(database, "SELECT pg_get_functiondef('put_document_v1'::regproc)")[0][0]
    ask(database, definition.replace("PERFORM pg_notify('changed', called);", ""))
    with team(console, database) as one, ThreadPoolExecutor(12) as pool:
        one.keep(one.service.first(), 30)
        with one.replicas(2) as urls:
            assert {status for status, _ in pool.map(call, urls * 6)} == {200}
        assert (one.service.renewals, one.service.reused) == (1, 0)


def test_a_client_is_given_one_token_for_all_replicas(console: Console, database: str) -> None:
    with team(console, database, client=CLIENT) as one, ThreadPoolExecutor(12) as pool:
        one.console.write("demo/readme.md", CLIENTS.format(origin=one.service.origin, more=""))
        assert one.console.run("keys", "set", "demo", stdin="\n".join(CLIENT)).code == 0
        with one.replicas(2) as urls:
            assert {status for status, _ in pool.map(call, urls * 6)} == {200}
            assert (one.service.renewals, len(set(one.service.calls))) == (1, 1)
            one.service.expire()
            assert call(urls[0])[0] == 200
            one.service.expire()
            assert [call(url)[1]["code"] for url in reversed(urls)] == ["credential_rejected"] * 2
        assert one.service.renewals == 2, "a token that just came of a refusal is not replaced for another"


def test_a_replica_that_dies_while_it_renews_holds_up_nobody_for_long(console: Console, database: str) -> None:
    with team(console, database, rotates=False) as one, ThreadPoolExecutor(1) as pool:
        one.keep(one.service.first(), 50)
        environ = one.console.environ | {"AGENTOS_HOME": str(one.console.home.with_name("dying"))}
        with one.replicas(1) as (url,):
            with started([*SCRIPT, "serve", "--port", "0", "--json"], env=environ) as process:
                assert process.stdout is not None
                dying = json.loads(process.stdout.readline())["url"]
                one.service.before_answer = process.kill
                with pytest.raises((OSError, EOFError)):
                    pool.submit(call, dying).result()
                process.wait()
            one.service.before_answer = lambda: None
            assert call(url)[0] == 200, "the token is good for a moment yet"
            assert len(one.service.posted) == 1, "what was asked for may still be answered"
            held = ask(database, "SELECT until - moment() FROM turn")[0][0]
            assert 0 < held <= 40_000
            ask(database, "UPDATE turn SET until = moment()")
            assert call(url)[0] == 200
            assert (len(one.service.posted), one.service.renewals) == (2, 2)
        assert one.kept()["access_token"] == one.service.calls[-1]


def test_a_replica_whose_turn_is_over_sends_no_refresh_token(console: Console, database: str) -> None:
    """As one that was frozen between taking its turn and asking, while another took it."""
    taken = "BEGIN UPDATE turn SET fence = nextval('turn_fence') WHERE name = NEW.name; RETURN NULL; END"
    ask(database, f"CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ {taken} $$")
    ask(database, "CREATE TRIGGER taken AFTER INSERT ON turn FOR EACH ROW EXECUTE FUNCTION taken()")
    with team(console, database) as one:
        one.keep(one.service.first(), -1)
        with one.replicas(1) as (url,):
            status, body = call(url)
            assert (status, body["code"], one.service.posted) == (503, "upstream_unavailable", [])
            ask(database, "UPDATE turn SET until = 0")
            assert call(url)[0] == 200
