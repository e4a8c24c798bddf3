"""Calls that take a while: the answer becomes a stream, progress is told, who leaves ends the call."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.server.limits import Limits
from tests.mcp.lab import Client, Lab, lab
from tests.server.client import connected, post, read_until

SOON = Limits(patience=0.05, progress_after=0.02, progress_every=0.02, ping=0.02, call_grace=2)


@pytest.fixture(scope="module")
def soon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("soon"), pace=SOON) as it:
        yield it


def streamed(client: Client, soon: Lab, lines: int, **meta: Any) -> tuple[httpx.Response, list[str]]:
    """A call that goes on until so many lines of its stream have arrived; all of them."""
    soon.go_on.clear()
    message = client.message("tools/call", {"name": "test_tool_with_progress", "_meta": meta})
    seen: list[str] = []
    with client.http.stream("POST", "/mcp", json=message, headers=client.of(message)) as response:
        for line in response.iter_lines():
            seen.append(line)
            if len(seen) >= lines:
                soon.go_on.set()
    return response, seen


def messages(lines: list[str]) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize("modern", [True, False])
def test_a_late_answer_comes_as_the_last_event_of_a_stream(soon: Lab, modern: bool) -> None:
    response, lines = streamed(soon.client(modern=modern), soon, 1)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-store", "no")
    assert ": ping" in lines
    (answer,) = messages(lines)
    assert answer["result"]["structuredContent"] == {"done": True}


def test_progress_is_told_to_who_asked_for_it(soon: Lab) -> None:
    _, lines = streamed(soon.client(), soon, 9, progressToken="p-1")
    *told, answer = messages(lines)
    assert len(told) > 1
    assert {each["method"] for each in told} == {"notifications/progress"}
    assert {each["params"]["progressToken"] for each in told} == {"p-1"}
    seconds = [each["params"]["progress"] for each in told]
    assert seconds == sorted(set(seconds))
    assert answer["result"]["isError"] is False


def test_a_quick_answer_is_no_stream_although_progress_was_asked_for(shared: Lab) -> None:
    client = shared.client()
    done = client.send(client.message("tools/call", {"name": "test_echo", "_meta": {"progressToken": 1}}))
    assert done.headers["content-type"] == "application/json"


def test_a_client_that_takes_no_events_waits_for_json(soon: Lab) -> None:
    client = soon.client(Accept="application/json")
    soon.go_on.set()
    response = client.send(client.message("tools/call", {"name": "test_tool_with_progress"}))
    assert response.json()["result"]["structuredContent"] == {"done": True}


def test_a_client_that_leaves_ends_its_call(soon: Lab) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "test_never"}}
    server = soon.house.server
    headers = ("accept: application/json, text/event-stream", "x-request-id: leaving")
    with connected(server) as wire:
        wire.sendall(post(server, "/mcp", json.dumps(message).encode(), *headers))
        read_until(wire, b": ping")
        wire.shutdown(socket.SHUT_RDWR)
    row: dict[str, Any] = {}
    while row.get("outcome", "started") == "started":
        row = next(each for each in soon.house.rows() if each["request_id"] == "leaving")
    assert row["outcome"] == "cancelled"


def test_a_server_that_stops_says_so_on_the_stream(tmp_path: Path) -> None:
    pace = Limits(patience=0.02, ping=0.02, call_grace=0.1, stream_grace=0.05)
    with lab(tmp_path, pace=pace) as it:
        client = it.client()
        message = client.message("tools/call", {"name": "test_never"})
        seen: list[str] = []
        with client.http.stream("POST", "/mcp", json=message, headers=client.of(message)) as response:
            for line in response.iter_lines():
                seen.append(line)
                if line == ": ping":
                    it.house.server.stop()
        (answer,) = messages(seen)
        assert answer["error"]["code"] == -32603
        assert "stopping" in answer["error"]["message"]
