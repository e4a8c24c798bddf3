"""A clock of this machine that is wrong for one process: what asks the system for the time is told another one."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

HOUR = 3600
_SHIM = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long off(void) {
    const char *text = getenv("TEST_CLOCK_IS_OFF_BY");
    return text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, told);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) told->tv_sec += off();
    return done;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
"""


def wrong_clock(folder: Path, seconds: int) -> Mapping[str, str]:
    """What is set for a process whose clock is so many seconds ahead, or behind. Skips where nothing compiles C."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc), with which a process gets a clock of its own")
    library = folder / "clock.so"
    if not library.exists():
        source = folder / "clock.c"
        source.write_text(_SHIM)
        made = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(made, check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "TEST_CLOCK_IS_OFF_BY": str(seconds)}
