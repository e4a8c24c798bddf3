"""Hours in small: a fixed rate of calls with faults mixed in, and whether anything grew or was lost."""

import asyncio
import contextlib
import json
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from time import perf_counter, sleep
from typing import Any

import uvloop

from benchmarks.candidates import CHAT, DIRECT, HANG_PATH, OURS, candidates
from benchmarks.driver import Connection, connect
from benchmarks.faults import FAULTS
from benchmarks.measure import Table
from benchmarks.procfs import descriptors, pss_mb, tree
from benchmarks.server import BenchError, Server

RATE = 100
"""Calls per second."""
PATH = "/api/skills/openrouter/chat"
WORKERS = 2
AT_ONCE = 200
"""Calls under way at most: on a machine that is too busy for the rate, the rate gives way."""
IDLE = 2.0
"""Seconds after which a connection is not used again."""
MAY_GROW_MB, MAY_GROW_DESCRIPTORS = 5.0, 16
SETTLING = 0.2
"""The share of the run in which memory may still find its level."""
SHORT_MINUTES, SHORT_MAY_GROW_MB = 5.0, 25.0
"""A shorter run has not found its level yet."""
KINDS = ("plain",) * 300 + ("stream",) * 110 + ("fault",) * 60 + ("leave",) * 28 + ("hang",) * 2


@dataclass(frozen=True, slots=True)
class Sample:
    """The whole process tree at one moment."""

    pss: float
    descriptors: int
    workers: int


@dataclass(slots=True)
class Soak:
    """One run against one server."""

    server: Server
    seconds: float
    dice: random.Random = field(default_factory=lambda: random.Random(23))
    answers: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    sent: int = 0
    idle: list[tuple[float, Connection]] = field(default_factory=list)

    async def run(self) -> None:
        self.sent += 1
        await self.count(
            "hang", f"soak-{self.sent}"
        )  # workers start when they are needed: they are there from now on
        self.samples.append(await asyncio.to_thread(self.look))
        started = perf_counter()
        async with asyncio.TaskGroup() as calls:
            sampling = calls.create_task(self.sample())
            while perf_counter() - started < self.seconds:
                await self.places.acquire()
                self.sent += 1
                calls.create_task(self.call(self.dice.choice(KINDS), f"soak-{self.sent}"))
                await asyncio.sleep(max(0.0, started + self.sent / RATE - perf_counter()))
            sampling.cancel()
        for _, connection in self.idle:
            connection.transport.close()

    async def sample(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(self.seconds / 50)
                self.samples.append(await asyncio.to_thread(self.look))

    def look(self) -> Sample:
        pid = self.server.pid
        return Sample(pss_mb(pid), descriptors(pid), len(tree(pid)) - 1)

    async def call(self, kind: str, name: str) -> None:
        try:
            await self.count(kind, name)
        finally:
            self.places.release()

    async def count(self, kind: str, name: str) -> None:
        """One call of the kind; what came of it is counted."""
        connection = await self.connection()
        started = perf_counter()
        try:
            patience = 0.5 if kind == "leave" else 60
            await asyncio.wait_for(connection.ask(self.request(kind, name)), patience)
        except TimeoutError:
            connection.transport.abort()
            self.answers["left" if kind == "leave" else "no answer"] += 1
            return
        except OSError:
            self.answers["connection lost"] += 1
            return
        if kind == "plain":
            self.latencies.append(1000 * (perf_counter() - started))
        self.answers[outcome(connection)] += 1
        if connection.kept:
            self.idle.append((perf_counter(), connection))

    async def connection(self) -> Connection:
        """The one used last, unless that was long ago: a server ends what is idle."""
        while self.idle:
            used, connection = self.idle.pop()
            if perf_counter() - used < IDLE and not connection.transport.is_closing():
                return connection
            connection.transport.close()
        return await connect(self.server.port)

    def request(self, kind: str, name: str) -> bytes:
        streams = kind == "stream" or (kind in ("fault", "leave") and self.dice.random() < 0.5)
        fault = "wait" if kind == "leave" else self.dice.choice([each for each in FAULTS if each != "wait"])
        model = {} if kind in ("plain", "stream") else {"model": f"fault/{fault}"}
        body = json.dumps({} if kind == "hang" else CHAT | model | ({"stream": True} if streams else {})).encode()
        lines = (
            f"POST {HANG_PATH if kind == 'hang' else PATH} HTTP/1.1",
            f"host: 127.0.0.1:{self.server.port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-request-id: {name}",
            "x-agent: soak",
        )
        return "\r\n".join([*lines, "", ""]).encode() + body


def outcome(answer: Connection) -> str:
    """`ok` or the error's code; a stream's is in its last event."""
    text = bytes(answer.body)
    last = text.rpartition(b"event: error\ndata: ")
    if answer.status == 200 and not last[0]:
        return "ok"
    code: str = json.loads(last[2].split(b"\n")[0] or text)["code"]
    return code


def ledger(file: Path) -> tuple[int, Counter[str]]:
    """How many rows were ever begun, and the outcomes (codes of errors) of those that are kept."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        sql = "SELECT coalesce(code, outcome), count(*) FROM activity WHERE agent = 'soak' GROUP BY 1"
        begun = connection.execute(
            "SELECT count(DISTINCT request_id) FROM activity WHERE agent = 'soak'"
        ).fetchone()[0]
        return begun, Counter(dict(connection.execute(sql).fetchall()))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was watched: what it was, what it became, what it may be."""

    name: str
    before: str
    after: str
    target: str
    good: bool


def findings(soak: Soak, rows: int, kept: Counter[str], minutes: float) -> list[Finding]:
    settled = soak.samples[int(len(soak.samples) * SETTLING) :]
    third = max(1, len(settled) // 3)
    early, late = settled[:third], settled[-third:]
    growth = mean(each.pss for each in late) - mean(each.pss for each in early)
    bound = MAY_GROW_MB if minutes >= SHORT_MINUTES else SHORT_MAY_GROW_MB
    wrong = {
        name: soak.answers[name]
        for name in ("no answer", "connection lost", "internal_error")
        if soak.answers[name]
    }
    left, cancelled = soak.answers["left"], kept["cancelled"]
    answered, closed = soak.answers - Counter(left=left), kept - Counter(cancelled=cancelled)
    workers = soak.samples[-1].workers
    unheard = "equal, but for who left unheard"
    opened_before, opened_after = soak.samples[0].descriptors, soak.samples[-1].descriptors
    return [
        Finding("PSS, MB", f"{early[0].pss:.1f}", f"{late[-1].pss:.1f}", f"≤ {bound:g} more", growth <= bound),
        Finding(
            "open files",
            f"{opened_before}",
            f"{opened_after}",
            f"≤ {MAY_GROW_DESCRIPTORS} more",
            opened_after - opened_before <= MAY_GROW_DESCRIPTORS,
        ),
        Finding("workers", f"{WORKERS}", f"{workers}", f"{WORKERS}", workers == WORKERS),
        Finding("answers, rows", _counted(answered), _counted(closed), "equal", answered == closed),
        Finding("left, rows cancelled", f"{left}", f"{cancelled}", unheard, cancelled <= left),
        Finding("calls sent, rows", f"{soak.sent}", f"{rows}", unheard, rows == soak.sent - left + cancelled),
        Finding("without an answer of the contract", "0", _counted(Counter(wrong)), "0", not wrong),
    ]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "0"


def soak(minutes: float) -> tuple[Table, bool]:
    """The table, and whether all is flat and nothing was lost. Raises BenchError."""
    known = {candidate.name: candidate for candidate in candidates()}
    toy = replace(known[DIRECT], command=(sys.executable, "-m", "benchmarks.faults", "{port}"))
    with Server(toy) as upstream, Server(known[OURS], upstream.port) as server:
        run = Soak(server, 60 * minutes)
        uvloop.run(run.run())
        if len(run.samples) < 5:
            raise BenchError("too short to tell anything: --minutes 0.1 at least")
        rows, kept = settle(run)
        found = findings(run, rows, kept, minutes)
    return table(run, found, minutes), all(each.good for each in found)


def settle(run: Soak) -> tuple[int, Counter[str]]:
    """The ledger when every row is closed and what helped out has gone (workers, connections), or after 60 s."""
    file = run.server.home / "activity.db"
    may_be_open = run.samples[0].descriptors + MAY_GROW_DESCRIPTORS
    for _ in range(300):
        rows, kept = ledger(file)
        last = run.samples[-1] = run.look()
        if not kept["started"] and last.workers == WORKERS and last.descriptors <= may_be_open:
            break
        sleep(0.2)
    return rows, kept


def table(run: Soak, found: Sequence[Finding], minutes: float) -> Table:
    latencies = sorted(run.latencies)
    figures: dict[str, Any] = {"p50": latencies[len(latencies) // 2], "p99": latencies[int(len(latencies) * 0.99)]}
    title = (
        f"Soak: {minutes:g} minutes at {RATE} calls/s, {run.sent:,} calls, one in six of them a fault, a leaver "
        f"or an endless expression; plain calls took {figures['p50']:.1f} ms (p99 {figures['p99']:.1f} ms)"
    )
    rows = tuple((each.name, each.before, each.after, each.target, "yes" if each.good else "NO") for each in found)
    return Table(title, ("before", "after", "target", "held"), rows)
