"""A process of its own that calls as often as it is told and says how often it was let in."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

from agentos_runtime.errors import RateLimited
from tests.limits.support import opened

RULES = {"default": {"calls_per_minute": 700, "tokens_per_day": 10**9}}


async def main(home: Path, visits: int, calls: int) -> int:
    """Open the limits so many times, and call so often in each."""
    entered = 0
    for _ in range(visits):
        async with opened(home, RULES, time.time) as limits:
            for _ in range(calls):
                with contextlib.suppress(RateLimited):
                    admission = await limits.admit("cursor", "toy", "ask", paid=True)
                    assert admission is not None
                    entered += 1
                    await admission.close(3, 0.0)
    return entered


async def hold(home: Path) -> None:
    """Enter, say so, and wait to be killed."""
    async with opened(home, {"default": {"concurrent": 1}}, time.time) as limits:
        await limits.admit("cursor", "toy", "ask", paid=True)
        print("in", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        asyncio.run(hold(Path(sys.argv[2])))
    for line in sys.stdin:  # a round: home, visits, calls
        folder, *numbers = line.split("\t")
        print(asyncio.run(main(Path(folder), *map(int, numbers))), flush=True)  # noqa: T201
