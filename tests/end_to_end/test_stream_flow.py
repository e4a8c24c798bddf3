"""Streams as agents live with them: long, silent, huge, many, read slowly, left early."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agentos_runtime.server.limits import Limits
from tests.end_to_end.chat import (
    ASK,
    HELLO,
    USAGE,
    Chat,
    Steps,
    Streamed,
    chat_house,
    chunk,
    completion,
    events_head,
    in_steps,
    sse,
    stream_bytes,
    streaming,
)
from tests.security.support import until
from tests.server.client import ask, post
from tests.toy.raw import Exchange, answer_json, endless, one_chunk, say, stall

LEFT = 30
"""Five times the half second within which an upstream is let go."""
PROCESSING = b": OPENROUTER PROCESSING\n\n"


@pytest.fixture(scope="module")
def shared_pinging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("pinging"), limits=Limits(ping=0.05)) as started:
        yield started


@pytest.fixture
def pinging(shared_pinging: Chat) -> Chat:
    shared_pinging.says()
    return shared_pinging


def test_every_delta_is_passed_on_when_it_arrives(chat: Chat) -> None:
    gate = Steps()
    chat.says(in_steps(*(sse(part, done=False) for part in HELLO), sse(), gate=gate.wait))
    gate.open()
    with chat.listening() as listener:
        listener.until('"content":"Hel"')
        gate.open()
        listener.until('"content":"lo"')
        assert "event: done" not in listener.text
        gate.open(9)
        assert listener.rest().done["content"] == "Hello"


def test_silence_is_filled_with_pings_and_comments_of_the_upstream_are_not_passed_on(pinging: Chat) -> None:
    gate = Steps()
    pinging.says(in_steps(PROCESSING + sse(HELLO[0], done=False) + PROCESSING, sse(*HELLO[1:]), gate=gate.wait))
    gate.open()
    with pinging.listening() as listener:
        listener.until("Hel")
        for _ in range(3):
            listener.until(": ping\n\n")
        gate.open(9)
        streamed = listener.rest()
    assert streamed.done["content"] == "Hello"
    assert "OPENROUTER" not in listener.text


def test_comments_stand_before_between_and_after_events(chat: Chat) -> None:
    parts = [PROCESSING * 15, *(PROCESSING + sse(part, done=False) + PROCESSING for part in HELLO), sse()]
    chat.says(say(stream_bytes(parts)))
    assert chat.stream().done["content"] == "Hello"


def test_the_usage_is_read_in_each_of_its_three_shapes(chat: Chat) -> None:
    finish = chunk("", "stop")
    for last in (
        {**chunk(""), "usage": USAGE},
        {**finish, "choices": [], "usage": USAGE},
        {**finish, "usage": USAGE},
    ):
        chat.says(streaming(chunk("Hello"), finish, last))
        done = chat.stream().done
        assert done["stop_reason"] == "end_turn"
        counts = {"input_tokens": 11, "output_tokens": 7, "cached_input_tokens": 5, "reasoning_tokens": 3}
        assert done["usage"] == counts | {"cost": 0.00125, "details": {"total_tokens": 18}}


def test_another_text_that_each_event_says_again_is_appended_each_time(chat: Chat) -> None:
    chat.says(streaming(*(chunk(text, reasoning="hm ") for text in "abcdefgh"), chunk("", "stop", usage=USAGE)))
    streamed = chat.stream()
    assert (streamed.done["content"], streamed.done["reasoning"]) == ("abcdefgh", "hm " * 8)
    assert streamed.text("reasoning") == "hm " * 8


def test_a_finish_that_is_followed_by_more_is_not_the_last_word(chat: Chat) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    chat.says(streaming(chunk(None, "tool_calls", tool_calls=[call]), chunk("after all"), chunk("", "stop")))
    done = chat.stream().done
    assert (done["content"], done["stop_reason"], len(done["tool_calls"])) == ("after all", "tool_use", 1)


@pytest.mark.slow
def test_an_event_of_five_megabytes_passes_whole_in_whatever_pieces(chat: Chat) -> None:
    url = "data:image/png;base64," + "iVBO" * (5 * 1024 * 256)
    image = {"type": "image_url", "image_url": {"url": url}}
    data = sse(chunk("", images=[image]), chunk("", "stop"))
    chat.says(say(stream_bytes(data[at : at + 65_536] for at in range(0, len(data), 65_536))))
    streamed = chat.stream()
    assert streamed.done["images"] == [image]
    assert [delta["images"] for delta in streamed.deltas if "images" in delta] == [[image]]


def test_a_hundred_streams_at_once_all_complete(chat: Chat) -> None:
    together = threading.Barrier(100)

    def meet(exchange: Exchange) -> None:
        number = json.loads(exchange.request.body)["seed"]
        exchange.send(events_head() + one_chunk(sse(chunk(f"{number}:"), done=False)))
        together.wait(timeout=30)
        exchange.send(
            stream_bytes([sse(chunk(f"{number}"), chunk("", "stop", usage=USAGE))]).partition(b"\r\n\r\n")[2]
        )

    def call(number: int) -> str:
        params = {**ASK, "seed": number, "stream": True}
        answered = ask(chat.house.server, "POST", "/api/skills/openrouter/chat", params)
        return str(Streamed.of(answered.body.decode()).done["content"])

    chat.says(meet)
    with ThreadPoolExecutor(100) as agents:
        answers = list(agents.map(call, range(100)))
    assert answers == [f"{number}:{number}" for number in range(100)]
    rows = chat.house.client.get("/api/activity", params={"limit": 100}).json()["rows"]
    assert {(row["outcome"], row["output_tokens"]) for row in rows} == {("ok", 7)}


def in_kernel_buffers(*ports: int) -> int:
    """The bytes that wait in the kernel's buffers of all connections to these ports, either way.

    How much the kernel takes differs between machines (tens of megabytes, from tcp_rmem), and says nothing of the
    runtime. The queues are in /proc/net/tcp, see proc_net_tcp in the kernel's documentation.
    """
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("this system does not list the queues of its sockets")
    waiting = 0
    for line in table.read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if {int(end.partition(":")[2], 16) for end in (local, remote)} & set(ports):
            waiting += sum(int(queue, 16) for queue in queues.split(":"))
    return waiting


def test_an_agent_that_does_not_read_slows_the_upstream_down(chat: Chat) -> None:
    event = one_chunk(sse(chunk("x" * 30_000), done=False))
    chat.says(endless(events_head(), event))
    with chat.listening() as listener:
        listener.until("xxx")
        connection = chat.connection
        assert connection.blocked.wait(2 * LEFT)
        ports = (chat.toy.port, urlsplit(chat.house.server.url).port or 0)
        # a moment without progress may pass, and the table of queues is of no single moment
        assert until(lambda: connection.sent - in_kernel_buffers(*ports) < 4_000_000)
    assert connection.gone.wait(LEFT)


def test_an_agent_that_leaves_a_stream_closes_the_upstream_and_its_row_with_what_was_used(chat: Chat) -> None:
    begun = sse(chunk("Hel", usage={"prompt_tokens": 11, "completion_tokens": 2, "cost": 0.5}), done=False)
    chat.says(stall(events_head() + one_chunk(begun)))
    with chat.listening() as listener:
        listener.until("Hel")
        assert chat.row["outcome"] == "started"
    assert chat.connection.gone.wait(LEFT)
    row = closed_row(chat)
    assert (row["outcome"], row["status"], row["upstream_status"]) == ("cancelled", None, 200)
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (11, 2, 0.5)
    assert (row["model"], row["provider"], row["generation_id"]) == ("toy/model-2026", "Toy", "gen-1")
    assert len(chat.toy.requests) == 1


@pytest.mark.parametrize("said", [b"", events_head()], ids=["before its head", "before its first event"])
def test_an_agent_that_leaves_before_the_stream_has_begun_closes_the_upstream(chat: Chat, said: bytes) -> None:
    leave_while(chat, {**ASK, "stream": True}, said)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"], ids=["at once", "half-way"]
)
def test_an_agent_that_leaves_a_plain_call_closes_the_upstream(chat: Chat, said: bytes) -> None:
    leave_while(chat, ASK, said)


def leave_while(chat: Chat, params: dict[str, object], said: bytes) -> None:
    """Ask, leave as soon as the upstream has the request, and see that everything was let go."""
    asked, left = threading.Event(), threading.Event()

    def hold(exchange: Exchange) -> None:
        exchange.send(said)
        asked.set()
        with contextlib.suppress(BaseException):
            exchange.connection.wait_until_gone()
        left.set()
        exchange.close()

    chat.says(hold)
    body = json.dumps(params).encode()
    wire = raw_post(chat, body)
    assert asked.wait(LEFT)
    wire.close()
    assert left.wait(LEFT)
    assert closed_row(chat)["outcome"] == "cancelled"
    assert len(chat.toy.requests) == 1
    chat.says(answer_json(completion("still here")))
    assert chat.ask().json()["content"] == "still here"


def raw_post(chat: Chat, body: bytes) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", chat.house.server.port), timeout=10)
    wire.sendall(post(chat.house.server, "/api/skills/openrouter/chat", body))
    return wire


def closed_row(chat: Chat) -> dict[str, object]:
    """The newest row, as soon as it is closed."""
    deadline = time.monotonic() + LEFT
    while (row := chat.row)["outcome"] == "started":
        assert time.monotonic() < deadline, "the row was not closed"
    return row
