"""What the system says of this process, under the names that are usual for it."""

import contextlib
import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path

from agentos_runtime.metrics.families import Family, Labels

_SELF = Path("/proc/self")


def process_lines() -> Iterator[str]:
    """CPU everywhere; the rest where /proc tells it."""
    major, minor, patch = platform.python_version_tuple()
    python = (platform.python_implementation(), major, minor, patch, platform.python_version())
    labels = ("implementation", "major", "minor", "patchlevel", "version")
    yield from family("python_info", "The interpreter", 1, labels, python)
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield from family("process_cpu_seconds_total", "CPU time", used.ru_utime + used.ru_stime, kind="counter")
    yield from family("process_max_fds", "Files that may be open", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    with contextlib.suppress(OSError, ValueError, IndexError):
        yield from _from_proc()


def _from_proc() -> Iterator[str]:
    fields = (_SELF / "stat").read_text().rpartition(")")[2].split()
    virtual, resident = int(fields[20]), int(fields[21]) * resource.getpagesize()
    booted = next(
        int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")
    )
    started = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    yield from family("process_virtual_memory_bytes", "Virtual memory", virtual)
    yield from family("process_resident_memory_bytes", "Resident memory", resident)
    yield from family("process_start_time_seconds", "When it started, since the epoch", started)
    yield from family("process_open_fds", "Files that are open", len(os.listdir(_SELF / "fd")))


def family(
    name: str, about: str, value: float, names: Labels = (), labels: Labels = (), *, kind: str = "gauge"
) -> Iterator[str]:
    """A family of one series."""
    made = Family(name, about, "counter" if kind == "counter" else "gauge", names)
    made.add(labels, value)
    return made.lines()
