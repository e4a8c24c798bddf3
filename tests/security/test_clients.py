"""Clients that leave, dribble and never read, before a whole server: upstreams are let go, memory is given back."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.procfs import pss_mb
from tests.jq.support import linux_only
from tests.security.lab import ORIGIN, SECRET, SKILL, SSE_TYPE, Fault, Lab, chunk_of_events, faults
from tests.security.support import Served, environment_number, rows_of, serving, until
from tests.security.tally import Tally
from tests.server.client import Address, connected, post, read_until
from tests.toy.raw import Exchange, Toy, chunked_head, endless, one_chunk, stall

AT_ONCE = 2.5
"""Seconds: five times the half second that is promised."""
WAITING = {
    "silence": Fault(stall(), (), stall(), ()),
    "a stream under way": Fault(stall(), (), stall(chunk_of_events(1)), ()),
    "a stream that never ends": Fault(
        stall(),
        (),
        endless(chunked_head(headers=[SSE_TYPE]), one_chunk(b'data: {"say": "' + b"x" * 900 + b'"}\n\n')),
        (),
    ),
}
ASK = "/api/skills/lab/ask"
STORMS = environment_number("AGENTOS_TEST_STORMS", 1)
PATIENT = "/api/skills/patient/ask"
"""The same with more than a second for an upstream that shares the machine with its test."""


@contextlib.contextmanager
def server(folder: Path, toy: Toy, **environ: str) -> Iterator[Served]:
    skills = folder / "skills"
    skills.mkdir()
    (skills / "lab.md").write_text(SKILL)
    (skills / "patient.md").write_text(SKILL.replace("id: lab", "id: patient").replace("timeout: 1", "timeout: 20"))
    given = {"LAB_API_KEY": SECRET, "PATIENT_API_KEY": SECRET} | environ
    with serving(folder, skills=skills, rewrite={ORIGIN: toy.origin}, environ=given) as served:
        yield served


def asking(served: Served, fault: str, number: str, *, stream: bool) -> socket.socket:
    """A connection on which a call has been sent."""
    wire = socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=20)
    body = f'{{"fault": "{fault}", "stream": {str(stream).lower()}}}'.encode()
    wire.sendall(post(address(served), ASK, body, f"x-request-id: {number}"))
    return wire


def address(served: Served) -> Address:
    return Address(int(served.url.rpartition(":")[2]))


@pytest.mark.parametrize("fault", WAITING)
@pytest.mark.parametrize("how", ["closes", "resets", "half-closes"])
def test_who_leaves_lets_the_upstream_go_and_the_row_is_cancelled(fault: str, how: str, tmp_path: Path) -> None:
    reached = threading.Event()

    def watched(exchange: Exchange) -> None:
        reached.set()
        Lab(WAITING)(exchange)

    streams = fault != "silence"
    with Toy(watched) as toy, server(tmp_path, toy) as served, served.client() as client:
        with contextlib.closing(asking(served, fault, "left", stream=streams)) as wire:
            if streams:
                read_until(wire, b"event: delta")
            assert reached.wait(10)
            leave(wire, how)
            assert toy.connections[0].gone.wait(AT_ONCE)
        assert until(lambda: rows_of(client)["left"]["outcome"] != "started")
        assert rows_of(client)["left"]["outcome"] == "cancelled"
        assert client.post("/api/skills/lab/ask", json={"fault": "well"}).status_code == 200


def leave(wire: socket.socket, how: str) -> None:
    if how == "resets":
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if how == "half-closes":
        wire.shutdown(socket.SHUT_WR)
    else:
        wire.close()


@pytest.mark.slow
@linux_only
def test_memory_and_descriptors_come_back_after_a_storm(tmp_path: Path, tally: Tally) -> None:
    """Readers that do not read, bodies that do not come, bombs and leavers together; then all is as it was.

    Garbage and what the allocator keeps are given back whenever they have grown by 32 MB; without that, six storms
    leave 300 to 900 MB, one more than 60.
    """
    dice = random.Random(2)
    known = faults() | WAITING
    with (
        Toy(Lab(known)) as toy,
        server(tmp_path, toy, AGENTOS_MAX_REPLY=str(8 << 20)) as served,
        served.client() as client,
    ):
        for _ in range(200):
            assert client.post(ASK, json={"fault": "well"}).status_code == 200
        before, open_before = pss_mb(served.process.pid), descriptors(served)
        for _ in range(STORMS):
            peak = storm(served, client, dice)
            assert peak - before < 400, f"{peak:.0f} MB at most, {before:.0f} before"
            assert until(lambda: client.get("/api/activity?outcome=started").json()["rows"] == [], 20)
            # Connections to the upstream that ended well are kept for 15 s, and looked at every 15 s.
            assert until(lambda: descriptors(served) <= open_before + 8, 40), (descriptors(served), open_before)
            assert until(lambda: pss_mb(served.process.pid) - before < 60, 20), (pss_mb(served.process.pid), before)
        assert {row["outcome"] for row in newest_rows(client)} <= {"ok", "error", "cancelled"}
    tally.add("clients that leave, dribble or never read", 500)


def storm(served: Served, client: httpx.Client, dice: random.Random) -> float:
    """A hundred clients at once that take, send or wait for too much; gives the memory in its middle, in MB."""
    with contextlib.ExitStack() as stack:
        for number in range(60):
            fault = dice.choice(["a stream that never ends", "bomb", "a body without end", "silence"])
            wire = asking(served, fault, f"storm-{number}", stream=dice.random() < 0.7)
            stack.enter_context(contextlib.closing(wire))
        for _ in range(40):
            half = stack.enter_context(connected(address(served)))
            half.sendall(post(address(served), ASK, b"{}", "content-length: 30000000") + b" " * 200_000)
        assert client.post(PATIENT, json={"fault": "well"}).status_code == 200, "others are served meanwhile"
        return pss_mb(served.process.pid)


def newest_rows(client: httpx.Client) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = client.get("/api/activity?limit=1000").json()["rows"]
    return rows


def descriptors(served: Served) -> int:
    return len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))
