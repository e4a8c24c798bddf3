"""What a call costs over PostgreSQL, beside SQLite, and with two processes, by turns: `scripts/prove costs`.

First the store alone, in one process, at fixed rates: a call that is let in under limits and settled, without the
generator. Then whole servers under the same load, with the CPU of the server and of its database.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeAlias

import httpx
import uvloop

from agentos_runtime.config.settings import Settings
from agentos_runtime.limits.shared import set_rules
from agentos_runtime.storage.files import with_database
from benchmarks.candidates import DIRECT, LIMITS, OURS, Candidate, candidates
from benchmarks.procfs import cpu_seconds
from benchmarks.server import Server
from tests.limits.support import Clock
from tests.stores.both import Call, Store, in_database, in_files
from tests.stores.databases import made, server

TURNS = 5
SECONDS = 3.0
RATES = (1000, 500, 100)
LOADS = ((200, True), (400, False), (100, False), (0, False))
"""Calls per second in all, or of each process; 0 = 16 callers that go on as they are answered."""
RULES: Mapping[str, Any] = {"default": {"calls_per_minute": 100_000_000, "cost_per_day": 1_000_000}}
Work: TypeAlias = Callable[[], Awaitable[float]]


class Now(Clock):
    """As it is."""

    def __call__(self) -> float:
        return time.time()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


# ------------------------------------------------------------------ the store alone


async def at_rate(work: Work, rate: int) -> tuple[float, list[float]]:
    """CPU seconds of the process for each call, and how long each took to be let in."""
    loop, tasks = asyncio.get_running_loop(), []
    began, cpu = loop.time(), time.process_time()
    for number in range(int(rate * SECONDS)):
        if (pause := began + number / rate - loop.time()) > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.ensure_future(work()))
    waited = await asyncio.gather(*tasks)
    return (time.process_time() - cpu) / len(tasks), waited


async def nothing() -> float:
    return 0.0


def call_of(store: Store) -> Work:
    async def call() -> float:
        began = time.perf_counter()
        held = await store.begin("bot")
        waited = time.perf_counter() - began
        assert isinstance(held, Call)
        await store.end(held, tokens=10, cost=0.001)
        return waited

    return call


@asynccontextmanager
async def both(address: str) -> Any:
    with tempfile.TemporaryDirectory() as home:
        async with in_files(Path(home), RULES, Now()) as files, in_database(address, RULES) as database:
            yield {"SQLite": files, "PostgreSQL": database}


async def stores(address: str) -> None:
    opened: AbstractAsyncContextManager[dict[str, Store]] = both(address)
    async with opened as stores:
        for rate in RATES:
            cpu: dict[str, list[float]] = {name: [] for name in stores}
            waits: dict[str, list[float]] = {name: [] for name in stores}
            for _ in range(TURNS):
                idle, _ = await at_rate(nothing, rate)
                for name, store in stores.items():
                    used, waited = await at_rate(call_of(store), rate)
                    cpu[name].append(used - idle)
                    waits[name] += waited
            for name, all_used in cpu.items():
                cut = quantiles(waits[name], n=100)
                say(
                    f"store, {rate} calls/s, {name}: {median(all_used) * 1e6:.0f} µs of CPU a call"
                    f" ({min(all_used) * 1e6:.0f} to {max(all_used) * 1e6:.0f}),"
                    f" let in after {cut[49] * 1e3:.2f} ms (p50), {cut[98] * 1e3:.1f} ms (p99)"
                )


# ------------------------------------------------------------------ whole servers


def servers(address: str) -> Iterator[Candidate]:
    ours = next(each for each in candidates() if each.name == OURS)
    agentos = str(Path(sys.executable).with_name("agentos"))
    local = replace(ours, command=(agentos, "serve"), files={**ours.files, "config.toml": LIMITS})
    given = {**ours.environ, "AGENTOS_DATABASE": address, "AGENTOS_DRAIN": "0"}
    shared = replace(ours, command=(agentos, "serve"), environ=given)
    for name, each in (("SQLite", local), ("PostgreSQL", shared)):
        yield replace(each, name=name)
        yield replace(each, name=f"{name}, 2 processes", command=(agentos, "serve", "--processes", "2"))


def database_cpu(name: str) -> float:
    """Seconds that the database's processes for this database have used, of those that there are."""
    found = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f" {name} ".encode() in (process / "cmdline").read_bytes().replace(b"\0", b" "):
                found += cpu_seconds(int(process.name))
        except OSError:
            continue
    return found


def figure(server: Server, name: str) -> float:
    with httpx.Client(trust_env=False) as client:
        text = client.get(f"http://127.0.0.1:{server.port}/metrics").text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} "))


@contextmanager
def running(address: str) -> Iterator[list[Server]]:
    toy = next(each for each in candidates() if each.name == DIRECT)
    with ExitStack() as opened:
        upstream = opened.enter_context(Server(toy))
        yield [opened.enter_context(Server(each, upstream.port)) for each in servers(address)]


def whole(address: str) -> None:
    database = address.rpartition("/")[2].partition("?")[0]
    with running(address) as started:
        for each in started:
            each.load(each.job(16, seconds=2))
        for rate, of_each in LOADS:
            cpu: dict[str, list[float]] = {each.candidate.name: [] for each in started}
            theirs: dict[str, list[float]] = {name: [] for name in cpu}
            for _ in range(TURNS):
                for each in started:
                    before = database_cpu(database)
                    times = 2 if of_each and "," in each.candidate.name else 1
                    result, used = each.load(each.job(16 * times, seconds=SECONDS, rate=rate * times))
                    cpu[each.candidate.name].append(used / result.requests)
                    theirs[each.candidate.name].append((database_cpu(database) - before) / result.requests)
            for name, all_used in cpu.items():
                base = cpu[name.partition(",")[0]] if "," in name else cpu["SQLite"]
                ratio = median(one / other for one, other in zip(all_used, base, strict=True))
                load = f"{rate} calls/s{' for each process' if of_each else ''}" if rate else "16 at once"
                beside = "one process" if "," in name else "SQLite"
                say(
                    f"server, {load}, {name}: {median(all_used) * 1e3:.3f} ms of CPU a call"
                    f" ({min(all_used) * 1e3:.3f} at"
                    f" least), {ratio:.2f}× {beside}; the database's {median(theirs[name]) * 1e3:.3f} ms"
                )
        shared = next(each for each in started if each.candidate.name == "PostgreSQL")
        trips, carried = (figure(shared, f"agentos_database_{name}_total") for name in ("trips", "carried"))
        say(f"PostgreSQL: {carried:.0f} calls let in or settled in {trips:.0f} round trips")


def main() -> None:
    with made(server()) as address:
        uvloop.run(stores(address))
    with made(server()) as address:
        documents = with_database(Settings(home=Path("/nonexistent"), database=address)).documents
        set_rules(documents, RULES)
        documents.side.close()
        whole(address)


if __name__ == "__main__":
    main()
