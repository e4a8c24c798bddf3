"""Spans of calls, as a collector of OpenTelemetry gets them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.metrics.settings import read_telemetry
from tests.cli.console import Console
from tests.end_to_end.house import KEY
from tests.proxy.lab import CHAT, QUERY, Lab, lab
from tests.security.support import until
from tests.toy.raw import Toy, answer, answer_json

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
PRIVATE = "words-that-are-nobodys-business"
SAID = {
    "id": "gen-1",
    "model": "a/b",
    "choices": [{"message": {"role": "assistant", "content": PRIVATE}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.25},
}


@dataclass
class Traced:
    """A house, and the collector that it tells."""

    lab: Lab
    collector: Toy

    def spans(self, least: int) -> list[dict[str, Any]]:
        """All that arrived, once there are so many."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [span for request in self.collector.requests for span in of(request.body)]
            return len(found) >= least

        assert until(there)
        return found


def of(body: bytes) -> list[dict[str, Any]]:
    spans = [
        span
        for resource in json.loads(body)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    for span in spans:
        span["attributes"] = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
    return spans


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with Toy(answer_json({})) as collector:
        telemetry = {"otlp_endpoint": collector.origin}
        with lab(tmp_path_factory.mktemp("traced"), telemetry=telemetry) as made:
            yield Traced(made, collector)


def test_a_call_and_its_request_are_spans_of_the_trace_that_its_caller_names(traced: Traced) -> None:
    traced.collector.requests.clear()
    traced.lab.upstream.says(answer_json(SAID))
    body = {"model": "a/b", "messages": [{"role": "user", "content": PRIVATE}]}
    headers = {"traceparent": TRACEPARENT, "tracestate": "x=1", "baggage": f"secret={PRIVATE}"}
    said = traced.lab.use("POST", f"{CHAT}?note={PRIVATE}", json=body, headers=headers)
    server, client = traced.spans(2)
    assert (server["traceId"], server["parentSpanId"], server["kind"]) == (TRACE, PARENT, 2)
    assert (client["traceId"], client["parentSpanId"], client["kind"]) == (TRACE, server["spanId"], 3)
    assert (server["name"], client["name"]) == ("use openrouter", "chat a/b")
    assert int(server["startTimeUnixNano"]) <= int(client["startTimeUnixNano"]) <= int(client["endTimeUnixNano"])
    assert int(client["endTimeUnixNano"]) <= int(server["endTimeUnixNano"])
    assert (
        server["attributes"].items()
        >= {
            "agentos.agent": "tester",
            "agentos.skill": "openrouter",
            "agentos.request_id": said.headers["x-request-id"],
            "agentos.cost": 0.25,
            "http.response.status_code": "200",
        }.items()
    )
    assert client["attributes"] == {
        "server.address": "openrouter.ai",
        "http.response.status_code": "200",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openrouter",
        "gen_ai.response.model": "a/b",
        "gen_ai.response.id": "gen-1",
        "gen_ai.usage.input_tokens": "3",
        "gen_ai.usage.output_tokens": "4",
    }
    (request,) = traced.collector.requests
    assert (request.method, request.target) == ("POST", "/v1/traces")
    assert [word in request.raw.decode() for word in (PRIVATE, KEY, QUERY)] == [False] * 3
    upstream = traced.lab.upstream.asked
    assert [upstream.header(name) for name in ("traceparent", "tracestate", "baggage")] == [None] * 3


def test_services_that_the_operator_names_are_told_the_trace_of_a_call_and_no_others(tmp_path: Path) -> None:
    with Toy(answer_json({})) as collector:
        telemetry = {"otlp_endpoint": collector.origin, "propagate": ["https://openrouter.ai"]}
        with lab(tmp_path, telemetry=telemetry) as made:
            told = Traced(made, collector)
            sent = [("x-note", "mine"), ("traceparent", TRACEPARENT), ("tracestate", "x=1")]
            made.upstream.says(answer_json(SAID))
            made.use("POST", CHAT, json={"model": "a/b", "messages": []}, headers=dict(sent))
            upstream, (_, client) = made.upstream.asked, told.spans(2)
            assert upstream.header("traceparent") == f"00-{TRACE}-{client['spanId']}-01"
            assert upstream.header("tracestate") is None
            made.upstream.says(answer_json(SAID))
            made.use("POST", CHAT, json={"model": "a/b", "messages": []})
            assert made.upstream.asked.header("traceparent") is None
            made.upstream.says(answer_json({"found": []}))
            made.house.call("maps", "find", {"q": "x"}, traceparent=TRACEPARENT)
            assert made.upstream.asked.header("traceparent") is None


@pytest.mark.parametrize(
    "value", ["https://a.example", ["a.example"], ["https://a.example/x"], ["https://A.example"], [1]]
)
def test_services_to_be_told_are_named_by_their_origins(value: object) -> None:
    with pytest.raises(SettingsError, match=r"telemetry.*propagate.*write it as"):
        read_telemetry({"propagate": value}, "config.toml")


def test_utilities_tools_and_failures_are_told_apart(traced: Traced) -> None:
    traced.collector.requests.clear()
    traced.lab.upstream.says(answer(status=503, body=b"{}"))
    assert traced.lab.house.call("maps", "find", {"q": PRIVATE}).status_code == 503
    call = {"name": "maps_find", "arguments": {"q": PRIVATE}, "_meta": {"traceparent": TRACEPARENT}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    traced.lab.client.post("/mcp", json=message, headers={"X-Agent": "tester"})
    first, _, second, _ = traced.spans(4)
    assert (first["name"], first["status"]) == ("POST /api/skills/maps/find", {"code": 2})
    assert first["attributes"]["error.type"] == "upstream_unavailable"
    assert (second["name"], second["traceId"], second["parentSpanId"]) == ("tools/call maps_find", TRACE, PARENT)
    assert second["attributes"]["gen_ai.tool.name"] == "maps_find"
    assert "parentSpanId" not in first
    assert PRIVATE not in "".join(request.raw.decode() for request in traced.collector.requests)


def test_what_its_caller_does_not_record_is_not_sent(traced: Traced) -> None:
    traced.collector.requests.clear()
    traced.lab.upstream.says(answer_json({"found": 1}))
    unsampled = f"00-{'a' * 32}-{PARENT}-00"
    traced.lab.house.call("maps", "find", {"q": "x"}, traceparent=unsampled)
    traced.lab.house.call("maps", "find", {"q": "y"}, traceparent=TRACEPARENT)
    assert {span["traceId"] for span in traced.spans(2)} == {TRACE}


def test_a_collector_that_refuses_is_told_of_and_costs_no_call(tmp_path: Path) -> None:
    with (
        Toy(answer(status=500)) as collector,
        lab(tmp_path, telemetry={"otlp_endpoint": collector.origin}) as made,
    ):
        made.upstream.says(answer_json({"found": 1}))
        assert made.house.call("maps", "find", {"q": "x"}).json() == {"found": 1}
        assert until(lambda: "telemetry" in made.client.get("/api/health").json())
        assert "status 500" in made.client.get("/api/health").json()["telemetry"]


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x", "https://user@x", 'http://x?key="y"'])
def test_an_endpoint_that_is_none_is_told_at_the_start(tmp_path: Path, endpoint: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(f"[telemetry]\notlp_endpoint = '{endpoint}'\n")
    done = Console(home, tmp_path / "skills").run("call", "open-meteo", "find_place", "name=Oslo", "--local")
    assert (done.code != 0, "otlp_endpoint" in done.err) == (True, True)
