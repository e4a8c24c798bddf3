"""Clients that stay but take nothing of what is ready for them."""

import contextlib
import json
import queue
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.call import Event
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.limits import Limits
from tests.server.client import ask, connected, post, read_until
from tests.server.server import running
from tests.server.toy_runtime import ToyRuntime
from tests.toy.raw import Toy, chunked_head, endless, one_chunk

BIG = [Event("delta", {"content": "x" * 100_000})]
HASTY = Limits(write_stall=0.4, call_grace=2)
STORY = """---
id: story
name: Story
description: Tells without end
utilities:
  tell:
    description: Tell
    returns: {text: string}
    rest:
      method: POST
      url: https://api.example.com/tell
      response: {mapping: {text: .text}}
      stream: {delta: .piece, accumulate: text, done: "[DONE]"}
---
"""


def read_to_the_end(wire: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        while wire.recv(1 << 20):
            pass


def until(true: Callable[[], bool]) -> bool:
    """Asks again and again, for 60 s at most."""
    deadline = time.monotonic() + 60
    while not (now := true()) and time.monotonic() < deadline:
        pass
    return now


def test_a_stream_that_nobody_reads_is_ended_and_its_connection_closed() -> None:
    runtime = ToyRuntime({"chat": [BIG] * 1000})
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open, HASTY) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/chat", b'{"stream": true}'))
        read_until(wire, b"event: delta")
        assert happened.get(timeout=10) == "closed"
        read_to_the_end(wire)
        assert ask(server, "GET", "/api/health").status == 200


def test_a_reader_that_takes_a_little_now_and_then_is_not_cut_off() -> None:
    runtime = ToyRuntime({"chat": [BIG] * 1000})
    happened: queue.Queue[str] = queue.Queue()
    runtime.on_log = happened.put
    with running(runtime.open, HASTY) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/chat", b'{"stream": true}'))
        started = time.monotonic()
        while time.monotonic() - started < 4 * HASTY.write_stall:
            assert len(wire.recv(40_000))
            with pytest.raises(queue.Empty):
                happened.get(timeout=0.05)


@pytest.mark.slow
def test_a_plain_reply_that_nobody_reads_gives_its_place_back() -> None:
    body = json.dumps({"text": "x" * 20_000_000}).encode()
    with running(ToyRuntime().open, HASTY, max_connections=1) as server, connected(server) as wire:
        wire.sendall(post(server, "/api/skills/toy/echo", body))
        assert wire.recv(1)
        assert until(lambda: ask(server, "GET", "/api/health").status == 200)


def test_the_upstream_of_a_stream_that_nobody_reads_is_closed_and_the_call_counts_as_cancelled(
    tmp_path: Path,
) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    (skills / "story.md").write_text(STORY)
    piece = b'data: {"piece": "%s"}\n\n' % (b"x" * 100_000)
    head = chunked_head(headers=[("Content-Type", "text/event-stream")])
    with Toy(endless(head, one_chunk(piece))) as toy:
        settings = Settings(
            tmp_path / "home", skills=(skills,), only_skills=True, rewrite={"https://api.example.com": toy.origin}
        )
        with running(lambda: open_runtime(settings, {}), HASTY) as server, connected(server) as wire:
            wire.sendall(post(server, "/api/skills/story/tell", b'{"stream": true}'))
            read_until(wire, b"event: delta")
            assert toy.connections[0].gone.wait(10)
            assert until(lambda: ask(server, "GET", "/api/activity").json["rows"][0]["outcome"] == "cancelled")
