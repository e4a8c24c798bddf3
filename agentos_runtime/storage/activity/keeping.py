"""`[activity] keep`: what is older is dropped by itself, while calls go on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from agentos_runtime.config.tables import read_table
from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.activity.conditions import seconds_of
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

EVERY = 3600.0
"""Seconds between two looks."""
LEAST = 8 * 86400
"""Seconds: budgets of a week are counted by what is there."""


@dataclass(frozen=True, slots=True)
class ActivitySettings:
    """keep: seconds; None = for ever."""

    keep: int | None = None


def read_activity(raw: object, file: object) -> ActivitySettings:
    """The table `activity`; `file` is named in errors. Raises SettingsError."""
    return ActivitySettings(**read_table(raw, f"{file}: activity", {"keep": _duration}))


def _duration(value: Any) -> int:
    seconds = seconds_of(value) if isinstance(value, str) else None
    if seconds is None or seconds < LEAST:
        raise ValueError('must be a duration of 8 days or more, such as "90d"')
    return seconds


@asynccontextmanager
async def kept_for(
    seconds: int | None,
    prune: Callable[[int], object],
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """What began longer ago is dropped while the block runs, at once and then now and then.

    prune: drops, in a thread, what began before a moment in milliseconds since 1970.
    """
    if seconds is None:
        yield
        return
    dropping = asyncio.create_task(_drop(seconds, prune, now, sleep))
    try:
        yield
    finally:
        dropping.cancel()
        with suppress(asyncio.CancelledError):
            await dropping


async def _drop(
    seconds: int,
    prune: Callable[[int], object],
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    while True:
        try:
            await asyncio.to_thread(prune, int((now() - seconds) * 1000))
        except DatabaseTrouble as error:
            logging.getLogger("agentos.activity").warning("old activity was not dropped: %s", error)
        await sleep(EVERY)
