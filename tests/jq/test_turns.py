"""Turns at the checking of expressions."""

import asyncio
from contextlib import suppress

from agentos_runtime.jq.turns import Turns


def test_a_turn_passes_over_who_was_cancelled_in_the_same_moment() -> None:
    async def scene() -> list[str]:
        turns, release, had = Turns(), asyncio.Event(), list[str]()

        async def hold() -> None:
            async with turns.turn(lambda: 0.0):
                await release.wait()

        async def want(name: str, left: float) -> None:
            async with turns.turn(lambda: left):
                had.append(name)

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0)
        leaver, stayer = asyncio.create_task(want("leaver", 1.0)), asyncio.create_task(want("stayer", 2.0))
        await asyncio.sleep(0)
        release.set()
        leaver.cancel()
        await asyncio.gather(holder, stayer)
        with suppress(asyncio.CancelledError):
            await leaver
        await want("later", 0.0)
        return had

    assert asyncio.run(scene()) == ["stayer", "later"]
