"""The event loop of a replica never waits for the database: it would answer nobody, and be taken for dead."""

import asyncio
import contextlib
import json
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.door import open_tickets
from agentos_runtime.limits.shared import set_rules
from agentos_runtime.storage.files import with_database
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.side import SideConnection
from tests.clients import NO_TLS
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.security.support import until
from tests.server.server import running
from tests.stores.databases import ask
from tests.stores.test_replicas import BEARER, OPERATOR
from tests.stores.test_sealed import K1
from tests.toy.raw import Toy

pytestmark = pytest.mark.postgres
PLAIN = {"Authorization": ""}
READS = ("/agents", "/limits", "/approvals", "/approvals/toy", "/credentials", "/attention")
PAGES = ("", "agents", "usage", "skills", "skills/toy", "activity", "keys", "waiting")


class Watched(SideConnection):
    """Notes who asks from a thread that has an event loop."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.waited: list[str] = []

    def execute(self, *args: Any, **options: Any) -> Any:
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            self.waited.append("".join(traceback.format_stack(limit=12)))
        return super().execute(*args, **options)


def test_the_event_loop_of_a_replica_waits_for_no_query(tmp_path: Path, database: str) -> None:
    write_skill(tmp_path / "skills", ORIGIN)
    with Toy(priced(0.5)) as toy:
        given = with_database(
            Settings(
                home=tmp_path / "home",
                skills=(tmp_path / "skills",),
                only_skills=True,
                rewrite={ORIGIN: toy.origin},
                database=database,
                operator_token=OPERATOR,
                master_key=K1,
            )
        )
        with contextlib.closing(given.documents.side):
            set_rules(
                given.documents,
                {"default": {"ask_person": ["toy/never"]}, "agents": {"tester": {"cost_per_day": 9.0}}},
            )
        watched = given.documents.side = Watched(Address(database))
        shown = {name: getattr(given, name) for name in ("home", "database", "documents", "operator_token")}
        with (
            contextlib.closing(watched),
            running(lambda: open_runtime(given, {"TOY_API_KEY": KEY}), **shown) as server,
            httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS, headers=BEARER) as client,
        ):
            watched.waited.clear()

            def asked(method: str, path: str, **body: Any) -> Any:
                answer = client.request(method, f"/api/operator{path}", json=body if method == "POST" else None)
                assert answer.status_code < 300, (path, answer.text)
                return answer.json() if answer.content else None

            assert client.post("/api/skills/toy/ask", json={}).status_code == 200
            for path in READS:
                asked("GET", path)
            asked("POST", "/agents", agent="bound")
            asked("POST", "/agents/bound/stop")
            asked("DELETE", "/agents/bound/stop")
            asked("DELETE", "/agents/bound")
            asked("POST", "/approvals/toy", authority=asked("GET", "/approvals/toy")["authority"])
            (declared,) = asked("GET", "/credentials")["credentials"]
            place = f"/credentials/toy/{declared['credential']}"
            fields = dict.fromkeys(declared["fields"], "another-key")
            asked("POST", place, fields=fields, authority=declared["authority"])
            asked("DELETE", place)
            asked("DELETE", "/approvals/toy")
            for path in ("/api/health", "/api/health/ready", "/metrics", "/api/activity", "/api/usage"):
                assert client.get(path).status_code == 200
            opened = client.post("/console/session", json={"ticket": open_tickets(given).make()}, headers=PLAIN)
            browser = {"X-Console-Key": opened.json()["key"], "Accept": "text/x-fragment", **PLAIN}
            for page in PAGES:
                assert client.get(f"/console/{page}", headers=browser).status_code == 200, page
            before = _used(database, ago=700)
            assert until(
                lambda: client.get("/console/", headers=browser).status_code == 200 and _used(database) > before
            )
        assert watched.waited == []


def _used(database: str, ago: float = 0.0) -> float:
    """When the one session was used, as the database has it; ago: put so many seconds earlier."""
    text = ask(database, "SELECT convert_from(data, 'UTF8') FROM document WHERE name = 'console.json'")[0][0]
    document = json.loads(text)
    (session,) = document["sessions"]
    session["used"] -= ago
    if ago:
        sql = "SELECT put_document_v1('console.json', version, ?) FROM document WHERE name = 'console.json'"
        ask(database, sql, json.dumps(document).encode())
    return float(session["used"])
