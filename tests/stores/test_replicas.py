"""Two servers over one database: what holds for one holds for both, over real HTTP."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.limits.shared import set_rules
from agentos_runtime.storage.files import with_database
from tests.clients import NO_TLS
from tests.end_to_end.house import House
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.metrics.test_figures import OVER_A_DATABASE, Figures
from tests.security.support import until
from tests.server.server import running
from tests.stores.databases import ask
from tests.toy.raw import Toy, answer

pytestmark = pytest.mark.postgres
OPERATOR = "the-operators-own-token"


@contextlib.contextmanager
def replica(folder: Path, database: str, toy: Toy, **settings: Any) -> Iterator[House]:
    write_skill(folder / "skills", ORIGIN)
    plain = Settings(
        home=folder / "home",
        skills=(folder / "skills",),
        only_skills=True,
        rewrite={ORIGIN: toy.origin},
        database=database,
        operator_token=OPERATOR,
        **settings,
    )
    given = with_database(plain)
    shown = {name: getattr(given, name) for name in ("home", "database", "documents", "operator_token", "mcp")}
    with (
        contextlib.closing(given.documents.side),
        running(lambda: open_runtime(given, {"TOY_API_KEY": KEY}), **shown) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        yield House(server, client, folder / "home", folder / "skills")


@contextlib.contextmanager
def two(folder: Path, database: str, *script: Any, **settings: Any) -> Iterator[tuple[House, House, Toy]]:
    with (
        Toy(*(script or (priced(0.0),))) as toy,
        replica(folder / "a", database, toy, **settings) as first,
        replica(folder / "b", database, toy, **settings) as second,
    ):
        yield first, second, toy


def limit(database: str, **limits: Any) -> None:
    documents = with_database(Settings(home=Path("/nonexistent"), database=database)).documents
    with contextlib.closing(documents.side):
        set_rules(documents, limits)


def outcomes(answers: list[httpx.Response]) -> dict[int, int]:
    statuses = [answer.status_code for answer in answers]
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def test_limits_hold_over_all_replicas_and_sums_equal_the_ledger(tmp_path: Path, database: str) -> None:
    limit(database, default={"calls_per_minute": 20}, total={"calls_per_minute": 30})
    with two(tmp_path, database, priced(0.5)) as (first, second, toy), ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit((first, second)[number % 2].call, "toy", "ask", X_Agent=f"bot-{number % 3}")
            for number in range(90)
        ]
        assert outcomes([each.result() for each in calls]) == {200: 30, 429: 60}
        assert len(toy.requests) == 30
        rows = ask(database, "SELECT outcome, count(*), sum(cost) FROM ended GROUP BY outcome ORDER BY outcome")
        assert rows == [("error", 60, None), ("ok", 30, 15.0)]
        assert ask(database, "SELECT sum(cost_day), sum(running) FROM subject WHERE name <> ''") == [
            (15_000_000_000, 0)
        ]
        assert ask(database, "SELECT count(*) FROM open_call") == [(0,)]
        assert [
            len(each.client.get("/api/activity", headers=BEARER).json()["rows"]) for each in (first, second)
        ] == [90, 90]


def test_new_limits_hold_at_once_in_every_replica(tmp_path: Path, database: str) -> None:
    with two(tmp_path, database) as (first, second, _):
        assert first.call("toy", "ask").status_code == 200
        limit(database, agents={"tester": {"calls_per_minute": 1}})
        assert outcomes([each.call("toy", "ask") for each in (first, second, first)]) == {200: 1, 429: 2}


def test_a_call_is_made_once_under_its_key_whichever_replica_is_asked(tmp_path: Path, database: str) -> None:
    kept = {"idempotency": {"enabled": True, "plain": True}}
    with two(tmp_path, database, **kept) as (first, second, toy), ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit((first, second)[number % 2].call, "toy", "ask", Idempotency_Key=f"key-{number % 3}")
            for number in range(24)
        ]
        answers = [each.result() for each in calls]
        assert outcomes(answers) == {200: 24}
        assert len(toy.requests) == 3
        assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 21
        other = first.call("toy", "ask", {"text": "something else"}, Idempotency_Key="key-1")
        assert other.status_code == 400


def test_an_agents_token_works_in_every_replica_and_ends_in_every_one(tmp_path: Path, database: str) -> None:
    with two(tmp_path, database) as (first, second, _):
        made = first.client.post("/api/operator/agents", json={"agent": "bound"}, headers=BEARER)
        token = {"Authorization": f"Bearer {made.json()['token']}", "X-Agent": "bound"}

        def answered(house: House, status: int) -> bool:
            return house.client.post("/api/skills/toy/ask", json={}, headers=token).status_code == status

        assert answered(first, 200)
        assert until(lambda: answered(second, 200))
        assert second.client.delete("/api/operator/agents/bound", headers=BEARER).status_code == 204
        assert answered(second, 401)
        assert until(lambda: answered(first, 401))


def test_what_a_dead_replica_left_open_is_interrupted_and_its_slot_is_free(tmp_path: Path, database: str) -> None:
    limit(database, default={"concurrent": 1})
    ask(database, "SELECT enter_v1('dead', '1', '')")
    number = "(moment() - 1767225600000) << 12"
    version = "(SELECT rules FROM standing_orders)"
    texts = "'{r}', '{tester}', '{toy}', '{ask}', '{t}'"
    ask(database, f"SELECT admit_v1(1, {version}, false, ARRAY[{number}], {texts})")
    ask(database, "UPDATE replica SET beat = moment() - 4000")
    with Toy(priced(0.0)) as toy, replica(tmp_path, database, toy) as house:
        assert house.call("toy", "ask").status_code == 429
        assert until(lambda: house.call("toy", "ask").status_code == 200)
    assert ask(database, "SELECT outcome FROM ended WHERE request_id = 'r'") == [("interrupted",)]


def test_over_mcp_no_address_is_given_that_another_replica_does_not_know(tmp_path: Path, database: str) -> None:
    long = answer(body=b"x" * 50_000, headers=[("Content-Type", "text/plain")])
    few = answer(body=b"\0" * 100, headers=[("Content-Type", "application/pdf")])
    with Toy(long, few) as toy, replica(tmp_path, database, toy, mcp={"max_text": 10_000}) as house:
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "toy_fetch", "arguments": {}},
        }
        told = [house.client.post("/mcp", json=message, headers=MCP) for _ in range(2)]
        assert "Ask for less" in told[0].text
        assert [each.status_code for each in told if "agentos://replies" not in each.text] == [200, 200]
        assert told[1].json()["result"]["content"][0]["resource"]["mimeType"] == "application/pdf"


def test_of_those_who_find_a_dead_replica_one_closes_its_calls(database: str) -> None:
    limit(database, total={"concurrent": 100})
    begin = "(moment() - 1767225600000) << 12"
    for dead in (1, 2):
        ask(database, f"SELECT enter_v1('dead-{dead}', '1', '')")
        for number in range(20):
            texts = "'{r}', '{tester}', '{toy}', '{ask}', '{t}'"
            call = f"ARRAY[({begin}) + {100 * dead + number}]"
            version = "(SELECT rules FROM standing_orders)"
            ask(database, f"SELECT admit_v1({dead}, {version}, false, {call}, {texts})")
    ask(database, "UPDATE replica SET beat = moment() - 6000")
    with ThreadPoolExecutor(8) as threads:
        told = [threads.submit(ask, database, "SELECT reap_v1(5000)") for _ in range(8)]
        closed = [each.result()[0][0] for each in told]
    assert sorted(filter(None, closed)) == [20, 20]
    assert ask(database, "SELECT outcome, count(*) FROM ended GROUP BY 1") == [("interrupted", 40)]
    assert ask(database, "SELECT running FROM subject WHERE name = ''") == [(0,)]


def test_figures_tell_of_the_database_of_other_replicas_and_of_rows_in_no_week(
    tmp_path: Path, database: str
) -> None:
    late = "jsonb_build_array(first_id(moment() + 31536000000), 'r', 'bot', 'toy', 'ask', 'ok'"
    ask(database, f"SELECT settle_v1(1, jsonb_build_array({late}, {', '.join(['null'] * 12)}, 0, 0, false)))")
    with two(tmp_path, database) as (first, second, _):

        def figures(house: House) -> Figures:
            return Figures(house.client.get("/metrics", headers=BEARER).text)

        assert first.call("toy", "ask").status_code == 200
        told = figures(first)
        assert {name.removesuffix("_total") for name, _ in told.samples} >= OVER_A_DATABASE
        assert (told("agentos_database_up"), told("agentos_activity_weeks_ahead")) == (1, 4)
        assert told("agentos_activity_unplaced_rows") == 1
        assert told("agentos_database_schema") == ask(database, "SELECT max(number) FROM migration")[0][0]
        assert (told("agentos_database_admits_total"), told("agentos_journal_age_seconds")) == (1, 0)
        assert 0 < told("agentos_database_admit_seconds_total") < 60
        assert told("agentos_database_carried_total") >= told("agentos_database_trips_total") >= 2
        assert until(lambda: figures(first)("agentos_replicas") == 2)
        assert until(lambda: figures(first)("agentos_replicas_skills") == 1)
        digests = [each.client.get("/api/health").json()["skills_digest"] for each in (first, second)]
        assert digests[0] == digests[1]
        (second.skills / "more.md").write_text(
            (second.skills / "toy.md").read_text().replace("id: toy", "id: more")
        )
        assert until(lambda: second.client.get("/api/health").json()["skills_digest"] != digests[1])
        assert until(lambda: figures(first)("agentos_replicas_skills") == 2)


MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18", "X-Agent": "tester"}
BEARER = {"Authorization": f"Bearer {OPERATOR}", "X-Agent": "tester"}
