"""`GET /metrics`: calls, their time, tokens and cost, refusals, under labels that nobody can multiply."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.metrics.families import MOST_SERIES, OTHER, Family, Histogram
from agentos_runtime.metrics.measured import MOST_MODELS, Measured
from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.private_files import PrivateFile
from tests.limits.support import KEY, ORIGIN, SKILL
from tests.openapi.lab import served, tool
from tests.toy.raw import Exchange, Toy, answer, answer_json

PARSE = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
found = [
    [family.name, family.type, family.documentation, [[s.name, s.labels, s.value] for s in family.samples]]
    for family in text_string_to_metric_families(sys.stdin.read())
]
print(json.dumps(found))
"""
LIMITS = {
    "default": {"deny": ["toy/free"]},
    "agents": {"known": {"deny": []}, "poor": {"cost_per_day": 0.5}, "hasty": {"calls_per_minute": 1}},
}
USAGE = {"input_tokens": 10, "output_tokens": 4, "cached_input_tokens": 6, "cost": 0.25}
FAMILIES = {
    "agentos_build_info", "agentos_calls", "agentos_call_duration_seconds", "agentos_upstream_duration_seconds",
    "agentos_time_to_first_event_seconds", "agentos_expression_seconds", "agentos_calls_in_flight",
    "agentos_streams_open", "agentos_tokens", "agentos_cost_dollars", "agentos_refusals",
    "agentos_budget_used_ratio", "agentos_workers", "agentos_worker_restarts", "agentos_skills",
    "agentos_ledger_degraded", "agentos_breaker_open", "agentos_metrics_series_dropped", "python_info",
    "process_cpu_seconds", "process_max_fds", "process_virtual_memory_bytes", "process_resident_memory_bytes",
    "process_start_time_seconds", "process_open_fds",
}  # fmt: skip
OVER_A_DATABASE = {
    "agentos_database_up", "agentos_database_trips", "agentos_database_carried", "agentos_journal_bytes",
    "agentos_database_admits", "agentos_database_admit_seconds", "agentos_database_schema",
    "agentos_journal_age_seconds",
    "agentos_replicas", "agentos_replicas_skills", "agentos_reaped_calls", "agentos_activity_unplaced_rows",
    "agentos_activity_weeks_ahead",
}  # fmt: skip


def respond(exchange: Exchange) -> None:
    body = json.loads(exchange.request.body or b"{}")
    if body.get("stream"):
        events = [{"say": "hi"}, {"say": "!", "usage": USAGE, "model": "parrot"}]
        lines = [*map(json.dumps, events), "[DONE]"]
        kind = [("Content-Type", "text/event-stream")]
        answer(body="".join(f"data: {line}\n\n" for line in lines).encode(), headers=kind)(exchange)
    elif body.get("text") == "stall":
        exchange.stall()
    elif body.get("text") == "fail":
        answer_json({"error": "no"}, 500)(exchange)
    else:
        answer_json({"said": "hi", "model": "parrot", "usage": USAGE, "key": KEY})(exchange)


class Figures:
    """What one scrape gave, by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = {
            (name, tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))): float(value)
            for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
        }

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all series with these labels."""
        return sum(
            value
            for (found, given), value in self.samples.items()
            if found == name and labels.items() <= dict(given).items()
        )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Toy(respond) as toy:
        folder, environ = tmp_path_factory.mktemp("figures"), {"TOY_API_KEY": KEY}
        texts = {"toy": SKILL.replace("ORIGIN", ORIGIN)}
        with served(folder, texts, environ=environ, limits=LIMITS, rewrite={ORIGIN: toy.origin}) as made:
            yield made


def scrape(client: httpx.Client, **headers: str) -> Figures:
    response = client.get("/metrics", headers=headers)
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert KEY not in response.text
    return Figures(response.text)


def call(client: httpx.Client, agent: str, utility: str = "ask", **params: Any) -> httpx.Response:
    return client.post(f"/api/skills/toy/{utility}", json=params, headers={"X-Agent": agent})


def test_a_reader_of_the_format_finds_every_family_and_its_type(client: httpx.Client) -> None:
    call(client, "known")
    text = client.get("/metrics").text
    found = json.loads(tool("python", "-c", PARSE, stdin=text).stdout)
    assert {name for name, *_ in found} == FAMILIES
    assert all(about for _, _, about, _ in found)
    kinds = {name: kind for name, kind, *_ in found}
    assert {kinds[name] for name in FAMILIES if name.endswith("duration_seconds")} == {"histogram"}
    assert kinds["agentos_calls"] == kinds["agentos_refusals"] == "counter"
    assert kinds["agentos_calls_in_flight"] == "gauge"
    assert text.endswith("\n")


def test_a_call_is_counted_with_its_time_tokens_and_cost(client: httpx.Client) -> None:
    before = scrape(client)
    call(client, "known")
    after = scrape(client)

    def more(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    of = {"skill": "toy", "utility": "ask"}
    assert more("agentos_calls_total", **of, agent="known", outcome="ok", code="", surface="http") == 1
    assert more("agentos_call_duration_seconds_count", **of, outcome="ok") == 1
    assert more("agentos_call_duration_seconds_bucket", **of, outcome="ok", le="+Inf") == 1
    assert more("agentos_upstream_duration_seconds_count", skill="toy", origin=ORIGIN) == 1
    assert more("agentos_tokens_total", agent="known", model="parrot", type="input") == 10
    assert more("agentos_tokens_total", agent="known", model="parrot", type="cached_input") == 6
    assert more("agentos_cost_dollars_total", skill="toy", agent="known", model="parrot") == 0.25
    assert after("agentos_calls_in_flight") == 0


def test_a_stream_is_counted_until_its_end_and_to_its_first_event(client: httpx.Client) -> None:
    before = scrape(client)
    with client.stream("POST", "/api/skills/toy/ask", json={"stream": True}) as response:
        response.read()
    after = scrape(client)
    first = "agentos_time_to_first_event_seconds_count"
    assert after(first, utility="ask") - before(first, utility="ask") == 1
    assert (after("agentos_streams_open"), after("agentos_calls_in_flight")) == (0, 0)
    assert after("agentos_tokens_total", agent=OTHER) - before("agentos_tokens_total", agent=OTHER) == 20


def test_failures_and_refusals_are_told_apart(client: httpx.Client) -> None:
    before = scrape(client)
    assert call(client, "known", text="fail").status_code == 502
    assert call(client, "stranger", "free").status_code == 403
    assert [call(client, "hasty").status_code for _ in range(2)] == [200, 429]
    assert [call(client, "poor").status_code for _ in range(3)] == [200, 200, 402]
    after = scrape(client)
    assert after("agentos_calls_total", agent="known", outcome="error", code="upstream_failed") == 1
    refused = {
        (reason, agent): after("agentos_refusals_total", reason=reason, agent=agent)
        - before("agentos_refusals_total", reason=reason, agent=agent)
        for reason, agent in (("not_allowed", OTHER), ("rate", "hasty"), ("budget", "poor"))
    }
    assert refused == {("not_allowed", OTHER): 1, ("rate", "hasty"): 1, ("budget", "poor"): 1}
    assert after("agentos_budget_used_ratio", agent="poor", budget="cost_per_day") == 1
    assert after("agentos_skills", state="ready") == 1


def test_a_caller_that_leaves_is_counted_as_that_and_leaves_nothing_under_way(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/skills/toy/ask", json={"text": "stall"}, headers={"X-Agent": "known"}, timeout=0.3)
    while (after := scrape(client))("agentos_calls_in_flight"):
        pass
    assert after("agentos_calls_total", agent="known", outcome="cancelled", code="") == 1
    assert after("agentos_call_duration_seconds_count", outcome="cancelled") == 1


def test_names_that_callers_make_up_make_no_series(client: httpx.Client) -> None:
    call(client, "first stranger")
    before = scrape(client)
    for number in range(40):
        call(client, f"stranger {number}")
        client.post(f"/api/skills/made-up-{number}/x", json={})
        client.post(f"/api/skills/toy/made_up_{number}", json={})
    after = scrape(client)
    assert "stranger" not in after.text
    assert "made" not in after.text
    assert after("agentos_calls_total", skill=OTHER) - before("agentos_calls_total", skill=OTHER) == 40
    assert len(after.samples) - len(before.samples) < 80


def test_whose_agents_are_bound_shows_figures_to_the_operator_only(tmp_path: Path) -> None:
    operator = {"Authorization": "Bearer the-operators-own"}
    with served(tmp_path, {"toy": SKILL}, operator_token="the-operators-own") as client:
        assert client.get("/metrics").status_code == 200
        token = Agents(PrivateFile(tmp_path / "home" / "agents.json")).add("bound")
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            refused = client.get("/metrics", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert client.get("/metrics", headers=operator).status_code == 200
        call(client, "nobody")
        client.post("/api/skills/toy/ask", json={}, headers={"Authorization": f"Bearer {token}"})
        assert scrape(client, **operator)("agentos_calls_total", agent="bound") == 1


@pytest.mark.parametrize(("open_to_all", "status"), [(False, 401), (True, 200)])
def test_where_a_token_is_asked_for_programs_of_this_machine_read_only_what_was_opened(
    tmp_path: Path, open_to_all: bool, status: int
) -> None:
    with served(tmp_path, {"toy": SKILL}, token="t0ken", metrics={"open": open_to_all}) as client:
        assert client.get("/metrics").status_code == status
        assert client.get("/metrics", headers={"Authorization": "Bearer t0ken"}).status_code == 200
        assert client.get("/api/skills").status_code == 401


def test_the_first_models_stand_for_themselves_and_the_rest_for_others() -> None:
    measured = Measured()
    named = [measured.model(f"m{number}") for number in range(MOST_MODELS + 5)]
    assert (len({*named}), named[-1], measured.model("m3")) == (MOST_MODELS + 1, OTHER, "m3")
    assert "agentos_metrics_series_dropped_total 5" in [*measured.lines()]


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_a_family_has_room_for_so_many_series(kind: str) -> None:
    dropped: list[None] = []
    labels = ("a", "b")
    if kind == "counter":
        family: Family | Histogram = Family("x_total", "X", "counter", labels, lambda: dropped.append(None))
        add = family.add  # type: ignore[union-attr]
    else:
        family = Histogram("x", "X", labels, lambda: dropped.append(None))
        add = family.observe
    for number in range(MOST_SERIES + 50):
        add((str(number), "b"), 1)
    assert (len(family.values), len(dropped)) == (MOST_SERIES + 1, 50)
    assert (OTHER, OTHER) in family.values


def test_a_reader_finds_every_label_as_it_was() -> None:
    odd = ['"', "\\", "\n", "\\n", "", "}", ",", "a=b", "žluť 🐎", " ", '\\"', "{", "#", "\u2028", "\r"]
    family = Family("odd_total", 'About "it"\\\nand more', "counter", ("a", "b"))
    for left in odd:
        for right in odd:
            family.add((left, right), 0.1)
    text = "".join(f"{line}\n" for line in family.lines())
    found: list[Any] = json.loads(tool("python", "-c", PARSE, stdin=text).stdout)
    (name, _, about, samples), labels = found[0], list[Mapping[str, str]]()
    labels = [each[1] for each in samples]
    assert (name, about) == ("odd", 'About "it"\\\nand more')
    assert [(each["a"], each["b"]) for each in labels] == [(left, right) for left in odd for right in odd]
