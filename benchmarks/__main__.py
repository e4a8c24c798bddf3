"""`python -m benchmarks [full|quick|stream|soak] [--only NAME …]`: measure, print, and (full) write RESULTS.md."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import measure
from benchmarks.candidates import DIRECT, Candidate, absent_peers, candidates
from benchmarks.measure import Effort, Table
from benchmarks.report import markdown, setting
from benchmarks.server import BenchError, Server

EFFORTS = {"full": Effort(5, 3), "quick": Effort(1, 1, crowd=100), "stream": Effort(3, 2), "soak": Effort(1, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the runtime beside its peers.")
    parser.add_argument("mode", nargs="?", default="full", choices=EFFORTS)
    parser.add_argument("--only", action="append", metavar="NAME", help="measure only servers whose name has this")
    given = parser.parse_args()
    chosen = [
        candidate
        for candidate in candidates()
        if candidate.name == DIRECT or not given.only or any(name in candidate.name for name in given.only)
    ]
    for peer in absent_peers():
        print(f"{peer} is not installed (benchmarks/install_peers): left out", file=sys.stderr)
    try:
        tables = list(measured(chosen, given.mode))
    except BenchError as error:
        sys.exit(f"bench: {error}")
    if given.mode == "full" and not given.only:
        text = markdown(tables, setting(chosen))
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")


def measured(chosen: Sequence[Candidate], mode: str) -> Iterator[Table]:
    with ExitStack() as running:
        servers: list[Server] = []
        for candidate in chosen:
            servers.append(running.enter_context(Server(candidate, servers[0].port if servers else None)))
        for table in _tables(servers, mode, EFFORTS[mode]):
            if table.rows:
                print(markdown([table]), flush=True)
                yield table


def _tables(servers: Sequence[Server], mode: str, effort: Effort) -> Iterator[Table]:
    idle = [server.pss_mb for server in servers]
    if mode in ("full", "quick"):
        yield measure.plain_calls(servers, effort)
    if mode in ("full", "quick", "stream"):
        yield measure.streams(servers, effort)
        yield measure.crowd(servers, effort)
        yield measure.footprint(servers, idle)
    if mode in ("full", "quick", "soak"):
        yield measure.hostile(servers, effort)
    if mode in ("full", "soak"):
        yield measure.growth(servers)


if __name__ == "__main__":
    main()
