"""`python -m benchmarks [full|quick|stream|pass] [--only NAME …]`: measure, print, and (full) write RESULTS.md.

`python -m benchmarks soak [--minutes N]`: faults for an hour; exits with 1 when anything grew or was lost.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import measure
from benchmarks.candidates import (
    DIRECT,
    Candidate,
    absent_peers,
    candidates,
    fortress,
    newest,
    newest_version,
    passed_through,
    tools,
)
from benchmarks.measure import Effort, Table
from benchmarks.report import markdown, setting
from benchmarks.server import BenchError, Server
from benchmarks.soak import soak

EFFORTS = {"full": Effort(5, 3), "quick": Effort(1, 1, crowd=100), "stream": Effort(3, 2), "pass": Effort(5, 1.5)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the runtime beside its peers.")
    parser.add_argument("mode", nargs="?", default="full", choices=[*EFFORTS, "soak"])
    parser.add_argument("--only", action="append", metavar="NAME", help="measure only servers whose name has this")
    parser.add_argument("--minutes", type=float, default=60, help="how long to soak [60]")
    given = parser.parse_args()
    if given.mode == "soak":
        sys.exit(soaked(given.minutes))
    chosen = [
        candidate
        for candidate in candidates()
        if candidate.name == DIRECT or (given.mode != "pass" and _is_wanted(candidate, given.only))
    ]
    for peer in absent_peers():
        print(f"{peer} is not installed (benchmarks/install_peers): left out", file=sys.stderr)
    try:
        tables = list(measured(chosen, given.mode))
    except BenchError as error:
        sys.exit(f"bench: {error}")
    if given.mode == "full" and not given.only:
        text = markdown(tables, setting([*chosen, *tools()]))
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")


def _is_wanted(candidate: Candidate, only: Sequence[str] | None) -> bool:
    return not only or any(name in candidate.name for name in only)


def soaked(minutes: float) -> int:
    """Prints the table; 0 when all is flat and nothing was lost."""
    try:
        table, held = soak(minutes)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print(markdown([table]))
    return 0 if held else 1


def measured(chosen: Sequence[Candidate], mode: str) -> Iterator[Table]:
    with ExitStack() as running:
        servers: list[Server] = []
        for candidate in chosen:
            servers.append(running.enter_context(Server(candidate, servers[0].port if servers else None)))
        yield from _printed(_tables(servers, mode, EFFORTS[mode]))
        upstream = servers[0].port
        if mode in ("full", "pass"):
            passing = [running.enter_context(Server(candidate, upstream)) for candidate in passed_through()]
            yield from _printed([measure.passed_through(passing, EFFORTS[mode])])
        if mode == "full" and (later := [*newest()]):
            beside = [running.enter_context(Server(candidate, upstream)) for candidate in later]
            yield from _printed([measure.newest(beside, EFFORTS[mode], newest_version())])
        if mode == "full":
            yield from _printed([measure.starts(upstream, EFFORTS[mode])])
            offered = [running.enter_context(Server(candidate, upstream)) for candidate in tools()]
            yield from _printed([measure.tool_calls(offered, EFFORTS[mode])])
            protected = [running.enter_context(Server(candidate, upstream)) for candidate in fortress()]
            yield from _printed([measure.protections(protected, EFFORTS[mode])])


def _printed(tables: Iterable[Table]) -> Iterator[Table]:
    for table in tables:
        if table.rows:
            print(markdown([table]), flush=True)
            yield table


def _tables(servers: Sequence[Server], mode: str, effort: Effort) -> Iterator[Table]:
    idle = [server.pss_mb for server in servers]
    if mode in ("full", "quick"):
        yield measure.plain_calls(servers, effort)
        yield measure.large_answers(servers, effort)
    if mode in ("full", "quick", "stream"):
        yield measure.streams(servers, effort)
        yield measure.crowd(servers, effort)
        yield measure.footprint(servers, idle)
    if mode in ("full", "quick"):
        yield measure.hostile(servers, effort)
    if mode == "full":
        yield measure.growth(servers)


if __name__ == "__main__":
    main()
