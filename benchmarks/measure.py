"""What is measured. Each function runs its jobs against all servers by turns, several times, and gives one table.

Every figure is the median of the repetitions; a table's first column names the server.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.candidates import BARE, DIRECT, HOSTILE_PATHS, OURS, with_skills
from benchmarks.replies import WORDS
from benchmarks.server import Server

CHUNKS = 50
LARGE = 3000
"""Words of a plain answer of 15 KB."""
MANY = 20
SETTLING = 30.0
"""Seconds for which a server that starts with more skills than so many may read and keep them."""
CONNECTIONS = (1, 16, 64)
STREAM_MODES = (("burst", 0, 16, CHUNKS), ("paced", 10, 32, CHUNKS), ("alone", 10, 1, 5))
"""Name, milliseconds between chunks, streams at once, chunks of each."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often; a `crowd` is how many streams run at once."""

    repeats: int
    seconds: float
    crowd: int = 500


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, the columns with their units, one row per server, and the targets that are for us."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...] = ()


class Samples:
    """Repeated figures by server and name; reads as their median."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, server: Server, name: str, figure: float) -> None:
        self._figures[server.candidate.name, name].append(figure)

    def of(self, server: str, name: str) -> float:
        return median(self._figures[server, name])

    def added(self, server: str, name: str) -> float:
        """How much more than the toy upstream alone."""
        return self.of(server, name) - self.of(DIRECT, name)

    def ratio(self, server: str, name: str) -> str:
        """Against the bare pass-through."""
        return f"{self.of(server, name) / self.of(BARE, name):.2f}×" if (BARE, name) in self._figures else "–"


def plain_calls(servers: Sequence[Server], effort: Effort) -> Table:
    samples = Samples()
    for server in servers:
        server.load(server.job(16, seconds=1))
    for _ in range(effort.repeats):
        for connections in CONNECTIONS:
            for server in servers:
                result, cpu = server.load(server.job(connections, seconds=effort.seconds))
                samples.add(server, f"rps {connections}", result.requests / result.seconds)
                samples.add(server, f"cpu {connections}", 1000 * cpu / result.requests)
                samples.add(server, f"p50 {connections}", result.p50)
                samples.add(server, f"p99 {connections}", result.p99)
        for server in servers:
            result, _ = server.load(server.job(32, seconds=effort.seconds, rate=200))
            samples.add(server, "paced p99", result.p99)
    return Table(
        f"Plain calls ({effort.repeats} × {effort.seconds:g} s each)",
        (
            "CPU ms per request, 16 connections",
            "of (a)",
            *(f"requests/s, {connections}" for connections in CONNECTIONS),
            "p50 added, 1 connection, ms",
            "p99 added, 1 connection, ms",
            "p99 added at 200 requests/s, ms",
        ),
        tuple(
            (
                server.candidate.name,
                f"{samples.of(server.candidate.name, 'cpu 16'):.3f}",
                samples.ratio(server.candidate.name, "cpu 16"),
                *(f"{samples.of(server.candidate.name, f'rps {connections}'):,.0f}" for connections in CONNECTIONS),
                f"{samples.added(server.candidate.name, 'p50 1'):.2f}",
                f"{samples.added(server.candidate.name, 'p99 1'):.2f}",
                f"{samples.added(server.candidate.name, 'paced p99'):.2f}",
            )
            for server in servers
        ),
        ("", "≤ 1.4×", "", "", "", "", "", "≤ 1 ms"),
    )


def protections(servers: Sequence[Server], effort: Effort) -> Table:
    """What each protection costs: the first server has everything on."""
    samples = Samples()
    for server in servers:
        server.load(server.job(16, seconds=1))
    for _ in range(effort.repeats):
        for server in servers:
            result, cpu = server.load(server.job(16, seconds=effort.seconds))
            samples.add(server, "cpu", 1000 * cpu / result.requests)
    whole = samples.of(servers[0].candidate.name, "cpu")
    rows = []
    for name in (server.candidate.name for server in servers):
        own = samples.of(name, "cpu")
        rows.append((name, f"{own:.3f}", f"{own / whole:.2f}×"))
    columns = ("CPU ms per request, 16 connections", "of everything on")
    return Table("What the protections cost", columns, tuple(rows))


def streams(servers: Sequence[Server], effort: Effort) -> Table:
    samples = Samples()
    for _ in range(effort.repeats):
        for mode, interval_ms, connections, chunks in STREAM_MODES:
            for server in servers:
                server.pace_streams(chunks, interval_ms)
                result, cpu = server.load(server.job(connections, seconds=effort.seconds, chunks=chunks))
                samples.add(server, f"cpu {mode}", 1e6 * cpu / (result.requests * chunks))
                samples.add(server, f"first {mode}", result.first_p50)
    return Table(
        f"Streams of {CHUNKS} chunks ({effort.repeats} × {effort.seconds:g} s each)",
        (
            "CPU ms per 1,000 chunks, all at once",
            "of (a)",
            "CPU ms per 1,000 chunks, one each 10 ms",
            "of (a)",
            "time to first delta added, 1 stream, ms",
        ),
        tuple(
            (
                name,
                f"{samples.of(name, 'cpu burst'):.1f}",
                samples.ratio(name, "cpu burst"),
                f"{samples.of(name, 'cpu paced'):.1f}",
                samples.ratio(name, "cpu paced"),
                f"{samples.added(name, 'first alone'):.2f}",
            )
            for name in (server.candidate.name for server in servers)
        ),
        ("", "≤ 1.4×", "", "≤ 1.2×", "≤ 1 ms"),
    )


def crowd(servers: Sequence[Server], effort: Effort) -> Table:
    """Many streams at once, a chunk every 100 ms each: how many fail, and what each takes of memory."""
    rows = []
    for server in servers:
        server.pace_streams(CHUNKS, 100)
        before, cpu = server.pss_mb, server.cpu_seconds
        job = replace(server.job(effort.crowd, requests=effort.crowd, chunks=CHUNKS), tolerate=True)
        driver = server.start_load(job)
        peak = before
        while driver.poll() is None:
            peak = max(peak, server.pss_mb)
        result = server.finish_load(driver)
        rows.append(
            (
                server.candidate.name,
                f"{result.failures}",
                f"{1024 * (peak - before) / effort.crowd:.0f}",
                f"{result.seconds:.1f}",
                f"{server.cpu_seconds - cpu:.2f}",
            )
        )
    columns = ("dropped", "PSS per stream, KB", f"all done after, s (at best {CHUNKS * 0.1:.1f})", "CPU, s")
    return Table(f"{effort.crowd} streams at once", columns, tuple(rows), ("0", "", "", ""))


def footprint(servers: Sequence[Server], idle: Sequence[float]) -> Table:
    return Table(
        "Start and memory (whole process tree)",
        ("start to first answered chat, s", "PSS idle, MB", "PSS after all the above, MB"),
        tuple(
            (server.candidate.name, f"{server.start_ms / 1000:.2f}", f"{before:.0f}", f"{server.pss_mb:.0f}")
            for server, before in zip(servers, idle, strict=True)
        ),
        ("≤ 0.3 s", "", "≤ 75 MB"),
    )


def hostile(servers: Sequence[Server], effort: Effort) -> Table:
    """Two agents keep calling expressions that never end, or use their budget up: what do the others notice?"""
    rows = []
    for server in (server for server in servers if server.candidate.name == OURS):
        quiet, _ = server.load(server.job(8, seconds=effort.seconds * 2, rate=100))
        hang = replace(server.job(1, seconds=effort.seconds * 2), body="{}", tolerate=True)
        attacks = [server.start_load(replace(hang, path=path)) for path in HOSTILE_PATHS]
        pinged, _ = server.load(server.job(8, seconds=effort.seconds * 2, rate=100))
        endless, heavy = (server.finish_load(attack) for attack in attacks)
        ended = f"{endless.failures}", f"{heavy.requests}"
        figures = (f"{quiet.p99:.1f}", f"{pinged.p99:.1f}", f"{pinged.longest:.1f}", *ended)
        rows.append((server.candidate.name, *figures))
    columns = (
        "p99 in quiet, ms",
        "p99 of others, ms",
        "longest of others, ms",
        "endless calls ended",
        "heavy calls answered",
    )
    title = "Others while two agents call an endless and a heavy expression"
    return Table(title, columns, tuple(rows), ("", "< 10 ms", "", "> 0", "> 0"))


def large_answers(servers: Sequence[Server], effort: Effort) -> Table:
    """Plain calls whose answer has 15 KB."""
    samples = Samples()
    for server in servers:
        server.size_answers(LARGE)
        server.load(server.job(16, seconds=1))
    for _ in range(effort.repeats):
        for server in servers:
            result, cpu = server.load(server.job(16, seconds=effort.seconds))
            samples.add(server, "cpu", 1000 * cpu / result.requests)
    servers[0].size_answers(WORDS)
    rows = tuple(
        (name, f"{samples.of(name, 'cpu'):.3f}", samples.ratio(name, "cpu"))
        for name in (server.candidate.name for server in servers)
    )
    return Table("Plain calls with an answer of 15 KB", ("CPU ms per request, 16 connections", "of (a)"), rows)


def tool_calls(servers: Sequence[Server], effort: Effort) -> Table:
    """The same chat by an address of its own and as a tool over MCP: the first server is the measure."""
    samples = Samples()
    for server in servers:
        server.load(server.job(16, seconds=1))
    for _ in range(effort.repeats):
        for server in servers:
            result, cpu = server.load(server.job(16, seconds=effort.seconds))
            samples.add(server, "cpu", 1000 * cpu / result.requests)
            samples.add(server, "p99", result.p99)
    first = samples.of(servers[0].candidate.name, "cpu")
    rows = []
    for name in (server.candidate.name for server in servers):
        own = samples.of(name, "cpu")
        rows.append((name, f"{own:.3f}", f"{own / first:.2f}×", f"{samples.of(name, 'p99'):.2f}"))
    columns = ("CPU ms per call, 16 connections", "of REST", "p99, 16 connections, ms")
    return Table("Tools over MCP", columns, tuple(rows))


def passed_through(servers: Sequence[Server], effort: Effort) -> Table:
    """The same chat by the service's own address."""
    return _by_turns("Addresses that pass through", servers, effort, "≤ 1.3×")


def newest(servers: Sequence[Server], effort: Effort, version: str) -> Table:
    """What depends on the Python: the first server runs on the same one."""
    return _by_turns(f"On Python {version}", servers, effort, "")


def _by_turns(title: str, servers: Sequence[Server], effort: Effort, target: str) -> Table:
    """Of all servers in the same seconds, and each one's ratio to the first each time."""
    ways = (("plain", 0, 16, 0), *STREAM_MODES[:2])
    samples, ratios = Samples(), Samples()
    for server in servers:
        server.load(server.job(16, seconds=1))
    for _ in range(2 * effort.repeats):
        for way, interval_ms, connections, chunks in ways:
            servers[0].pace_streams(chunks or CHUNKS, interval_ms)
            used = []
            for server in servers:
                result, cpu = server.load(server.job(connections, seconds=effort.seconds / 2, chunks=chunks))
                used.append(1000 * cpu / result.requests)
                samples.add(server, way, used[-1])
                ratios.add(server, way, used[-1] / used[0])
    named = {"plain": "plain", "burst": "stream, all at once", "paced": "stream, one chunk each 10 ms"}
    return Table(
        f"{title} ({2 * effort.repeats} × {effort.seconds / 2:g} s each)",
        tuple(column for way, *_ in ways for column in (f"CPU ms, {named[way]}", "of (a)")),
        tuple(
            (name, *(text for way, *_ in ways for text in _with_ratio(samples, ratios, name, way)))
            for name in (server.candidate.name for server in servers)
        ),
        ("", target) * len(ways) if target else (),
    )


def _with_ratio(samples: Samples, ratios: Samples, server: str, way: str) -> tuple[str, str]:
    return f"{samples.of(server, way):.3f}", f"{ratios.of(server, way):.2f}×"


def starts(upstream: int, effort: Effort) -> Table:
    """From the start of the process to the first health and the first answered chat, each home twice and more."""
    rows = []
    for count in (1, 4, 200):
        with tempfile.TemporaryDirectory(prefix="bench-home-") as folder:
            seen = []
            for _ in range(effort.repeats + 1):
                with Server(with_skills(count), upstream, Path(folder)) as server:
                    seen.append((server.health_ms / 1000, server.start_ms / 1000, server.start_cpu))
                    if count > MANY and len(seen) == 1:
                        server.load(replace(server.job(1, seconds=SETTLING, rate=1), tolerate=True))
            first, again = seen[0], [median(figures) for figures in zip(*seen[1:], strict=True)]
            name = f"{OURS}, {count} imported skills"
            rows.append((f"{name}, the first time", *(f"{figure:.2f}" for figure in first)))
            rows.append((f"{name}, again", *(f"{figure:.2f}" for figure in again)))
    columns = ("to health, s", "to the first answered chat, s", "CPU until then, s")
    return Table("Starts, besides the skills that ship", columns, tuple(rows), ("≤ 1 s", "≤ 0.3 s", ""))


def growth(servers: Sequence[Server]) -> Table:
    """Memory at call 10,000 and at call 100,000."""
    rows = []
    for server in (server for server in servers if server.candidate.name in (OURS, BARE)):
        server.load(server.job(16, requests=10_000))
        early = server.pss_mb
        server.load(server.job(16, requests=90_000))
        late = server.pss_mb
        rows.append((server.candidate.name, f"{early:.1f}", f"{late:.1f}", f"{late - early:+.1f}"))
    columns = ("PSS after 10,000 calls, MB", "PSS after 100,000 calls, MB", "growth, MB")
    return Table("Growth", columns, tuple(rows), ("", "", "0"))
