"""Server-sent events: the bytes, the one end, the silence, the leaving."""

import json
import queue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentos_runtime.calls.call import Event
from agentos_runtime.errors import UpstreamFailed
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.sse import frames
from tests.server.client import ask, connected, post, read_until
from tests.server.server import running
from tests.server.toy_runtime import ToyRuntime
from tests.sizes import examples

CHAT = "/api/skills/toy/chat"
HEL, LO = Event("delta", {"content": "Hel"}), Event("delta", {"content": "lo"})
DONE = Event("done", {"content": "Hello"})


def events(body: bytes) -> list[tuple[str, Any]]:
    """Reads a stream as the standard says, comments left out."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        if not block.startswith(":"):
            name, data = block.split("\n")
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_stream_is_exactly_these_bytes() -> None:
    with running(ToyRuntime({"chat": [[HEL, LO], [DONE]]}).open) as server:
        answer = ask(server, "POST", CHAT, {"stream": True}, {"X-Request-Id": "r"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-request-id"] == "r"
    assert answer.body == (
        b'event: delta\ndata: {"content":"Hel"}\n\nevent: delta\ndata: {"content":"lo"}\n\n'
        b'event: done\ndata: {"content":"Hello"}\n\n'
    )


@pytest.mark.parametrize("pours", [False, True])
def test_a_client_of_http_1_0_gets_a_stream_without_chunks_until_the_connection_ends(pours: bool) -> None:
    with running(ToyRuntime({"chat": [[HEL, LO], [DONE]]}, pours=pours).open) as server, connected(server) as wire:
        request = post(server, CHAT, b'{"stream":true}').replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        wire.sendall(request)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"\r\nconnection: close" in head.lower()
    assert body == frames([HEL, LO]) + frames([DONE])


@pytest.mark.parametrize(
    ("body", "accept", "streamed"),
    [
        ({"stream": True}, "application/json", True),
        ({}, "text/event-stream", True),
        ({}, "TEXT/Event-Stream;q=1", True),
        ({"stream": None}, "text/event-stream", True),
        ({}, "text/event-stream, application/json", False),
        ({}, "*/*", False),
        ({}, "text/event-stream;q=0", False),
        ({}, "text/event-stream; Q=0.000, */*", False),
        ({}, "text/event-stream, application/json;q=0", True),
    ],
)
def test_a_stream_is_asked_for_by_the_body_or_by_accept(body: dict[str, Any], accept: str, streamed: bool) -> None:
    runtime = ToyRuntime({"chat": [[DONE]]})
    with running(runtime.open) as server:
        answer = ask(server, "POST", CHAT, body, {"Accept": accept})
    assert answer.headers["content-type"].startswith("text/event-stream") is streamed
    assert "stream" not in runtime.calls[0].params


@pytest.mark.parametrize("pours", [False, True])
def test_events_that_are_ready_together_leave_in_one_piece(pours: bool) -> None:
    batch = [Event("delta", {"content": str(number)}) for number in range(50)]
    runtime = ToyRuntime({"chat": [batch, [DONE]]}, pours=pours)
    with running(runtime.open) as server, connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}'))
        raw = read_until(wire, b"0\r\n\r\n")
    chunks = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert [chunk.count(b"event:") for chunk in chunks if b"event:" in chunk] == [50, 1]


def test_what_fails_before_the_first_event_keeps_its_status() -> None:
    with running(ToyRuntime().open) as server:
        answer = ask(server, "POST", "/api/skills/toy/refuse", {"stream": True})
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "upstream_rate_limited", "7")


@pytest.mark.parametrize(
    ("failure", "code"),
    [(UpstreamFailed("broke"), "upstream_failed"), (KeyError("secret"), "internal_error"), ([], "internal_error")],
)
def test_what_fails_later_is_one_terminal_error(failure: Any, code: str) -> None:
    with running(ToyRuntime({"chat": [[HEL], failure]}).open) as server:
        answer = ask(server, "POST", CHAT, {"stream": True}, {"X-Request-Id": "r"})
    (first, _), (last, data) = events(answer.body)
    assert (first, last) == ("delta", "error")
    assert (data["code"], data["request_id"], data["skill"]) == (code, "r", "toy")
    assert "secret" not in answer.body.decode()


def test_nothing_follows_the_terminal_event() -> None:
    runtime = ToyRuntime({"chat": [[DONE], [HEL], [DONE]]})
    with running(runtime.open) as server:
        answer = ask(server, "POST", CHAT, {"stream": True})
    assert [name for name, _ in events(answer.body)] == ["done"]
    assert runtime.happened == ["closed", "runtime closed"]


def test_silence_is_filled_with_comments() -> None:
    with running(ToyRuntime({"chat": [[HEL], None]}).open, Limits(ping=0.05)) as server, connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}'))
        head = read_until(wire, b": ping\n\n")
        more = read_until(wire, b": ping\n\n")
    assert b"event: delta" in head
    assert b"event:" not in more


@pytest.mark.parametrize("body", [b'{"stream": true}', b"{}"])
@pytest.mark.parametrize("utility", ["slow", "chat"])
def test_a_client_that_leaves_ends_its_call_and_only_its_call(utility: str, body: bytes) -> None:
    runtime = ToyRuntime({"chat": [[HEL], None]})
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    if (utility, body) == ("chat", b"{}"):
        utility = "slow"
    with running(runtime.open) as server:
        with connected(server) as wire:
            wire.sendall(post(server, f"/api/skills/toy/{utility}", body))
            if utility == "slow":
                assert happened.get(timeout=30) == "waiting"
            else:
                read_until(wire, b"Hel")
        assert happened.get(timeout=30) == ("cancelled" if utility == "slow" else "closed")
        assert ask(server, "POST", "/api/skills/toy/echo", {}).status == 200
        assert happened.empty()


def test_a_client_that_leaves_after_the_end_does_not_disturb_the_closing() -> None:
    runtime = ToyRuntime({"chat": [[DONE]]}, closes_slowly=True)
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open) as server:
        with connected(server) as wire:
            wire.sendall(post(server, CHAT, b'{"stream": true}'))
            read_until(wire, b"0\r\n\r\n")
        assert happened.get(timeout=30) == "closing"
        assert ask(server, "GET", "/api/health").status == 200
        server.loop.call_soon_threadsafe(runtime.finish_patient_calls)
        assert happened.get(timeout=30) == "closed"


@pytest.mark.parametrize("pours", [False, True])
def test_a_reader_that_is_slow_holds_the_stream_back_and_gets_everything(pours: bool) -> None:
    big = Event("delta", {"content": "x" * 100_000})
    taken: queue.Queue[str] = queue.Queue()
    runtime = ToyRuntime({"chat": [*([[big]] * 200), [DONE]]}, pours=pours)
    runtime.on_log = taken.put
    with running(runtime.open) as server, connected(server) as wire:
        wire.sendall(post(server, CHAT, b'{"stream": true}'))
        read_until(wire, b"event: delta")
        if pours:
            assert taken.get(timeout=30) == "not taken"
        assert taken.empty(), "20 MB went into buffers although nobody reads"
        rest = read_until(wire, b"0\r\n\r\n")
        assert rest.count(b"event: delta") == 199
        assert b"event: done" in rest
        while (said := taken.get(timeout=30)) == "not taken":
            """It did not take one of the next."""
        assert said == "closed"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@hypothesis_settings(max_examples=examples(40), deadline=None)
@given(data=st.lists(json_values, min_size=1, max_size=3))
def test_any_data_is_one_line_and_comes_back_as_it_was(data: list[Any]) -> None:
    assert events(frames([Event("delta", value) for value in data])) == [("delta", value) for value in data]
