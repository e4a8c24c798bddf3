"""Two servers over one database, one of them with a clock that is an hour ahead: it changes nothing."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.console import SCRIPT, Console
from tests.clients import NO_TLS
from tests.end_to_end.house import House
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.security.support import until
from tests.stores.clock import HOUR, wrong_clock
from tests.stores.databases import ask
from tests.stores.test_replicas import BEARER, OPERATOR, limit, replica
from tests.stores.test_sealed import K1
from tests.toy.raw import Toy

pytestmark = pytest.mark.postgres
KEPT: Any = {"enabled": True, "hours": 1}


@contextlib.contextmanager
def ahead(console: Console, folder: Path, toy: Toy) -> Iterator[httpx.Client]:
    """A server whose clock is an hour ahead."""
    write_skill(console.skills, ORIGIN)
    console.home.mkdir(mode=0o700)
    (console.home / "config.toml").write_text("[idempotency]\nenabled = true\nhours = 1\n")
    console.environ |= wrong_clock(folder, HOUR)
    given = {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}", "TOY_API_KEY": KEY}
    command = [*SCRIPT, "serve", "--json", "--port", "0"]
    with subprocess.Popen(command, env=console.environ | given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            console.environ["AGENTOS_PORT"] = url.rpartition(":")[2]
            with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_TLS) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.slow
def test_a_clock_that_is_an_hour_ahead_changes_nothing(tmp_path: Path, database: str, console: Console) -> None:
    limit(database, agents={"few": {"calls_per_minute": 4}, "asks": {"ask_person": ["toy/ask"]}})
    console.environ |= {"AGENTOS_DATABASE": database, "AGENTOS_OPERATOR_TOKEN": OPERATOR, "AGENTOS_MASTER_KEY": K1}
    with (
        Toy(priced(0.25)) as toy,
        replica(tmp_path / "right", database, toy, idempotency=KEPT, master_key=K1) as right,
        ahead(console, tmp_path, toy) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        wrong = House(right.server, client, console.home, console.skills)
        both = (right, wrong)
        few = [each.call("toy", "ask", X_Agent="few") for each in (*both, *both, *both)]
        assert [each.status_code for each in few] == [200] * 4 + [429] * 2
        assert all(0 < int(each.headers["retry-after"]) <= 61 for each in few[4:])

        first, again = (each.call("toy", "ask", Idempotency_Key="once") for each in both)
        assert (again.headers["idempotency-replayed"], again.content) == ("true", first.content)

        for each in both:
            rows = each.client.get("/api/activity?since=5m", headers=BEARER).json()["rows"]
            assert [row["agent"] for row in rows] == ["tester"] * 2 + ["few"] * 6
            usage = each.client.get("/api/usage?since=5m", headers=BEARER).json()["rows"]
            assert sum(row["calls"] for row in usage) == 8

        for asked, answers in (both, both[::-1]):
            call = thread.submit(asked.call, "toy", "ask", X_Agent="asks")
            waits = answers.client
            assert until(lambda waits=waits: bool(_waiting(waits)))  # type: ignore[misc]
            entry = _waiting(waits)[0]
            begins, ends = (datetime.fromisoformat(entry[name]) for name in ("asked_at", "expires_at"))
            assert (ends - begins).total_seconds() < HOUR / 2
            assert abs(begins.timestamp() * 1000 - ask(database, "SELECT moment()")[0][0]) < HOUR * 500
            said = waits.post(f"/api/waiting/{entry['id']}", json={"decision": "yes"}, headers=BEARER)
            assert (said.status_code, call.result().status_code) == (200, 200)

        bound = wrong.client.post("/api/operator/agents", json={"agent": "bound"}, headers=BEARER)
        assert bound.status_code == 200, bound.text
        assert until(lambda: bool(_bound(right.client)))  # replicas are told of changes
        (listed,) = _bound(right.client)
        added = datetime.fromisoformat(listed["added_at"]).timestamp() * 1000
        assert abs(added - ask(database, "SELECT moment()")[0][0]) < HOUR * 500

        made = console.spawn("console", "--print", "--json")
        assert made.code == 0, made.err
        ticket = made.json["url"].rpartition("#")[2]
        browser = right.client.post("/console/session", json={"ticket": ticket})
        assert browser.status_code == 200, browser.text
        headers = {"Accept": "text/x-fragment", "X-Console-Key": browser.json()["key"]}
        for each in both:
            assert until(
                lambda each=each: each.client.get("/console/", headers=headers).status_code == 200  # type: ignore[misc]
            )


def _bound(client: httpx.Client) -> list[Any]:
    found: list[Any] = client.get("/api/operator/agents", headers=BEARER).json()["agents"]
    return [each for each in found if each["agent"] == "bound"]


def _waiting(client: httpx.Client) -> list[Any]:
    found: list[Any] = client.get("/api/waiting", headers=BEARER).json()["waiting"]
    return [each for each in found if each["state"] == "pending"]
