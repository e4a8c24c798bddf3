"""What tests write goes to memory where there is enough of it: databases wait for a disk half of their time."""

import os
import tempfile
from pathlib import Path

FILES = Path("/dev/shm")  # Linux keeps these in memory
MEMORY = Path("/proc/meminfo")
ENOUGH = 1 << 30
"""Bytes; all tests together leave a quarter of it."""


def use_memory() -> None:
    """Choose the folder for temporary files of this run, of which the processes that it starts hear."""
    if "TMPDIR" not in os.environ and has_room():
        os.environ["TMPDIR"] = str(FILES)
        tempfile.tempdir = None  # to be found anew


def has_room() -> bool:
    """Whether there is enough memory, for files that may be programs."""
    try:
        files = os.statvfs(FILES)
        lines = MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    available = next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
    room = min(files.f_bavail * files.f_frsize, available // 2)
    return room > ENOUGH and not files.f_flag & getattr(os, "ST_NOEXEC", 0)
