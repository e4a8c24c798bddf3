"""When garbage that refers to itself is looked for, and freed memory given back: when memory has grown.

An error, its traceback and the frames in it refer to each other, so only the collector of cycles frees what they
hold. It counts objects, not bytes: a few calls that failed over many megabytes each would not wake it for hours.
And what glibc's allocator has freed between pieces in use stays with the process until it is asked to give it back:
after some hundred replies that were cut off at 8 MB, 450 MB of which 100 were in use.
"""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from resource import getpagesize

GROWN = 32 << 20
"""Bytes by which the memory may grow before garbage is looked for."""
_LOADING = 16
"""Times as much while skills are being loaded."""
_STATM = Path("/proc/self/statm")


def resident() -> int:
    """The bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * getpagesize()
    except OSError:
        return 0


def _giver() -> Callable[[], object]:
    """What gives freed memory back to the system; nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return (lambda: None) if trim is None else (lambda: trim(0))


class Collector:
    """Looks for garbage whenever the memory has grown by `grown` bytes: since it last looked, or by half of
    that since nothing was under way, now that nothing is again.

    While `is_loading`, it may grow further: what a skill brings stays, and to look at all of it holds calls up. So
    what is there once skills are loaded is set aside, and looked at again only when nothing is under way.
    """

    def __init__(self, is_loading: Callable[[], bool], grown: int = GROWN) -> None:
        self._is_loading = is_loading
        self._grown = grown
        self._base, self._idle_base = resident(), 0
        self._was_loading = True
        self._give_back = _giver()

    def look(self, *, idle: bool) -> None:
        """To be called every second or so. idle: no request is under way, so nobody waits for this."""
        was_loading, self._was_loading = self._was_loading, self._is_loading()
        if self._was_loading:
            most = self._base + self._grown * _LOADING
        elif was_loading:
            self._base, self._idle_base = resident(), 0  # what of it stays is known once garbage was looked for
            gc.freeze()
            return
        else:
            most = self._idle_base + self._grown // 2 if idle else self._base + self._grown
        if resident() > most:
            if idle:
                gc.unfreeze()
            gc.collect()
            if idle:
                gc.freeze()
            self._give_back()
            self._base = resident()
            if idle:
                self._idle_base = self._base
