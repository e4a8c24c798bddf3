"""Tables as Markdown, and the setting in which they were measured."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.candidates import Candidate
from benchmarks.measure import Table

_INTRODUCTION = """\
# Results

Written by `scripts/bench`; don't edit. All servers answer the same chat over the same toy upstream, in one run,
by turns; figures are medians. CPU and memory are those of the server's whole process tree; *added* means more than
the toy upstream alone. Every answer was checked. Every server runs as by default, one serving process each.
"""


_BUSY = 1.5
"""Tasks that want each processor; the bench itself keeps both of two busy."""
_WHEN_BUSY = """\
**Other programs kept this machine busy.** Every time below is longer than on a quiet machine, and CPU is more, for
caches are shared: what holds are ratios by turns, and counts. No target that is a time was tried by this run.
"""


def markdown(tables: Sequence[Table], setting: str = "") -> str:
    parts = [_INTRODUCTION, setting] if setting else []
    return "\n".join([*parts, *(_table(table) for table in tables)])


def setting(measured: Sequence[Candidate]) -> str:
    """Date, machine, versions."""
    packages = ("agentos-runtime", "starlette", "uvicorn", "uvloop", "httptools", "jq", "msgspec")
    versions = [f"{package} {version(package)}" for package in packages]
    versions.append(f"aiohttp {version('aiohttp')} in (a)")
    versions += [f"{candidate.name} {candidate.version}" for candidate in measured if candidate.version]
    machine = f"{platform.system()} {platform.release()}", f"{os.cpu_count()} × {_processor()}"
    python = f"Python {platform.python_version()}"
    waiting = os.getloadavg()[2] / (os.cpu_count() or 1)
    busy = waiting > _BUSY
    load = f"{'busy' if busy else 'quiet'} ({waiting:.1f} tasks a processor over 15 minutes)"
    line = " · ".join([f"{datetime.now(UTC):%Y-%m-%d}", *machine, load, python, *versions]) + "\n"
    return f"{line}\n{_WHEN_BUSY}" if busy else line


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _table(table: Table) -> str:
    head = ["", *table.columns]
    rows = [list(row) for row in table.rows]
    if table.targets:
        rows.append(["*target for us*", *table.targets])
    lines = [head, ["---", *("---:" for _ in table.columns)], *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {table.title}\n\n{body}\n"
