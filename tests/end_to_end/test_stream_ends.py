"""At its end a stream has told all that arrived, nothing of a key, and what became of it."""

import contextlib
import gzip
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.server.limits import Limits
from tests.end_to_end.chat import (
    ASK,
    HELLO,
    LAST_CHUNK,
    USAGE,
    Chat,
    Steps,
    changed_skill,
    chat_house,
    chunk,
    events_head,
    in_steps,
    sse,
    stream_bytes,
    streaming,
)
from tests.end_to_end.house import KEY
from tests.end_to_end.test_stream_flow import closed_row, raw_post
from tests.server.client import post, read_until
from tests.toy.raw import Behaviour, Exchange, answer_json, chunked_head, one_chunk, say, stall

BODY = json.dumps({**ASK, "stream": True}).encode()
OTHERS = """
utilities:
  words:
    description: Deltas are texts
    rest: {url: /words, stream: {delta: .item, accumulate: text, idle_timeout: 0.4}}
  sound:
    description: Bytes
    rest: {url: /sound, timeout: 0.4, response: {raw: true}}
"""


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Chat]:
    with chat_house(tmp_path, skills=changed_skill(tmp_path, ("\nutilities:\n", OTHERS))) as chat:
        yield chat


def leaked(text: str) -> bool:
    return KEY[:12] in text


@pytest.mark.parametrize("count", [40, 100])
@pytest.mark.parametrize("whole", [False, True])
def test_events_that_came_with_bytes_that_are_no_chunk_are_not_lost(chat: Chat, count: int, whole: bool) -> None:
    seen = Steps()
    parts = [chunk(f"{n},") for n in range(count)] + ([chunk("", "stop", usage=USAGE)] if whole else [])

    def behave(exchange: Exchange) -> None:
        exchange.send(events_head() + one_chunk(sse(chunk("Hel"), done=False)))
        seen.wait()
        exchange.send(one_chunk(sse(*parts, done=False)) + b"\x00\xffnonsense\r\n\r\n")
        exchange.close()

    chat.says(behave)
    with chat.listening() as listener:
        listener.until("Hel")
        seen.open()
        streamed = listener.rest()
    assert streamed.text() == "Hel" + "".join(f"{n}," for n in range(count))
    assert streamed.end == ("done" if whole else "error")


def late(chat: Chat, head: bytes, first: bytes, last: bytes) -> Behaviour:
    """The last piece comes in time, while the server's loop is busy until the timeout is over."""

    def behave(exchange: Exchange) -> None:
        exchange.send(head + one_chunk(first))
        time.sleep(0.2)
        chat.house.server.loop.call_soon_threadsafe(time.sleep, 0.4)
        time.sleep(0.1)
        exchange.send(one_chunk(last) + LAST_CHUNK)

    return behave


@pytest.mark.slow
def test_the_last_bytes_that_arrived_in_time_are_handed_on(impatient: Chat) -> None:
    impatient.says(late(impatient, chunked_head(200, [("Content-Type", "audio/mpeg")]), b"x" * 1_200_000, b"END"))
    assert impatient.house.call("openrouter", "sound").content.endswith(b"END")


@pytest.mark.slow
def test_the_last_piece_of_a_packed_stream_that_arrived_in_time_is_told(impatient: Chat) -> None:
    head = chunked_head(200, [("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")])
    first, last = (gzip.compress(sse({"item": text}, done=False)) for text in ("all ", "of it"))
    impatient.says(late(impatient, head, first, last))
    assert impatient.house.stream("openrouter", "words", {})[-1] == ("done", "all of it")


def test_a_client_that_leaves_its_second_call_ends_it(chat: Chat) -> None:
    def first(exchange: Exchange) -> None:
        exchange.send(events_head() + one_chunk(sse(*HELLO)))
        time.sleep(0.1)  # the last chunk comes a moment after the end mark
        exchange.send(LAST_CHUNK)

    chat.says(first, stall(events_head() + one_chunk(sse(chunk("Second"), done=False))))
    with raw_post(chat, BODY) as wire:
        read_until(wire, b"0\r\n\r\n")
        wire.sendall(post(chat.house.server, "/api/skills/openrouter/chat", BODY))
        read_until(wire, b"Second")
        time.sleep(0.4)
    assert chat.connection.gone.wait(5)
    assert closed_row(chat)["outcome"] == "cancelled"


def test_a_stream_that_ends_early_tells_all_its_text(chat: Chat) -> None:
    chat.says(say(stream_bytes([sse(chunk("Hel"), chunk(" This is"), done=False)])))
    streamed = chat.stream()
    assert streamed.text() == streamed.error["partial"]["content"] == "Hel This is"


def test_a_stop_tells_all_the_text(tmp_path: Path) -> None:
    begun = sse(chunk("Hel"), done=False), sse(chunk(" This is"), done=False)
    with chat_house(tmp_path, stall(events_head() + b"".join(map(one_chunk, begun)))) as chat:
        with chat.listening() as listener:
            listener.until("This")
            chat.house.server.stop()
            streamed = listener.rest()
        assert streamed.text() == streamed.error["partial"]["content"]


@pytest.mark.slow
def test_a_reply_that_fails_comes_behind_all_its_text(tmp_path: Path) -> None:
    skills = changed_skill(tmp_path, ("reply: settled($params)", 'reply: error("no")'))
    with chat_house(tmp_path, skills=skills) as chat:
        chat.says(streaming(chunk("Hel"), chunk(" This is"), chunk("", "stop", usage=USAGE)))
        streamed = chat.stream()
        assert streamed.text() == streamed.error["partial"]["content"]


def test_a_key_that_the_end_cuts_off_is_in_no_partial(chat: Chat) -> None:
    chat.says(say(stream_bytes([sse(chunk("Hel " + KEY[:-1]), done=False)])))
    assert not leaked(chat.ask({**ASK, "stream": True}).text)


def test_a_key_that_is_cut_within_a_stray_line_is_not_told(chat: Chat) -> None:
    line = ("x " * 200)[: 300 - len(KEY) + 1] + KEY
    chat.says(say(stream_bytes([sse(chunk("Hel"), done=False), line.encode() + b"\n\n"])))
    assert not leaked(chat.ask({**ASK, "stream": True}).text)


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_is_cut_within_an_errors_words_is_not_told(chat: Chat, stream: bool) -> None:
    error = {"error": {"code": 429, "message": ("x " * 2000)[: 2000 - len(KEY) + 1] + KEY}}
    chat.says(streaming(chunk("Hel"), error) if stream else answer_json(error))
    assert not leaked(chat.ask({**ASK, "stream": stream}).text)


def test_a_key_that_is_cut_within_an_error_that_is_no_json_is_not_told(chat: Chat) -> None:
    words = b"oops" + b" " * (16_000 - 4 - len(KEY) + 1) + KEY.encode()
    chat.says(say(stream_bytes([sse(chunk("Hel"), done=False), b"event: error\ndata: " + words + b"\n\n"])))
    assert not leaked(chat.ask({**ASK, "stream": True}).text)


def test_odd_details_are_no_failure_of_the_runtime(chat: Chat) -> None:
    odd = [{"type": {"a": 1}}, {"type": {"a": 1}}]
    chat.says(streaming(chunk("Hel"), chunk("", reasoning_details=odd), chunk("lo", "stop", usage=USAGE)))
    assert chat.ask({**ASK, "stream": True}).status_code == 200


def test_a_failure_of_the_runtime_in_a_stream_is_an_error_in_the_ledger(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Steps()
    chat.says(in_steps(sse(chunk("Hel"), done=False), sse(*HELLO[1:]), gate=gate.wait))
    gate.open()
    with chat.listening() as listener:
        listener.until("Hel")

        def broken(*_: object) -> None:
            raise TypeError

        monkeypatch.setattr("agentos_runtime.runtime.answering.upstream_events.add_deltas", broken)
        gate.open(9)
        with contextlib.suppress(StopIteration):
            listener.until("\n\n\n")
    assert "internal_error" in listener.text
    row = closed_row(chat)
    assert (row["outcome"], row["code"]) == ("error", "internal_error")


@pytest.mark.slow
def test_a_goodbye_comes_behind_a_ping_that_waits(tmp_path: Path) -> None:
    def behave(exchange: Exchange) -> None:
        exchange.send(events_head() + one_chunk(sse(chunk("Hel"), done=False)))
        for _ in range(25):
            exchange.send(one_chunk(sse(chunk("x" * 400_000), done=False)))
            time.sleep(0.15)
        exchange.stall()

    limits = Limits(ping=0.05, call_grace=2.0, stream_grace=1.0)
    with chat_house(tmp_path, behave, limits=limits) as chat, socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.settimeout(30)
        wire.connect(("127.0.0.1", chat.house.server.port))
        wire.sendall(post(chat.house.server, "/api/skills/openrouter/chat", BODY))
        data = read_until(wire, b"Hel")
        time.sleep(4.5)
        chat.house.server.stop()
        time.sleep(1.5)  # the client reads again within the second for last words
        while more := wire.recv(1 << 20):
            data += more
    assert data.endswith(b"0\r\n\r\n")
    assert data.count(b"event: error") == 1


def test_a_call_that_was_stopped_is_an_error_in_the_ledger(tmp_path: Path) -> None:
    with chat_house(tmp_path, stall(), limits=Limits(call_grace=0.3, stream_grace=0.1)) as chat:
        got: list[int] = []
        asking = threading.Thread(target=lambda: got.append(chat.ask().status_code))
        asking.start()
        while not chat.toy.requests:
            time.sleep(0.01)
        chat.house.server.stop()
        asking.join()
        chat.house.server.join()
        with contextlib.closing(sqlite3.connect(chat.house.home / "activity.db")) as ledger:
            rows = ledger.execute("SELECT outcome, code, status FROM activity").fetchall()
    assert (got, rows) == ([503], [("error", "shutting_down", 503)])


def test_no_wait_for_the_upstream_counts_twice(tmp_path: Path) -> None:
    def behave(exchange: Exchange) -> None:
        exchange.send(events_head() + one_chunk(sse(chunk("Hel"), done=False)))
        exchange.send(one_chunk(b"data: " + b"x" * 399_000))
        time.sleep(1)
        exchange.send(one_chunk(b"x" * 2000) + LAST_CHUNK)

    with chat_house(tmp_path, behave, max_reply=400_000) as chat:
        assert chat.stream().error["code"] == "upstream_invalid"
        row: Any = closed_row(chat)
        assert row["upstream_ms"] <= row["duration_ms"]


def kept_open(*payloads: Any) -> Behaviour:
    """Events without an end mark, then comments for as long as somebody listens."""

    def behave(exchange: Exchange) -> None:
        exchange.send(events_head())
        for payload in payloads:
            exchange.send(one_chunk(sse(payload, done=False)))
            time.sleep(0.05)
        with contextlib.suppress(OSError):
            while not exchange.connection.gone.is_set():
                exchange.send(one_chunk(b": ping\n\n"))
                time.sleep(0.05)

    return behave


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOR_MORE", "FOR_USAGE"):
        monkeypatch.setattr(f"agentos_runtime.runtime.answering.lingering.{name}", 0.3)


TOLD_LATE = {**chunk("", usage=USAGE), "choices": []}


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize(
    "payloads",
    [
        HELLO,
        [*HELLO[:2], chunk("", "stop")],
        [*HELLO[:2], chunk("", "stop"), TOLD_LATE],
        [HELLO[0], chunk("lo", "stop")],
        [HELLO[0], chunk("lo", "stop", usage=USAGE)],
        [chunk("Hello", "stop"), TOLD_LATE],
    ],
    ids=["usage", "no usage", "usage behind the end", "beside words", "all beside words", "usage behind all"],
)
def test_a_chat_that_told_its_end_is_done_though_its_service_keeps_the_connection_open(
    chat: Chat, payloads: list[Any]
) -> None:
    chat.says(kept_open(*payloads))
    began = time.monotonic()
    streamed = chat.stream()
    assert streamed.done["content"] == "Hello"
    assert (streamed.done["usage"]["output_tokens"] is None) == ("usage" not in payloads[-1])
    assert time.monotonic() - began < 20  # of the 120 s that a stream may be silent, of which comments are none
    assert chat.connection.gone.wait(5)
    assert closed_row(chat)["outcome"] == "ok"


@pytest.mark.slow
def test_what_comes_late_behind_an_end_is_not_lost_while_something_comes(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_runtime.runtime.answering.lingering.FOR_USAGE", 2.0)
    named = {**chunk(""), "choices": [], "system_fingerprint": "x"}

    def behave(exchange: Exchange) -> None:
        exchange.send(events_head() + one_chunk(sse(*HELLO[:2], chunk("", "stop"), done=False)))
        for payload in (named, {**named, "system_fingerprint": "y"}, TOLD_LATE):
            time.sleep(0.8)
            exchange.send(one_chunk(sse(payload, done=False)))
        exchange.send(LAST_CHUNK)

    chat.says(behave)
    assert chat.stream().done["usage"]["output_tokens"] == USAGE["completion_tokens"]


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize(
    "steps",
    [
        [[chunk(text, "stop", usage=USAGE)] for text in ("Hel", "lo", "!")],
        [[chunk("Hel")], [chunk("", "stop", usage=USAGE), chunk("lo")], [chunk("!")]],
    ],
    ids=["in each event", "before the words"],
)
def test_an_end_is_not_believed_of_a_service_whose_words_go_on(chat: Chat, steps: list[list[Any]]) -> None:
    pauses = Steps()

    def behave(exchange: Exchange) -> None:
        exchange.send(events_head())
        for payloads in steps:
            exchange.send(one_chunk(sse(*payloads, done=False)))
            pauses.wait()
        exchange.send(one_chunk(sse(done=True)) + LAST_CHUNK)

    chat.says(behave)
    with chat.listening() as listener:
        for text in ("Hel", "lo", '"!"'):
            listener.until(text)
            time.sleep(0.7)
            pauses.open()
        assert listener.rest().done["content"] == "Hello!"
