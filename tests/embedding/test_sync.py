"""A program without an event loop holds a runtime: threads call it, and it ends whole."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_runtime import (
    Caller,
    InvalidParams,
    NotStreamable,
    Settings,
    SettingsError,
    SyncRuntime,
    open_runtime_sync,
    simulation,
)
from tests.embedding.support import ENVIRON, KEY, chat, say, settings_for
from tests.toy.raw import Exchange, Toy, answer

OPERATOR = Caller("embedded", operator=True)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[SyncRuntime]:
    with open_runtime_sync(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as opened:
        yield opened


def outcomes(runtime: SyncRuntime) -> list[str]:
    return [row["outcome"] for row in runtime.run(lambda it: it.activity({}, OPERATOR))["rows"]]


def test_a_call_is_waited_for(runtime: SyncRuntime) -> None:
    assert runtime.invoke(chat("What do parrots like")).value["content"] == "Sunflower seeds, mostly."


def test_a_failure_is_raised_where_the_call_was_made(runtime: SyncRuntime) -> None:
    with pytest.raises(InvalidParams, match="temperature"):
        runtime.invoke(chat("What do parrots like", temperature="warm"))


@pytest.mark.slow
def test_a_stream_ends_after_its_terminal_event(runtime: SyncRuntime) -> None:
    with runtime.stream(chat("Count to three.")) as stream:
        events = [event for batch in stream for event in batch]
        assert next(stream, None) is None
        assert stream.warning is None
    assert [event.name for event in events][-1] == "done"
    assert "".join(event.data.get("content", "") for event in events[:-1]) == "One, two, three."
    assert outcomes(runtime) == ["ok"]


@pytest.mark.slow
def test_a_stream_that_is_left_early_counts_as_cancelled(runtime: SyncRuntime) -> None:
    with runtime.stream(chat("Count to three.")) as stream:
        next(stream)
    assert outcomes(runtime) == ["cancelled"]


def test_a_stream_that_cannot_begin_raises(runtime: SyncRuntime) -> None:
    call = chat("Count to three.")
    with pytest.raises(NotStreamable):
        runtime.stream(type(call)("open-meteo", "find_place", {"name": "Tromsø"}))


def test_everything_else_is_asked_of_the_runtime_in_its_own_thread(runtime: SyncRuntime) -> None:
    assert len(runtime.run(lambda it: it.catalog("embedded").entries())) == 10
    assert runtime.run(lambda it: threading.current_thread().name) == "agentos-runtime"


def test_threads_call_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=30)

    def meet(exchange: Exchange) -> None:
        together.wait()
        answer(body=b'{"ok": true}')(exchange)

    with (
        Toy(meet) as toy,
        open_runtime_sync(settings_for(tmp_path, toy), ENVIRON, watch=False) as runtime,
        ThreadPoolExecutor(4) as threads,
    ):
        replies = [*threads.map(runtime.invoke, [say(f"{number}") for number in range(4)])]
    assert [reply.value for reply in replies] == [{"ok": True}] * 4
    assert {request.header("x-key") for request in toy.requests} == {KEY}


def test_what_keeps_it_from_opening_is_raised_at_the_block(tmp_path: Path) -> None:
    environ = {"AGENTOS_HOME": str(tmp_path), "AGENTOS_MAX_REPLY": "none"}
    with pytest.raises(SettingsError, match="max_reply"), open_runtime_sync(environ=environ):
        pass
    assert "agentos-runtime" not in {thread.name for thread in threading.enumerate()}


def test_a_call_that_waits_when_the_block_is_left_is_cancelled_and_its_row_closed(tmp_path: Path) -> None:
    arrived = threading.Event()

    def stall(exchange: Exchange) -> None:
        arrived.set()
        exchange.stall()

    with ThreadPoolExecutor(1) as threads, Toy(stall) as toy:
        settings = settings_for(tmp_path, toy)
        with open_runtime_sync(settings, ENVIRON, watch=False) as runtime:
            waiting = threads.submit(runtime.invoke, say("hello"))
            assert arrived.wait(30)
        with pytest.raises(CancelledError):
            waiting.result(30)
    with open_runtime_sync(settings, ENVIRON, watch=False) as again:
        assert outcomes(again) == ["cancelled"]


def test_after_its_block_it_refuses_calls_and_its_thread_has_ended(tmp_path: Path) -> None:
    with open_runtime_sync(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
        pass
    with pytest.raises(RuntimeError, match="the runtime is closed"):
        runtime.invoke(chat("What do parrots like"))
    assert "agentos-runtime" not in {thread.name for thread in threading.enumerate()}


def test_its_own_thread_does_not_wait_for_itself(runtime: SyncRuntime) -> None:
    with pytest.raises(RuntimeError, match="cannot wait for itself"):
        runtime.run(lambda _: runtime.invoke(chat("What do parrots like")))
    assert runtime.run(lambda it: it.invoke(chat("What do parrots like"))).value["stop_reason"] == "end_turn"


def test_a_stream_may_be_closed_after_its_runtime_and_its_row_says_that_it_was_left(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with open_runtime_sync(settings, {}, dependencies=simulation()) as runtime:
        stream = runtime.stream(chat("Count to three."))
        next(stream)
    stream.close()
    with pytest.raises(RuntimeError, match="the runtime is closed"):
        next(stream)
    with open_runtime_sync(settings, {}, dependencies=simulation()) as again:
        assert outcomes(again) == ["cancelled"]


@pytest.mark.slow
@pytest.mark.parametrize("end", [SystemExit(3), KeyboardInterrupt()], ids=lambda end: type(end).__name__)
def test_a_function_that_ends_the_program_ends_its_caller_and_not_the_runtime(
    runtime: SyncRuntime, end: BaseException
) -> None:
    def leave(it: object) -> None:
        raise end

    with pytest.raises(type(end)):
        runtime.run(leave)
    assert runtime.invoke(chat("What do parrots like")).value["stop_reason"] == "end_turn"
