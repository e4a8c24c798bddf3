"""What the pages cost over a long ledger, and what they cost other calls; `scripts/prove console` runs it.

Prints, and fails nowhere but where a page is larger than it may be: how quick a machine is is its own affair.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread

from agentos_runtime.console.files import read_static_files
from tests.console.conftest import Opened, opened
from tests.server.client import ask
from tests.state.long_ledger import make

ROWS = 100_000
PAGES = (
    "",
    "waiting",
    "skills",
    "skills/forms/try",
    "skills/forms/utilities",
    "activity",
    "activity?agent=agent-3",
    "activity/99999",
    "usage",
    "usage?days=90&by=agent",
    "keys",
    "agents",
)
LARGEST = 150 * 1024
"""Bytes of a page and of all files that it loads, as they are sent without compression."""
EVERYWHERE = ("console.css", "console.js", "icon.svg")
TIMES = 5
SECONDS, ROUNDS = 6, 6
PAUSE = 1.0
"""Seconds between two pages that somebody opens."""


def cpu(act: Callable[[], object]) -> float:
    """Milliseconds of this process, the least of some times: the client's part is in it."""
    spent = []
    for _ in range(TIMES):
        begun = time.process_time()
        act()
        spent.append(time.process_time() - begun)
    return min(spent) * 1000


def weigh(it: Opened, key: str) -> bool:
    """Each page: how large, and how much CPU; whether none is too large."""
    files = read_static_files().files
    all_of_them, some = sum(map(len, files.values())), sum(len(files[name]) for name in EVERYWHERE)
    base = cpu(lambda: ask(it, "GET", "/api/health/live"))
    print(f"{all_of_them / 1024:.0f} KB of files, {some / 1024:.0f} on every page")
    print(f"a request for nothing costs {base:.1f} ms, taken off below")
    heaviest = 0
    for path in PAGES:
        body = it.page(path, key).body
        heaviest = max(heaviest, len(body) + (all_of_them if b" data-use=" in body else some))
        print(f"{len(body) / 1024:7.1f} KB {cpu(partial(it.page, path, key)) - base:7.1f} ms  /{path}")
    return heaviest <= LARGEST


def disturb(it: Opened, key: str) -> None:
    """How long calls take while nobody looks, and while somebody opens a page after the other; by turns."""
    took: dict[bool, list[float]] = {False: [], True: []}
    for number in range(ROUNDS * 2):
        looking, stop = bool(number % 2), Event()
        visitor = Thread(target=tour, args=(it, key, stop))
        if looking:
            visitor.start()
        until = time.perf_counter() + SECONDS
        while (begun := time.perf_counter()) < until:
            ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": "other"})
            took[looking].append((time.perf_counter() - begun) * 1000)
        stop.set()
        if looking:
            visitor.join()
    for looking, label in ((False, "nobody looks"), (True, "somebody opens a page a second")):
        cuts = statistics.quantiles(took[looking], n=100)
        print(f"calls take p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms while {label}")


def tour(it: Opened, key: str, stop: Event) -> None:
    while True:
        for path in PAGES:
            if stop.wait(PAUSE):
                return
            it.page(path, key)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        make(home / "activity.db", ROWS)
        print(f"{ROWS} rows")
        with opened(Path(folder)) as it:
            key = it.let_in()
            fits = weigh(it, key)
            disturb(it, key)
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
