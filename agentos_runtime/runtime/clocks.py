"""Seams for time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Clocks:
    """Epoch seconds; seconds that only go forward; and a pause of some seconds."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
