"""Rows by their id, as spreadsheets, and as they come."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.private_files import PrivateFile
from tests.end_to_end.house import House
from tests.limits.support import limited_house, priced

FORMULA = "=cmd|'/c calc'!A0"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with limited_house(tmp_path_factory.mktemp("activity"), priced(0.0000015)) as (house, _):
        for agent in (FORMULA, "@sum", "+1", "plain"):
            house.client.post("/api/skills/toy/ask", json={"text": "x"}, headers={"X-Agent": agent})
        yield house


def test_a_row_is_found_by_its_id_by_whom_may_see_it(served: House) -> None:
    newest = served.rows()[0]
    assert served.client.get(f"/api/activity/{newest['id']}").json() == newest
    for missing in ("999", "x", "1" * 30, "-1"):
        answer = served.client.get(f"/api/activity/{missing}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    token = Agents(PrivateFile(served.home / "agents.json")).add("eve")
    eve = {"Authorization": f"Bearer {token}"}
    assert served.client.get(f"/api/activity/{newest['id']}", headers=eve).status_code == 404
    Agents(PrivateFile(served.home / "agents.json")).remove("eve")


def sheet(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_sheet_has_the_same_rows_and_no_formula(served: House) -> None:
    rows = sheet(served.client.get("/api/activity", headers={"Accept": "text/csv"}))
    assert [row["id"] for row in rows] == [str(row["id"]) for row in served.rows()]
    assert {row["agent"] for row in rows} == {f"'{FORMULA}", "'@sum", "'+1", "plain"}
    assert {row["cost"] for row in rows} == {"0.0000015"}
    page = served.client.get("/api/activity", params={"limit": "2"}, headers={"Accept": "text/csv"})
    following = httpx.URL(page.headers["link"].partition(">")[0][1:])
    rest = sheet(served.client.get("/api/activity" + str(following), headers={"Accept": "text/csv"}))
    assert [*sheet(page), *rest] == rows
    sums = sheet(served.client.get("/api/usage", params={"by": "agent"}, headers={"Accept": "text/csv"}))
    assert {row["agent"]: row["calls"] for row in sums}["plain"] == "1"
    assert served.client.get("/api/activity", headers={"Accept": "text/csv, application/json"}).json()["rows"]


def test_filters_say_which_rows(served: House) -> None:
    row = served.rows()[0]
    for query in ({"request_id": row["request_id"]}, {"model": "none"}, {"code": "x"}, {"until": "1h"}):
        found = served.client.get("/api/activity", params=query).json()["rows"]
        assert found == ([row] if "request_id" in query else [])


class Events:
    """A stream of rows, read as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        self.mark = ""

    def next(self) -> dict[str, Any]:
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.mark = value
            if name == "data":
                return dict(json.loads(value))
        raise AssertionError("the stream ended")


def test_rows_come_as_they_begin_and_end_and_go_on_after_the_last(served: House) -> None:
    def call(agent: str) -> None:
        served.client.post("/api/skills/toy/free", json={}, headers={"X-Agent": agent})

    with served.client.stream("GET", "/api/activity/events", params={"agent": "ann"}) as response:
        events = Events(response)
        call("bob")
        call("ann")
        first = events.next()
        told = [first] if first["outcome"] != "started" else [first, events.next()]
        assert [(row["agent"], row["utility"]) for row in told] == [("ann", "free")] * len(told)
        assert told[-1]["outcome"] == "ok"
        assert told[-1] == served.rows()[0]
    call("ann")
    call("ann")
    resumed = {"Last-Event-ID": events.mark}
    with served.client.stream("GET", "/api/activity/events", params={"agent": "ann"}, headers=resumed) as response:
        events = Events(response)
        ids = [events.next()["id"], events.next()["id"]]
        assert ids == [row["id"] for row in reversed(served.rows()[:2])]
    for wrong in ("x", "1;", "1;2,", "1" * 40):
        answer = served.client.get("/api/activity/events", headers={"Last-Event-ID": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_params")
    assert served.client.get("/api/activity/events", params={"since": "1h"}).status_code == 400


def test_a_stream_that_is_filtered_by_how_rows_end_misses_no_end(served: House) -> None:
    with served.client.stream("GET", "/api/activity/events", params={"outcome": "error"}) as response:
        events = Events(response)
        served.client.post("/api/skills/toy/free", json={})
        served.client.post("/api/skills/toy/ask", json={"text": 1})
        assert events.next()["code"] == "invalid_params"


def test_a_server_that_stops_ends_the_stream(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, _), house.client.stream("GET", "/api/activity/events") as response:
        house.server.stop()
        assert [line for line in response.iter_lines() if not line.startswith(":")] == []
