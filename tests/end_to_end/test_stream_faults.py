"""Streams that go wrong: early errors keep their status, later ones end it and say what had arrived."""

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.server.limits import Limits
from tests.end_to_end.chat import (
    ASK,
    HELLO,
    LAST_CHUNK,
    USAGE,
    Chat,
    Steps,
    Streamed,
    changed_skill,
    chat_house,
    check_error,
    chunk,
    completion,
    events_head,
    in_steps,
    sse,
    stream_bytes,
    streaming,
)
from tests.toy.raw import Behaviour, Exchange, answer, answer_json, cut, one_chunk, reset, say, stall

HEL = sse(chunk("Hel", usage={"prompt_tokens": 11}), done=False)
BEGUN = events_head() + one_chunk(HEL)
ODD_DELTA = """delta: |-
          if .fail then error("no")
          elif .spin then [limit(1; repeat(1) | select(. == 2))]
          else chunk_piece($params) end
        idle_timeout: 0.4"""


@pytest.fixture(scope="module")
def shared_faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """A server whose openrouter/chat is impatient, and fails or spins on events that say so."""
    folder = tmp_path_factory.mktemp("faulty")
    skills = changed_skill(folder, ("delta: chunk_piece($params)", ODD_DELTA))
    with chat_house(folder, skills=skills, limits=Limits(ping=0.1), max_reply=400_000) as started:
        yield started


@pytest.fixture
def in_workers(tmp_path: Path) -> Iterator[Chat]:
    """One whose expressions all run in workers."""
    with chat_house(tmp_path, limits=Limits(ping=0.1), jq="worker") as started:
        yield started


@pytest.fixture
def faulty(shared_faulty: Chat) -> Chat:
    shared_faulty.says()
    return shared_faulty


def more(data: bytes) -> bytes:
    return one_chunk(data) + LAST_CHUNK


LATER: dict[str, tuple[Behaviour, str]] = {
    "a clean end without finish or end mark": (say(LAST_CHUNK), "upstream_truncated"),
    "the connection closed": (cut(b""), "upstream_truncated"),
    "the connection closed within an event": (cut(one_chunk(b'data: {"cho')), "upstream_truncated"),
    "a clean end within an event": (say(more(b'data: {"cho')), "upstream_truncated"),
    "the connection reset": (reset(), "upstream_truncated"),
    "silence": (stall(), "upstream_timeout"),
    "bytes that are no chunk": (cut(b"\x00\xffnonsense\r\n\r\n"), "upstream_invalid"),
    "an event that is no JSON": (say(more(b"data: <html>\n\ndata: [DONE]\n\n")), "upstream_invalid"),
    "an event with NaN": (say(more(b'data: {"choices": [], "x": NaN}\n\n')), "upstream_invalid"),
    "an event that is no UTF-8": (say(more(b'data: {"x": "\xff"}\n\n')), "upstream_invalid"),
    "an event without end": (say(more(b"data: " + b"x" * 500_000)), "upstream_invalid"),
    "an error": (say(more(sse({"error": {"code": 429, "message": "slow down"}}))), "upstream_rate_limited"),
    "an error beside its choices": (
        say(more(sse({**chunk("", "error"), "error": {"code": "server_error", "message": "gone"}}))),
        "upstream_failed",
    ),
    "an error in the choice": (
        say(more(sse({"choices": [{"delta": {"content": ""}, "error": {"code": 502, "message": "bad"}}]}))),
        "upstream_failed",
    ),
    "an error without a field": (
        say(more(b'{"error": {"code": 503, "message": "gone"}}\n')),
        "upstream_unavailable",
    ),
    "a finish of error": (say(more(sse(chunk("", "error")))), "upstream_failed"),
    "an error after the finish": (
        say(more(sse(chunk("", "stop"), {"error": {"code": 503, "message": "late"}}))),
        "upstream_unavailable",
    ),
    "an expression that fails": (say(more(sse({"fail": True}))), "expression_failed"),
    "an expression that does not end": (say(more(sse({"spin": True}))), "expression_limit"),
}


@pytest.mark.parametrize(
    "behind",
    [sse({"error": {"code": 429, "message": "slow down"}}), b"data: <html>\n\n", b"event: error\ndata: {}\n\n"],
    ids=["an error", "no JSON", "an event of that name"],
)
def test_of_two_faults_the_first_is_told_however_they_arrive(faulty: Chat, behind: bytes) -> None:
    first = sse(*map(chunk, "abcdefgh"), {"fail": True}, done=False)
    for parts in ([first + behind], [first, behind]):
        faulty.says(say(stream_bytes(parts)))
        error = faulty.stream().error
        assert (error["code"], error["partial"]["content"]) == ("expression_failed", "abcdefgh")


@pytest.mark.parametrize("fault", LATER)
def test_a_fault_after_the_beginning_is_the_one_terminal_event_with_what_had_arrived(
    faulty: Chat, fault: str
) -> None:
    behaviour, code = LATER[fault]
    seen = Steps()

    def begin_then_fail(exchange: Exchange) -> None:
        exchange.send(BEGUN)
        seen.wait()
        behaviour(exchange)

    faulty.says(begin_then_fail)
    with faulty.listening() as listener:
        listener.until("Hel")
        seen.open()
        streamed = listener.rest()
    assert streamed.error["code"] == code, streamed.error
    assert (streamed.error["skill"], streamed.error["utility"]) == ("openrouter", "chat")
    assert streamed.text() == "Hel"
    assert streamed.error["partial"]["content"] == "Hel"
    assert streamed.error["partial"]["usage"]["input_tokens"] == 11
    assert len(faulty.toy.requests) == 1
    row = faulty.row
    assert (row["outcome"], row["code"], row["input_tokens"]) == ("error", code, 11)
    assert (row["model"], row["provider"], row["generation_id"]) == ("toy/model-2026", "Toy", "gen-1")


TOO_LARGE = {
    "one event": more(b"data: " + b"x" * 500_000),
    "many events": one_chunk(sse(*[chunk("word ")] * 9000)),
}


@pytest.mark.parametrize("of", TOO_LARGE)
def test_a_stream_that_is_too_large_names_the_bound(faulty: Chat, of: str) -> None:
    seen = Steps()

    def begin_then_go_on(exchange: Exchange) -> None:
        exchange.send(BEGUN)
        seen.wait()
        exchange.send(TOO_LARGE[of])

    faulty.says(begin_then_go_on)
    with faulty.listening() as listener:
        listener.until("Hel")
        seen.open()
        error = listener.rest().error
    assert (error["code"], "AGENTOS_MAX_REPLY" in error["error"]) == ("upstream_invalid", True)
    assert error["partial"]["content"].startswith("Hel")


LAST_WORDS = {
    "no field": b"upstream error: read ECONNRESET\n\n",
    "a detail": b'data: {"detail": "upstream error: read ECONNRESET"}\n\n',
    "an error that is no text": b'data: {"error": true, "message": "upstream error: read ECONNRESET"}\n\n',
    "other names": b'data: {"error_code": 17, "error_msg": "upstream error: read ECONNRESET"}\n\n',
    "MiniMax": b'data: {"base_resp": {"status_code": 9, "status_msg": "upstream error: read ECONNRESET"}}\n\n',
    "Bedrock": b'data: {"throttlingException": {"message": "upstream error: read ECONNRESET"}}\n\n',
}


@pytest.mark.parametrize("words", LAST_WORDS)
def test_what_a_gateway_says_before_it_breaks_off_is_told(faulty: Chat, words: str) -> None:
    faulty.says(say(stream_bytes([HEL, LAST_WORDS[words]])))
    streamed = faulty.stream()
    assert streamed.error["code"] == "upstream_truncated"
    assert streamed.error["error"].endswith("Its last words: upstream error: read ECONNRESET")
    assert streamed.text() == "Hel"


@pytest.mark.parametrize("words", [name for name in LAST_WORDS if name != "no field"])
def test_a_failure_before_the_end_mark_of_a_stream_that_says_no_reason_is_no_reply(
    faulty: Chat, words: str
) -> None:
    faulty.says(say(stream_bytes([HEL, LAST_WORDS[words], b"data: [DONE]\n\n"])))
    streamed = faulty.stream()
    assert streamed.error["code"] == "upstream_failed"
    assert streamed.error["upstream"]["message"] == "upstream error: read ECONNRESET"
    assert streamed.text() == "Hel"
    assert (faulty.row["outcome"], faulty.row["input_tokens"]) == ("error", 11)


def test_that_all_is_well_before_the_end_mark_is_no_failure(faulty: Chat) -> None:
    well = b'data: {"base_resp": {"status_code": 0, "status_msg": "success"}}\n\n'
    faulty.says(say(stream_bytes([HEL, well, b"data: [DONE]\n\n"])))
    assert faulty.stream().done["content"] == "Hel"


def test_a_wrapped_event_that_is_cut_is_a_stream_that_is_cut(faulty: Chat) -> None:
    faulty.says(say(stream_bytes([HEL, b'data: data: {"choices": [{"ind'])))
    assert faulty.stream().error["code"] == "upstream_truncated"


def test_a_last_piece_that_is_called_message_is_a_reply(tmp_path: Path) -> None:
    skills = changed_skill(tmp_path, ("delta: chunk_piece($params)", "delta: '{content: (.message // \"\")}'"))
    with chat_house(tmp_path, skills=skills) as told:
        told.says(say(stream_bytes([b'data: {"message": "Hello"}\n\n', b"data: [DONE]\n\n"])))
        assert told.stream().done["content"] == "Hello"


HTML = answer(502, b"<html><title>Bad gateway</title></html>", [("Content-Type", "text/html")])
ERROR = {"error": {"code": 402, "message": "can only afford 7"}, "user_id": "u"}
EARLY: dict[str, tuple[Behaviour, int, str]] = {
    "a 429": (answer_json({"error": {"code": 429, "message": "slow"}}, 429), 429, "upstream_rate_limited"),
    "a 401": (answer_json({"error": {"code": 401, "message": "who?"}}, 401), 424, "credential_rejected"),
    "a page of HTML": (HTML, 502, "upstream_failed"),
    "HTML with 200": (answer(200, b"<html></html>", [("Content-Type", "text/html")]), 502, "upstream_invalid"),
    "JSON with an error": (answer_json(ERROR), 402, "upstream_payment_required"),
    "a redirect": (answer(302, headers=[("Location", "https://example.com/")]), 502, "upstream_failed"),
    "an error as the first event": (streaming(ERROR, done=False), 402, "upstream_payment_required"),
    "a named chunk with an error as the first event": (streaming({**chunk(), **ERROR}), 402,
                                                       "upstream_payment_required"),
    "an error told as bare text": (streaming({"error": "no room"}), 502, "upstream_failed"),
    "JSON with an error, called a stream": (say(stream_bytes([b"\n   \n", json.dumps(ERROR, indent=1).encode()])),
                                            402, "upstream_payment_required"),
    "half of a JSON body, called a stream": (say(stream_bytes([json.dumps(ERROR).encode()[:20]])), 502,
                                             "upstream_truncated"),
    "comments, then an error": (say(stream_bytes([b": OPENROUTER PROCESSING\n\n" * 9, sse(ERROR)])), 402,
                                "upstream_payment_required"),
    "a first event that is no JSON": (say(stream_bytes([b"data: oops\n\n"])), 502, "upstream_invalid"),
    "nothing": (say(stream_bytes([])), 502, "upstream_truncated"),
    "nothing but the end mark": (say(stream_bytes([b"data: [DONE]\n\n"])), 502, "upstream_failed"),
    "nothing but comments": (say(stream_bytes([b": OPENROUTER PROCESSING\n\n"])), 502, "upstream_truncated"),
    "the connection closed": (cut(b""), 502, "upstream_unreachable"),
    "the connection closed in the head": (cut(events_head(), 30), 502, "upstream_truncated"),
    "the connection reset": (reset(events_head()), 502, "upstream_truncated"),
    "silence before the head": (stall(), 504, "upstream_timeout"),
    "silence before the first event": (stall(events_head()), 504, "upstream_timeout"),
    "an expression that fails": (streaming({"fail": True}), 500, "expression_failed"),
}  # fmt: skip


@pytest.mark.parametrize("fault", EARLY)
def test_a_fault_before_the_first_event_keeps_its_status(faulty: Chat, fault: str) -> None:
    behaviour, status, code = EARLY[fault]
    faulty.says(behaviour)
    response = faulty.ask({**ASK, "stream": True})
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"].startswith("application/json")
    check_error(response.json())
    assert len(faulty.toy.requests) == 1
    assert (faulty.row["outcome"], faulty.row["code"]) == ("error", code)


def test_plain_json_where_a_stream_was_asked_for_is_the_done_event(faulty: Chat) -> None:
    faulty.says(answer_json(completion("Hello", usage=USAGE)))
    streamed = faulty.stream()
    assert streamed.done["content"] == "Hello"
    assert (faulty.row["outcome"], faulty.row["output_tokens"]) == ("ok", 7)


def test_plain_json_that_is_called_a_stream_is_the_done_event(faulty: Chat) -> None:
    body = b"\n         \n" + json.dumps(completion("Hello", usage=USAGE)).encode()
    faulty.says(say(stream_bytes([body[:70], body[70:]])))
    assert faulty.stream().done["content"] == "Hello"
    assert (faulty.row["outcome"], faulty.row["output_tokens"]) == ("ok", 7)


def test_an_error_told_as_bare_text_ends_the_stream(faulty: Chat) -> None:
    faulty.says(streaming(chunk("Hel"), {"error": "no room"}))
    streamed = faulty.stream()
    assert streamed.error["upstream"]["message"] == "no room"
    assert streamed.error["partial"]["content"] == "Hel"


def test_events_without_data_and_spaces_around_the_end_mark_say_nothing(faulty: Chat) -> None:
    faulty.says(say(stream_bytes([b"data:\n\n", sse(*HELLO, done=False), b"data:  [DONE] \n\n"])))
    assert faulty.stream().done["content"] == "Hello"


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["chunked", "until closed"])
def test_a_stream_cut_anywhere_ends_once_and_says_what_had_arrived(faulty: Chat, framing: str) -> None:
    body = sse(*HELLO)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" if framing != "chunked" else b""
    data = head + body if head else stream_bytes(sse(part, done=False) for part in HELLO)
    begins, finishes = data.index(b"data:"), data.index(b'"stop"')
    for at in range(begins, len(data), 17):
        faulty.says(cut(data, at))
        response = faulty.ask({**ASK, "stream": True})
        assert len(faulty.toy.requests) == 1
        if response.status_code != 200:
            assert response.json()["code"] == "upstream_truncated", (at, response.text)
            continue
        streamed = Streamed.of(response.text)
        if streamed.end == "error":
            assert streamed.error["code"] == "upstream_truncated", (at, data[:at], streamed.error)
            assert (streamed.error["partial"]["content"] or "") == streamed.text()
            assert "Hello".startswith(streamed.text())
        else:
            assert at > finishes, data[:at]
            assert streamed.done["content"] == "Hello"
        assert faulty.row["outcome"] == {"done": "ok", "error": "error"}[streamed.end]


def test_a_stream_without_its_end_mark_but_with_its_finish_is_whole(faulty: Chat) -> None:
    for data in (sse(*HELLO, done=False), sse(*HELLO, done=False).rstrip(b"\n")):
        faulty.says(say(stream_bytes([data])))
        assert faulty.stream().done["content"] == "Hello"
    faulty.says(say(stream_bytes([sse(chunk("Hello"))])))
    assert faulty.stream().done["stop_reason"] is None


def test_what_comes_after_the_end_mark_is_not_read(faulty: Chat) -> None:
    faulty.says(say(stream_bytes([sse(*HELLO), sse(chunk("more")), b"data: garbage\n\n"])))
    assert faulty.stream().done["content"] == "Hello"


def worker_pids() -> list[int]:
    """The worker processes of this process's servers."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for listed in children for pid in _read(listed).split()]
    return [pid for pid in pids if b"worker" in _read(Path(f"/proc/{pid}/cmdline"))]


def _read(path: Path) -> bytes:
    """What the system tells of a process or thread; nothing when it has ended since it was listed."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_worker_that_dies_between_events_is_replaced(in_workers: Chat) -> None:
    gate = Steps()
    in_workers.says(in_steps(HEL, sse(*HELLO[1:]), gate=gate.wait))
    gate.open()
    with in_workers.listening() as listener:
        listener.until("Hel")
        before = set(worker_pids())
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while before & set(worker_pids()) or not worker_pids():
            listener.until(": ping\n\n")
        gate.open(9)
        streamed = listener.rest()
    assert streamed.done["content"] == "Hello"


@pytest.mark.slow
def test_a_worker_that_dies_on_an_event_ends_the_stream_once(faulty: Chat) -> None:
    gate = Steps()
    faulty.says(in_steps(HEL, sse({"spin": True}), gate=gate.wait))
    gate.open()
    with faulty.listening() as listener:
        listener.until("Hel")
        before = listener.text.count(": ping")
        gate.open(9)
        while listener.text.count(": ping") < before + 3:
            listener.until(": ping\n\n")
        for pid in worker_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        streamed = listener.rest()
    assert streamed.error["code"] == "expression_limit"
    assert streamed.error["partial"]["content"] == "Hel"
    faulty.says(streaming(*HELLO))
    assert faulty.stream().done["content"] == "Hello"


def test_a_stop_says_goodbye_once_on_every_stream_and_closes_its_row_and_its_upstream(tmp_path: Path) -> None:
    with chat_house(tmp_path, stall(BEGUN)) as chat:
        with chat.listening() as first, chat.listening() as second:
            for listener in (first, second):
                listener.until("event: delta")
            chat.house.server.stop()
            for listener in (first, second):
                streamed = listener.rest()
                assert streamed.error["code"] == "shutting_down"
                assert streamed.error["partial"]["content"] == "Hel"
                assert streamed.error["partial"]["usage"]["input_tokens"] == 11
        chat.house.server.join()
        assert all(connection.gone.wait(30) for connection in chat.toy.connections)
        with contextlib.closing(sqlite3.connect(chat.house.home / "activity.db")) as ledger:
            rows = ledger.execute("SELECT outcome, code, input_tokens FROM activity").fetchall()
        assert rows == [("error", "shutting_down", 11)] * 2
