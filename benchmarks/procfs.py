"""What a whole tree of processes has used, read from /proc (Linux)."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_NANO = 1e9


def cpu_seconds(pid: int) -> float:
    """Time on a processor of the process and everything it started, the children that ended included.

    That of a thread is what the scheduler counted, to the nanosecond; that of ended children comes in ticks.
    """
    return sum(_on_cpu(member) + _of_the_ended(member) for member in tree(pid))


def pss_mb(pid: int) -> float:
    """Memory of the tree in MB; pages shared between processes are counted once (proportional set size)."""
    return sum(_pss_kb(member) for member in tree(pid)) / 1024


def descriptors(pid: int) -> int:
    """Files and sockets that the whole tree has open."""
    return sum(len(_listed(Path(f"/proc/{member}/fd"))) for member in tree(pid))


def tree(pid: int) -> list[int]:
    members = [pid]
    for member in members:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            members += [int(child) for child in _read(task).split()]
    return members


def _on_cpu(pid: int) -> float:
    counted = (_read(thread / "schedstat").split() for thread in _listed(Path(f"/proc/{pid}/task")))
    return sum(int(fields[0]) for fields in counted if fields) / _NANO


def _of_the_ended(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[13:15]) / _TICKS  # cutime, cstime


def _pss_kb(pid: int) -> int:
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # the process has just ended
        return []


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the process has just ended
        return ""
