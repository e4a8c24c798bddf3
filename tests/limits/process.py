"""A process of its own that calls as often as it is told and says how often it was let in."""

import asyncio
import sys
import time
from pathlib import Path

from agentos_runtime.errors import RateLimited
from tests.limits.support import opened


async def main(home: Path, calls: int) -> int:
    entered = 0
    rules = {"default": {"calls_per_minute": 700, "tokens_per_day": 10**9}}
    async with opened(home, rules, time.time) as limits:
        for _ in range(calls):
            try:
                admission = await limits.admit("cursor", "toy", "ask", paid=True)
            except RateLimited:
                continue
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
    else:
        print(asyncio.run(main(Path(sys.argv[2]), 500)))  # noqa: T201
